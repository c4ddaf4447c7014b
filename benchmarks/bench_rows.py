"""The cache of rows: build it from arrays, durably, and open it, which verifies every byte; records of 264 bytes.

Building against writing the same bytes and fsync; opening, with the file in the page cache, against SHA-256 of the
file, which is what verifies a bundle, and against reading it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mlops_runtime import _native
from mlops_runtime.data.rows import RowCache, RowLayout
from mlops_runtime.data.rows.manifest import ROWS
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_BATCH_ROWS = 1 << 16
_CHUNK = 1 << 20


def run(quick: bool) -> list[Measurement]:
    """Measure 2 threads."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    _native.set_thread_count(2)
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), rows, rounds)


def _measure(folder: Path, rows: int, rounds: int) -> list[Measurement]:
    random = np.random.default_rng(0)
    arrays = {
        "sparse": random.integers(0, 1 << 40, (rows, 26)),
        "dense": random.random((rows, 13), dtype=np.float32),
        "target": random.random(rows, dtype=np.float32),
    }
    layout, cache, plain = RowLayout.of(arrays), RowCache(folder / "cache"), folder / "plain"
    content = np.zeros((rows, layout.row_bytes), np.uint8)

    def batches() -> Iterator[dict[str, np.ndarray]]:
        for start in range(0, rows, _BATCH_ROWS):
            yield {name: array[start : start + _BATCH_ROWS] for name, array in arrays.items()}

    def build() -> str:
        shutil.rmtree(cache.root, ignore_errors=True)
        return cache.build(layout, {}, batches()).digest

    def write() -> None:
        plain.unlink(missing_ok=True)
        with plain.open("wb") as stream:
            stream.write(content)
            os.fsync(stream.fileno())

    size = f"{rows:,} x {layout.row_bytes} bytes, 2 threads"
    subject = Contender("mlops_runtime", build, 2, role="subject")
    built = measure(
        f"cache of rows, build, {size}", [subject, Contender("write and fsync", write, role="floor")], rounds=rounds
    )
    digest = build()
    file = cache.root / digest / ROWS
    contenders = [
        Contender("mlops_runtime", lambda: cache.open(digest), 2, role="subject"),
        Contender("sha256 of the file", lambda: _read(file, hashlib.sha256().update)),
        Contender("read of the file", lambda: _read(file, len), role="floor"),
    ]
    return [built, measure(f"cache of rows, open and verify, {size}", contenders, rounds=rounds, warmup=1)]


def _read(path: Path, use: Callable[[memoryview], object]) -> None:
    buffer = bytearray(_CHUNK)
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            use(memoryview(buffer)[:count])


if __name__ == "__main__":
    benchmark_main("rows", run)
