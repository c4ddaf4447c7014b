"""The hold-out split: 70 % to learn from, 15 % to decide by, 15 % to report on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, problem

__all__ = ["MINIMUM_ROWS", "Split", "random_split", "time_order", "time_split"]

MINIMUM_ROWS = 30

_VALIDATION_SHARE = 0.15
_TEST_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """Row positions of the three parts, each ascending, int64. `method` says how they were drawn."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    method: str


def random_split(strata: NDArray[np.int64], *, seed: int) -> Split:
    """Draw the parts at random, each stratum in the same proportions.

    strata: int64[N], the class of each row; all zero when there is nothing to stratify by. A stratum of three rows or
    more has a row in every part; a smaller one is trained on.

    >>> split = random_split(np.zeros(100, np.int64), seed=1)
    >>> len(split.train), len(split.validation), len(split.test)
    (70, 15, 15)
    """
    shuffled = np.random.default_rng(seed).permutation(len(strata))
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for stratum in np.unique(strata):
        members = shuffled[strata[shuffled] == stratum]
        floor = 1 if len(members) >= len(parts) else 0
        tested = max(floor, round(_TEST_SHARE * len(members)))
        validated = max(floor, round(_VALIDATION_SHARE * len(members)))
        bounds = [len(members) - tested - validated, len(members) - tested]
        for part, chosen in zip(parts, np.split(members, bounds), strict=True):
            part.append(chosen)
    method = f"random, stratified, seed {seed}" if strata.any() else f"random, seed {seed}"
    train, validation, test = (np.sort(np.concatenate(part)) for part in parts)
    return Split(train, validation, test, method)


def time_split(times: NDArray[np.int64], *, column: str) -> Split:
    """Cut the rows in time order: the newest are tested, those before them validated. Equal times stay together.

    >>> time_split(np.arange(100), column="@row").test[0]
    np.int64(85)
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    bounds = [round((1 - _VALIDATION_SHARE - _TEST_SHARE) * len(times)), round((1 - _TEST_SHARE) * len(times))]
    train, validation, test = np.split(order, [int(np.searchsorted(ordered, ordered[at])) for at in bounds])
    if not (len(train) and len(validation) and len(test)):
        raise DataError(
            problem(
                expected="enough distinct times to cut three parts",
                got=f"{len(np.unique(times))} distinct times",
                where=f"time column `{column}`",
                next_step="leave --time out, or pass a finer time column",
            )
        )
    return Split(np.sort(train), np.sort(validation), np.sort(test), f"time-ordered by {column}")


def time_order(values: pa.ChunkedArray, *, column: str) -> NDArray[np.int64]:
    """Return int64 ranks of a time column: numbers, timestamps or texts in ascending order, ties equal.

    Raises DataError when a time is missing.
    """
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    if values.null_count:
        raise DataError(
            problem(
                expected="a time in every row",
                got=f"{values.null_count} of {len(values)} missing",
                where=f"time column `{column}`",
                next_step="fill them or drop those rows",
            )
        )
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    ranks = pc.rank(values.combine_chunks(), tiebreaker="dense")
    return np.asarray(ranks.to_numpy(zero_copy_only=False), np.int64)
