"""Oracle of the bag kernel: n-grams by Python's own strings, counts by NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Token", "count_ids", "tokens_of"]

Token = str | int

_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def tokens_of(
    value: Sequence[Token | None] | str | None, unit: str, *, shortest: int = 1, longest: int = 1, lower: bool = False
) -> list[Token]:
    """Return the tokens of one row: a list's present elements, or a text's n-grams, the shorter ones first.

    unit: "list", "characters" (Unicode code points) or "words" (`str.split`). Missing elements are None and "".

    >>> tokens_of("To be", "characters", shortest=4, longest=5, lower=True)
    ['to b', 'o be', 'to be']
    >>> tokens_of(["a", None, "", "a"], "list")
    ['a', 'a']
    """
    if value is None:
        return []
    if not isinstance(value, str):
        return [element for element in value if element is not None and element != ""]
    text = value.translate(_LOWER) if lower else value
    units, joint = (list(text), "") if unit == "characters" else (text.split(), " ")
    return [
        joint.join(units[first : first + length])
        for length in range(shortest, longest + 1)
        for first in range(len(units) - length + 1)
    ]


def count_ids(rows: Sequence[Sequence[int]], first_id: int, width: int, *, binary: bool) -> NDArray[np.float32]:
    """Return float32[rows, width]: how often, or whether, the id first_id + j occurs in a row.

    >>> count_ids([[3, 4, 3], [9]], 3, 2, binary=False).tolist()
    [[2.0, 1.0], [0.0, 0.0]]
    """
    counts = np.zeros((len(rows), width), np.float32)
    for row, ids in enumerate(rows):
        for found in ids:
            if first_id <= found < first_id + width:
                counts[row, found - first_id] += 1
    return np.minimum(counts, 1) if binary else counts
