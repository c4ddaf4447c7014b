"""Categories a reference did not have: a mergeable sample of them, and how many there are.

The sample holds the categories of the smallest 64-bit hashes, with exact counts (`csrc/kernels/unseen_keys.hpp`): all
of them up to `MAX_UNSEEN`, an even share of more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_runtime.monitoring.state.consistency import require

__all__ = [
    "MAX_UNSEEN",
    "Distinct",
    "Sample",
    "UnseenCategory",
    "count_distinct",
    "merge_unseen",
    "most_frequent",
    "unseen_from_list",
    "unseen_to_list",
]

MAX_UNSEEN = 256
_EXAMPLES = 8
_HASHES = 2.0**64


@dataclass(frozen=True, slots=True)
class UnseenCategory:
    """One category: the hash it is kept by, how many rows hold it, and its text, shortened to 128 bytes."""

    hash: int
    rows: int
    text: str


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different values there are. standard_error: of the estimate, 0 when it is exact."""

    value: float
    standard_error: float


Sample = tuple[UnseenCategory, ...]


def merge_unseen(first: Sample, second: Sample) -> Sample:
    """Return the sample of both parts, whatever their order; both are ascending by hash.

    >>> a, b = UnseenCategory(5, 1, "a"), UnseenCategory(9, 2, "b")
    >>> merge_unseen((a, b), (a,)) == (UnseenCategory(5, 2, "a"), b)
    True
    """
    together = {one.hash: one for one in first}
    for one in second:
        rows = one.rows + (together[one.hash].rows if one.hash in together else 0)
        together[one.hash] = UnseenCategory(one.hash, rows, one.text)
    return tuple(together[key] for key in sorted(together)[:MAX_UNSEEN])


def count_distinct(sample: Sample) -> Distinct:
    """Return how many categories the sample stands for.

    Exact below MAX_UNSEEN; else unbiased, relative standard error 1 / sqrt(MAX_UNSEEN - 2), 6.3 %.
    Source: Beyer, Haas, Reinwald, Sismanis, Gemulla (2007).
    """
    if len(sample) < MAX_UNSEEN:
        return Distinct(float(len(sample)), 0.0)
    estimate = (MAX_UNSEEN - 1) / (sample[-1].hash / _HASHES)
    return Distinct(estimate, estimate / math.sqrt(MAX_UNSEEN - 2))


def most_frequent(sample: Sample) -> tuple[str, ...]:
    """Return the few most frequent of the sample, ties in byte order: the same for any order of merging."""
    ordered = sorted(sample, key=lambda one: (-one.rows, one.text.encode()))
    return tuple(one.text for one in ordered[:_EXAMPLES])


def unseen_from_list(values: Iterable[Sequence[object]], rows: int, *, where: str) -> Sample:
    """Read [[hash in hex, rows, text], ...] of at most `rows` rows. Raises SchemaError when it is not consistent."""
    sample = tuple(UnseenCategory(int(str(key), 16), int(str(n)), str(text)) for key, n, text in values)
    hashes = [one.hash for one in sample]
    ascending = all(a < b for a, b in itertools.pairwise(hashes)) and len(sample) <= MAX_UNSEEN
    require(ascending, where, f"at most {MAX_UNSEEN} unseen categories, ascending by hash", f"{len(sample)} others")
    counted = sum(one.rows for one in sample)
    whole = all(one.rows > 0 for one in sample) and counted <= rows
    require(whole, where, f"unseen categories of at most {rows} rows", str(counted))
    return sample


def unseen_to_list(sample: Sample) -> list[list[str | int]]:
    """Return plain values for `unseen_from_list`."""
    return [[f"{one.hash:016x}", one.rows, one.text] for one in sample]
