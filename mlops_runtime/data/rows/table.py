"""Rows of one layout, in memory or mapped: what loaders read."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import Rows, hash_bytes
from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.data.rows.layout import RowLayout

__all__ = ["RowTable", "write_rows"]


@dataclass(frozen=True, eq=False)
class RowTable:
    """Rows of one layout, with an identity.

    digest: of what the rows were made from when they come from the cache, else of their content. Raises ShapeError when
    the rows are not as wide as the layout says.

    >>> table = RowTable.from_arrays({"x": np.array([[1, 2], [3, 4]], np.float32), "y": np.array([5, 6], np.int64)})
    >>> table.rows, table.layout.row_bytes
    (2, 16)
    >>> table.arrays(1)
    {'x': array([[3., 4.]], dtype=float32), 'y': array([[6]])}
    """

    layout: RowLayout
    native: Rows
    digest: str

    def __post_init__(self) -> None:
        if self.native.row_bytes != self.layout.row_bytes:
            raise ShapeError(
                problem(
                    expected=f"rows of {self.layout.row_bytes} bytes",
                    got=f"{self.native.row_bytes}",
                    where="RowTable",
                    next_step="pass the rows' own layout",
                )
            )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, digest: str | None = None) -> RowTable:
        """Copy arrays [n] or [n, width], one of each field, into rows in memory.

        digest: the identity of the rows, by default that of their content. Raises SchemaError for arrays of other
        types, or of unequal lengths.
        """
        layout = RowLayout.of(arrays)
        native = Rows.allocate(layout.require(arrays), layout.row_bytes)
        write_rows(native, 0, layout, arrays)
        return cls(layout, native, digest or _content_digest(layout, native))

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.native.rows

    @functools.cached_property
    def _blocks(self) -> list[NDArray[np.uint8]]:
        return self.native.blocks

    def arrays(self, start: int = 0, stop: int | None = None) -> dict[str, NDArray[Any]]:
        """Copy rows [start, stop), which may reach past the end, into one array [rows, width] for each field."""
        first, last, _ = slice(start, stop).indices(self.rows)
        count, record = max(last - first, 0), self.layout.numpy_dtype
        result = {field.name: np.empty((count, field.width), field.dtype) for field in self.layout.fields}
        block_rows = len(self._blocks[0]) if count else 1
        for number in range(first // block_rows, -(-last // block_rows) if count else 0):
            begin = number * block_rows
            part = self._blocks[number][max(first - begin, 0) : last - begin].view(record)[:, 0]
            place = max(begin - first, 0)
            for name, array in result.items():
                array[place : place + len(part)] = part[name]
        return result

    def to_arrow(self) -> pa.Table:
        """Copy all rows into columns: of a field of width 1 its values, of a wider one fixed-size lists of them."""
        arrays = self.arrays()
        return pa.table({field.name: _column(arrays[field.name], field.width) for field in self.layout.fields})


def write_rows(rows: Rows, start: int, layout: RowLayout, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write one batch, which the layout was seen to describe, at row `start`."""
    names = [field.name for field in layout.fields]
    rows.write(start, [layout.offset(name) for name in names], [np.ascontiguousarray(arrays[name]) for name in names])


def _content_digest(layout: RowLayout, native: Rows) -> str:
    content = hash_bytes(native.blocks[0]) if native.rows else 0
    return sha256_bytes(canonical_json({"layout": layout.to_dict(), "rows": native.rows, "content": f"{content:016x}"}))


def _column(array: NDArray[Any], width: int) -> pa.Array:
    values = pa.array(array.reshape(-1))
    return values if width == 1 else pa.FixedSizeListArray.from_arrays(values, width)
