"""Oracle of the key counter: a Python dictionary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ["count_keys"]

Key = str | int


def count_keys(values: Sequence[Key | None]) -> tuple[list[tuple[Key, int]], int]:
    """Return ([(key, count), …], missing): most frequent first, ties by UTF-8 bytes or by value.

    Missing is None, or the empty string. Source: see `csrc/kernels/key_counts.hpp`.

    >>> count_keys(["b", "a", "b", "", None])
    ([('b', 2), ('a', 1)], 2)
    """
    counts = Counter(value for value in values if value is not None and value != "")
    entries = sorted(counts.items(), key=lambda entry: (-entry[1], _order(entry[0])))
    return entries, len(values) - counts.total()


def _order(key: Key) -> tuple[bytes, int]:
    return (key.encode(), 0) if isinstance(key, str) else (b"", key)
