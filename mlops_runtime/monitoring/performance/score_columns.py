"""What a model's scores are called among the columns that a baseline counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["called_name", "score_columns", "score_names"]

_SEVERAL = 3


def score_names(classes: Sequence[str]) -> list[str]:
    """Return the column of each class's scores; of a number, that of the number.

    >>> score_names(("no", "yes")), score_names(())
    (['score:no', 'score:yes'], ['score'])
    """
    return [f"score:{name}" for name in classes] or ["score"]


def called_name(name: str) -> str:
    """Return the column that holds, of three or more classes, the score of the rows that were called so."""
    return f"called:{name}"


def score_columns(classes: Sequence[str], scores: NDArray[np.floating]) -> dict[str, pa.Array]:
    """Return the columns of a model's scores, [n, classes] or of a number [n, 1].

    Of three or more classes also those of rows called so, missing in other rows: with them counts tell how often the
    model is right. How many are missing tells how often it calls each class.
    """
    found = {name: pa.array(scores[:, place]) for place, name in enumerate(score_names(classes))}
    if len(classes) < _SEVERAL:
        return found
    highest = scores.argmax(axis=1)
    for place, name in enumerate(classes):
        found[called_name(name)] = pa.array(scores[:, place], mask=highest != place)
    return found
