"""XXH3-64 of 256 MiB in memory on one thread, at every level, against the xxhash package, SHA-256 and a plain read."""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import xxhash

from mlops_runtime import _native
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_LEVELS = ("scalar", "avx2", "avx512")


def run(quick: bool) -> list[Measurement]:
    """Measure one buffer, larger than any cache."""
    size, rounds = (8 << 20, 3) if quick else (256 << 20, 7)
    data = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    words, best = data.view(np.int64), _native.detected_isa()

    def ours(level: str) -> None:
        _native.set_isa(level)
        _native.hash_bytes(data)

    contenders = [
        Contender("mlops_runtime", partial(ours, best), role="subject"),
        *(Contender(f"mlops_runtime, {level}", partial(ours, level)) for level in _LEVELS[: _LEVELS.index(best)]),
        Contender("xxhash", lambda: xxhash.xxh3_64_intdigest(data)),
        Contender("hashlib.sha256", lambda: hashlib.sha256(data)),
        Contender("numpy.sum, a plain read", words.sum, role="floor"),
    ]
    return [measure(f"block hash, {size >> 20} MiB, 1 thread", contenders, rounds=rounds, warmup=1)]


if __name__ == "__main__":
    benchmark_main("block_hash", run, packages=("xxhash",))
