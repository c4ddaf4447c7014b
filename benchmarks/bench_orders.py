"""Weighted draws and strata in proportion over 2M rows, in pieces of 4,096, against numpy, torch and scikit-learn.

Draws: numpy's choice with probabilities and torch.multinomial, with replacement, both of the whole epoch at once; ours
with its table made before, which serves all epochs, and with making it. Strata: scikit-learn's StratifiedShuffleSplit
in two halves: it gives proportions to these, not to every piece. On one thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from sklearn.model_selection import StratifiedShuffleSplit

from mlops_runtime._native import Order, StratifiedOrder, WeightedDraws
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_PIECE = 4096
_STRATA = 10


def run(quick: bool) -> list[Measurement]:
    """Measure both orders."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    torch.set_num_threads(1)
    return [_draws(rows, rounds), _strata(rows, rounds)]


def _draws(rows: int, rounds: int) -> Measurement:
    random = np.random.default_rng(0)
    weights = random.random(rows) ** 4
    shares, tensor = weights / weights.sum(), torch.from_numpy(weights)
    contenders = [
        Contender("mlops_runtime", _pieces(WeightedDraws(weights, rows, 1).with_key), role="subject"),
        Contender("mlops_runtime, with its table", _pieces(partial(WeightedDraws, weights, rows))),
        Contender("numpy choice", lambda: random.choice(rows, rows, p=shares)),
        Contender("torch.multinomial", lambda: torch.multinomial(tensor, rows, replacement=True)),
    ]
    return measure(f"weighted draws, {rows:,} of {rows:,} rows, 1 thread", contenders, rounds=rounds, warmup=1)


def _strata(rows: int, rounds: int) -> Measurement:
    strata = np.random.default_rng(0).integers(0, _STRATA, rows)
    split = StratifiedShuffleSplit(1, test_size=0.5, random_state=0)

    def sklearn_split() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return next(split.split(strata, strata))

    contenders = [
        Contender("mlops_runtime", _pieces(StratifiedOrder(strata, 1).with_key), role="subject"),
        Contender("mlops_runtime, with its table", _pieces(partial(StratifiedOrder, strata))),
        Contender("sklearn StratifiedShuffleSplit", sklearn_split),
    ]
    return measure(f"stratified order, {rows:,} rows, {_STRATA} strata, 1 thread", contenders, rounds=rounds, warmup=1)


def _pieces(of_key: Callable[[int], Order]) -> Callable[[], None]:
    def pieces() -> None:
        order = of_key(2)
        for start in range(0, order.size, _PIECE):
            order.rows(start, min(_PIECE, order.size - start))

    return pieces


if __name__ == "__main__":
    benchmark_main("orders", run, packages=("numpy", "torch", "scikit-learn"))
