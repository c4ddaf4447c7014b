"""The state of a sequential verdict as plain values, read back without trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem

__all__ = ["ColumnState", "field_of", "refuse", "stays"]

I64 = NDArray[np.int64]

_KEPT_STARTS = 4
_MOST = 1 << 53


@dataclass(frozen=True, slots=True)
class ColumnState:
    """One column's. windows: how many have come. absent, alarmed: after the latest. total: int64[cells], rows so far.

    before: the rows before each start, by how many windows had come then.
    """

    windows: int
    absent: bool
    alarmed: bool
    total: I64
    before: dict[int, I64]

    @classmethod
    def read(cls, values: object, *, cells: int, where: str) -> Self:
        """Read a column's state. Raises SchemaError unless it is one that windows can have led to."""
        windows = field_of(values, "windows", int, where)
        if not 0 <= windows < _MOST:
            refuse("a number of windows", str(windows), where)
        total = _counts(field_of(values, "total", list, where), cells, f"{where}, total")
        before: dict[int, I64] = {}
        least = np.zeros(cells, np.int64)
        for start, counts in _by_start(field_of(values, "before", dict, where), windows, where):
            before[start] = _counts(counts, cells, f"{where}, before {start}")
            if (before[start] < least).any() or (start == 0 and before[start].any()):
                refuse("counts that grow from 0", f"{before[start].tolist()} before window {start}", where)
            least = before[start]
        if (total < least).any() or bool(windows) != (0 in before):
            refuse("a total of all windows since the first", f"{total.tolist()} after {windows} windows", where)
        absent, alarmed = (field_of(values, name, bool, where) for name in ("absent", "alarmed"))
        return cls(windows, absent, alarmed, total, before)


def stays(start: int, newest: int) -> bool:
    """Whether a start stays in the race: all of the last few, then ever fewer, and always the first.

    >>> [start for start in range(40) if stays(start, 40)]
    [0, 16, 24, 28, 32, 34, 36, 37, 38, 39]
    """
    return start == 0 or (start & -start) * _KEPT_STARTS > newest - start


def field_of(values: object, name: str, kind: type, where: str) -> Any:
    """Return a field of a document. Raises SchemaError when it is not there or of another kind."""
    found = values.get(name) if isinstance(values, Mapping) else None
    if type(found) is not kind:
        refuse(f"`{name}`, a JSON {kind.__name__}", repr(found)[:80], where)
    return found


def refuse(expected: str, got: str, where: str) -> NoReturn:
    """Raise SchemaError."""
    raise SchemaError(
        problem(expected=expected, got=got[:200], where=where, next_step="start afresh with this baseline")
    )


def _by_start(values: Mapping[Any, object], windows: int, where: str) -> list[tuple[int, object]]:
    found = []
    for text, counts in values.items():
        start = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 17 else -1
        if not (0 <= start < windows and str(start) == text and stays(start, windows)):
            refuse(f"a start that stays after {windows} windows", repr(text)[:80], where)
        found.append((start, counts))
    return sorted(found, key=lambda one: one[0])


def _counts(values: object, cells: int, where: str) -> I64:
    if not isinstance(values, list) or len(values) != cells:
        got = f"{len(values)} of them" if isinstance(values, list) else type(values).__name__
        refuse(f"{cells} cells", got, where)
    if not all(type(one) is int and 0 <= one < _MOST for one in values):
        refuse("counts of rows", str(values), where)
    return np.array(values, np.int64)
