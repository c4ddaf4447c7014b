"""Oracle of the category counter: a Python dictionary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CategoryCount", "count_categories"]

Key = str | int


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """counts[i] rows hold category i; `missing` hold nothing; `unseen` says how often each other key came."""

    counts: list[int]
    missing: int
    unseen: dict[Key, int]


def count_categories(values: Sequence[Key | None], categories: Sequence[Key]) -> CategoryCount:
    """Count `values` over distinct `categories`. Missing is None, or the empty string.

    Source: see `csrc/kernels/category_counts.hpp`.

    >>> count_categories(["b", "a", "b", "", None, "z"], ["a", "b", "c"])
    CategoryCount(counts=[1, 2, 0], missing=2, unseen={'z': 1})
    """
    found = Counter(value for value in values if value is not None and value != "")
    missing = len(values) - found.total()
    counts = [found.pop(category, 0) for category in categories]
    return CategoryCount(counts, missing, dict(found))
