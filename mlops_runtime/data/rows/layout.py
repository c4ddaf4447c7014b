"""How one record of a row table is laid out: fields by descending item size, padded to 8 bytes.

So every value is aligned as its type asks, whatever the order of the declaration, and no two layouts of the same fields
differ.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem

__all__ = ["Field", "RowLayout"]

_DTYPES = ("float32", "float64", "int32", "int64", "uint8")
_ALIGNMENT_BYTES = 8
_MOST_ROW_BYTES = 1 << 30
_MOST_FIELDS = 4096


@dataclass(frozen=True, slots=True)
class Field:
    """`width` values of one type in every row. dtype: float32, float64, int32, int64 or uint8, little-endian.

    Raises SchemaError for anything else, an empty name or a width below 1.
    """

    name: str
    dtype: str
    width: int = 1

    def __post_init__(self) -> None:
        if type(self.name) is not str or not self.name:
            _refuse("a field", "a name", repr(self.name))
        if self.dtype not in _DTYPES:
            _refuse(f"field `{self.name}`", f"one of {', '.join(_DTYPES)}", repr(self.dtype))
        if type(self.width) is not int or not 1 <= self.width <= _MOST_ROW_BYTES:
            _refuse(f"field `{self.name}`", f"a width of 1 to {_MOST_ROW_BYTES:,}", repr(self.width))

    @property
    def bytes(self) -> int:
        """What the field takes in a row."""
        return self.width * np.dtype(self.dtype).itemsize

    @classmethod
    def of(cls, name: str, array: NDArray[Any]) -> Field:
        """Return the field whose values in n rows are `array`, [n] or [n, width]. Raises SchemaError for others."""
        if array.ndim not in {1, 2} or not array.dtype.isnative:
            _refuse(f"field `{name}`", "[rows] or [rows, width] in native byte order", f"{array.dtype}{array.shape}")
        return cls(name, array.dtype.name, array.shape[1] if array.ndim == 2 else 1)


@dataclass(frozen=True)
class RowLayout:
    """The fields of a record, in the order they were declared, and where each lies in it.

    Raises SchemaError for no field, two of one name, or records above 1 GiB.

    >>> layout = RowLayout((Field("dense", "float32", 13), Field("sparse", "int64", 26), Field("target", "float32")))
    >>> [layout.offset(field.name) for field in layout.fields], layout.row_bytes
    ([208, 0, 260], 264)
    """

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if not 1 <= len(names) <= _MOST_FIELDS or len(set(names)) < len(names):
            _refuse("a row layout", f"1 to {_MOST_FIELDS} fields, each of another name", ", ".join(names) or "none")
        if self.row_bytes > _MOST_ROW_BYTES:
            _refuse("a row layout", f"rows of at most {_MOST_ROW_BYTES:,} bytes", f"{self.row_bytes:,}")

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> RowLayout:
        """Return the layout whose fields are these arrays, each [n] or [n, width]."""
        return cls(tuple(Field.of(name, array) for name, array in arrays.items()))

    @functools.cached_property
    def _offsets(self) -> dict[str, int]:
        offsets, end = {}, 0
        for field in sorted(self.fields, key=lambda field: -np.dtype(field.dtype).itemsize):
            offsets[field.name] = end
            end += field.bytes
        return offsets

    def offset(self, name: str) -> int:
        """Return where a field begins in a row, in bytes."""
        return self._offsets[name]

    @functools.cached_property
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return -(-sum(field.bytes for field in self.fields) // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES

    @property
    def numpy_dtype(self) -> np.dtype[np.void]:
        """A record as NumPy's structured type; a field is [width], also of width 1."""
        return np.dtype(
            {
                "names": [field.name for field in self.fields],
                "formats": [(field.dtype, (field.width,)) for field in self.fields],
                "offsets": [self.offset(field.name) for field in self.fields],
                "itemsize": self.row_bytes,
            }
        )

    def require(self, arrays: Mapping[str, NDArray[Any]]) -> int:
        """Return how many rows these arrays have. Raises SchemaError unless they are this layout's fields."""
        if set(arrays) != {field.name for field in self.fields}:
            _refuse("a batch", f"fields {', '.join(f.name for f in self.fields)}", ", ".join(arrays) or "none")
        for field in self.fields:
            if Field.of(field.name, arrays[field.name]) != field:
                array = arrays[field.name]
                _refuse(f"field `{field.name}`", f"{field.dtype}[rows, {field.width}]", f"{array.dtype}{array.shape}")
        rows = {len(array) for array in arrays.values()}
        if len(rows) > 1:
            _refuse("a batch", "as many rows in every field", f"{sorted(rows)}")
        return rows.pop()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values, offsets included."""
        fields = [
            {"name": field.name, "dtype": field.dtype, "width": field.width, "offset": self.offset(field.name)}
            for field in self.fields
        ]
        return {"row_bytes": self.row_bytes, "fields": fields}

    @classmethod
    def from_dict(cls, values: Any) -> RowLayout:
        """Return the layout that `to_dict` wrote. Raises SchemaError for anything else."""
        try:
            layout = cls(tuple(Field(entry["name"], entry["dtype"], entry["width"]) for entry in values["fields"]))
        except (KeyError, TypeError) as error:
            _refuse("a row layout", "row_bytes and fields of name, dtype, width, offset", f"{type(error).__name__}")
        if layout.to_dict() != values:
            _refuse("a row layout", "the offsets that follow from the fields", "others")
        return layout


def _refuse(where: str, expected: str, got: str) -> NoReturn:
    raise SchemaError(problem(expected=expected, got=got, where=where, next_step="correct the fields"))
