"""A shuffled order of 2M rows, and of 100M, in pieces of 4,096, against numpy's and torch's permutations.

The peers make the whole order and keep it: 8 bytes a row, whose making is all that is timed, because reading it back is
nothing. Ours makes each piece when it is asked for and keeps nothing. Floor: as many numbers written in their order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from levels import every_level

from mlops_runtime._native import Permutation
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_PIECE = 4096


def run(quick: bool) -> list[Measurement]:
    """Measure each size on one thread."""
    sizes, rounds = ((50_000,), 3) if quick else ((2_000_000, 100_000_000), 5)
    return [_measure(size, rounds) for size in sizes]


def _measure(size: int, rounds: int) -> Measurement:
    random = np.random.default_rng(0)
    torch.set_num_threads(1)
    contenders = [
        *every_level(_ours(size)),
        Contender("numpy.random.permutation", lambda: random.permutation(size)),
        Contender("torch.randperm", lambda: torch.randperm(size)),
        Contender("numpy.arange", lambda: np.arange(size), role="floor"),
    ]
    return measure(f"shuffled order of {size:,} rows, 1 thread", contenders, rounds=rounds, warmup=1, patience=1)


def _ours(size: int) -> Callable[[], None]:
    order = Permutation(size, 1, 2)

    def pieces() -> None:
        for start in range(0, size, _PIECE):
            order.rows(start, min(_PIECE, size - start))

    return pieces


if __name__ == "__main__":
    benchmark_main("permutation", run, packages=("numpy", "torch"))
