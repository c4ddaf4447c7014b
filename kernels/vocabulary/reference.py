"""Oracle of the vocabulary kernel: a Python dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "UNSEEN", "encode_keys"]

MISSING = 0
UNSEEN = 2

Key = str | int


def encode_keys(values: Sequence[Key | None], ids: Mapping[Key, int]) -> NDArray[np.int64]:
    """Return the id of each value: MISSING, the vocabulary's, or UNSEEN.

    >>> encode_keys(["a", "", "z"], {"a": 3})
    array([3, 0, 2])
    """
    return np.array([MISSING if value is None or value == "" else ids.get(value, UNSEEN) for value in values], np.int64)
