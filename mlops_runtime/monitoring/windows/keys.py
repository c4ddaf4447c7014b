"""What rows are told apart by: columns, numbers cut at points, expressions; and how many keys are kept.

A pane keeps the keys of least rank, a hash of their text, and counts the rows of all others as one. The choice looks at
the keys alone, not at their order: the parts of a stream choose what the whole would, and a window over panes what each
did.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, SchemaError, problem

__all__ = ["MISSING", "OTHER", "KeyRows", "Segment", "key_rows", "rank", "segments_of"]

MISSING = "(missing)"
OTHER = "(other)"

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a window's key, by name.

    of: a column, or a function from the batch (pa.Table) to one value a row: an Arrow array or anything `pa.array`
    takes. cuts: increasing points that cut numbers into the intervals up to each point, inclusive, and above the last.
    Null, NaN and the empty string are one value, `(missing)`. Raises ConfigError for cuts that do not increase.

    >>> Segment("age", "age", cuts=(18, 65)).texts(pa.table({"age": [17, 18, 19, 99, None]})).values
    ('<= 18', '18 .. 65', '> 65', '(missing)')
    """

    name: str
    of: str | Callable[[pa.Table], object]
    cuts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        points = np.asarray(self.cuts, np.float64)
        if not np.isfinite(points).all() or not (np.diff(points) > 0).all():
            where = f"segment `{self.name}`"
            raise ConfigError(
                problem(expected="increasing cuts", got=str(self.cuts), where=where, next_step="sort them")
            )

    def texts(self, table: pa.Table) -> Texts:
        """Return every row's value. Raises SchemaError when the column is not there or cannot be read so."""
        try:
            values = self._column(table)
            return _cut(values, self.cuts) if self.cuts else _encoded(values)
        except (KeyError, UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            expected = "a column of numbers" if self.cuts else "a column that can be written as text"
            got = " ".join(str(error).split())
            advice = "name a column of the data, or another function of it"
            where = f"segment `{self.name}`"
            raise SchemaError(problem(expected=expected, got=got, where=where, next_step=advice)) from error

    def _column(self, table: pa.Table) -> pa.Array:
        found = table.column(self.of) if isinstance(self.of, str) else self.of(table)
        values = found if isinstance(found, pa.Array | pa.ChunkedArray) else pa.array(found)
        whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if len(whole) != table.num_rows:
            raise KeyError(f"{len(whole)} values for {table.num_rows} rows")
        return whole.dictionary_decode() if isinstance(whole, pa.DictionaryArray) else whole


@dataclass(frozen=True, slots=True)
class Texts:
    """A text a row: `values[codes[row]]`."""

    codes: I64
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyRows:
    """A key a row: `keys[codes[row]]`, each key as long as there are segments."""

    codes: I64
    keys: tuple[tuple[str, ...], ...]


def segments_of(keys: Sequence[str | Segment]) -> tuple[Segment, ...]:
    """Return segments, a column's name standing for its values. Raises ConfigError for two of one name."""
    segments = tuple(Segment(key, key) if isinstance(key, str) else key for key in keys)
    names = [segment.name for segment in segments]
    if len(set(names)) != len(names):
        raise ConfigError(
            problem(expected="segments of different names", got=", ".join(names), where="keys", next_step="rename one")
        )
    return segments


def key_rows(table: pa.Table, segments: Sequence[Segment]) -> KeyRows:
    """Return the key of every row."""
    keys: tuple[tuple[str, ...], ...] = ((),)
    codes: I64 = np.zeros(table.num_rows, np.int64)
    for segment in segments:
        texts = segment.texts(table)
        used, codes = np.unique(codes * len(texts.values) + texts.codes, return_inverse=True)
        pairs = (divmod(int(pair), len(texts.values)) for pair in used)
        keys = tuple((*keys[before], texts.values[code]) for before, code in pairs)
    return KeyRows(codes, keys)


@functools.lru_cache(maxsize=65_536)
def rank(key: tuple[str, ...]) -> bytes:
    """Return the hash that decides which keys are kept: the least ones."""
    return hashlib.sha256(repr(key).encode()).digest()


def _encoded(values: pa.Array) -> Texts:
    """Tell values apart before they are written: few differ."""
    encoded = pc.dictionary_encode(values, null_encoding="encode")
    texts = [MISSING if text in (None, "") else text for text in _written(encoded.dictionary)]
    return _merged(encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), texts)


def _written(distinct: pa.Array) -> list[str | None]:
    if pa.types.is_floating(distinct.type):
        distinct = pc.if_else(pc.is_nan(distinct), pa.scalar(None, distinct.type), distinct)
    texts: list[str | None] = distinct.cast(pa.large_utf8()).to_pylist()
    return texts


def _cut(values: pa.Array, cuts: tuple[float, ...]) -> Texts:
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    points = [f"{cut:.15g}" for cut in cuts]
    between = [f"{low} .. {high}" for low, high in itertools.pairwise(points)]
    texts = [f"<= {points[0]}", *between, f"> {points[-1]}", MISSING]
    slots = np.searchsorted(np.asarray(cuts, np.float64), numbers, side="left")
    return _merged(np.where(np.isnan(numbers), len(texts) - 1, slots).astype(np.int64), texts)


def _merged(codes: I64, texts: Sequence[str]) -> Texts:
    """Give equal texts one code."""
    places: Mapping[str, int] = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return Texts(np.array([places[text] for text in texts], np.int64)[codes] if len(texts) else codes, tuple(places))
