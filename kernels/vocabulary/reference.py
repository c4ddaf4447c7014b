"""Oracle of the vocabulary kernel: Python dictionaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "UNSEEN", "count_keys", "encode_keys"]

MISSING = 0
UNSEEN = 2

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


def encode_keys(values: Sequence[Key | None], ids: Mapping[Key, int]) -> NDArray[np.int64]:
    """Return the id of each value: MISSING, the vocabulary's, or UNSEEN.

    >>> encode_keys(["a", "", "z"], {"a": 3})
    array([3, 0, 2])
    """
    return np.array([MISSING if value is None or value == "" else ids.get(value, UNSEEN) for value in values], np.int64)


def _order(key: Key) -> tuple[bytes, int]:
    return (key.encode(), 0) if isinstance(key, str) else (b"", key)
