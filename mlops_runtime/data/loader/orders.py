"""Samplers as native orders: what does not change from epoch to epoch is made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.data.loader.identity import OrderKey
from mlops_runtime.data.loader.samplers import Sampler, Sequential, Shuffled, Stratified, Weighted, digest_of

__all__ = ["ALL_ROWS", "Orders", "digest_of_split"]

ALL_ROWS = "all"
_Value = TypeVar("_Value", np.float64, np.int64)
_NO_KEY = (0, 0)


class Orders:
    """The order of each epoch's samples: rows of a table, `samples` of them.

    subset: int64[m], the rows of a split, each once; the sampler then works within them. Raises ShapeError unless the
    subset and what the sampler says of each row fit the table.
    """

    def __init__(self, sampler: Sampler, rows: int, subset: NDArray[np.int64] | None = None) -> None:
        self._subset = None if subset is None else _checked(subset, rows)
        taken = rows if self._subset is None else len(self._subset)
        self._keyed = self._order(sampler, rows, taken)
        self.samples = self._keyed(_NO_KEY).size

    def of(self, key: OrderKey) -> _native.Order:
        """Return the order that a key chooses."""
        order = self._keyed(key)
        return order if self._subset is None else _native.Subset(self._subset, order)

    def _order(self, sampler: Sampler, rows: int, taken: int) -> Callable[[OrderKey], _native.Order]:
        match sampler:
            case Sequential():
                return lambda _: _native.Sequential(taken)
            case Shuffled():
                return lambda key: _native.Permutation(taken, *key)
            case Weighted(weights, samples):
                size = taken if samples is None else samples
                draws = _native.WeightedDraws(self._of_rows(weights, rows), size, *_NO_KEY)
                return lambda key: draws.with_key(*key)
            case Stratified(strata):
                numbered = np.unique(self._of_rows(strata, rows), return_inverse=True)[1]
                spread = _native.StratifiedOrder(numbered.astype(np.int64), *_NO_KEY)
                return lambda key: spread.with_key(*key)

    def _of_rows(self, values: NDArray[_Value], rows: int) -> NDArray[_Value]:
        if len(values) != rows:
            raise ShapeError(
                problem(
                    expected=f"a value for each of {rows:,} rows",
                    got=f"{len(values):,}",
                    where="the sampler",
                    next_step="pass them for the whole table; a subset takes its own",
                )
            )
        return values if self._subset is None else np.ascontiguousarray(values[self._subset])


def digest_of_split(subset: NDArray[np.int64] | None) -> str:
    """Return what stands for a split in an order's identity: "all", or a digest of its rows."""
    return ALL_ROWS if subset is None else digest_of(subset, "<i8")


def _checked(subset: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Refuse a row that is not there, or there twice: neither could be seen once an epoch."""
    chosen = np.ascontiguousarray(subset, np.int64)
    is_flat = chosen.ndim == 1 and np.asarray(subset).dtype.kind in "iu"
    if is_flat and (chosen.size == 0 or (chosen.min() >= 0 and chosen.max() < rows)):
        seen = np.zeros(rows, np.bool_)
        seen[chosen] = True
        if np.count_nonzero(seen) == len(chosen):
            return chosen
    raise ShapeError(
        problem(
            expected=f"int64[m], different rows of [0, {rows:,})",
            got=f"{np.asarray(subset).dtype}{list(np.shape(subset))} with others or some twice",
            where="subset",
            next_step="pass the ordinals of the rows to take, such as numpy.flatnonzero(is_in_split)",
        )
    )
