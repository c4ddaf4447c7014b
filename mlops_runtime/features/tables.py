"""Feature tables: values that are known per key from some moment on. One definition for joins, leak checks, stores."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.data import Batch, Column, Frame, Schema, Source, conform, from_frame
from mlops_runtime.data.schema import listed, repeated_names

__all__ = ["MISSING_TIME", "FeatureTable", "FeatureTimes", "microseconds", "timed_frame"]

MISSING_TIME = int(np.iinfo(np.int64).min)

_BATCH_ROWS = 1 << 20
_FRAME = "frame"


@dataclass(frozen=True)
class FeatureTimes:
    """The times of some rows, int64[rows] microseconds since 1970 in UTC, MISSING_TIME where a row has none.

    event: since when the values hold. known: since when anybody could know them (event where a table does not say).
    """

    event: NDArray[np.int64]
    known: NDArray[np.int64]

    @functools.cached_property
    def available(self) -> NDArray[np.int64]:
        """The later of the two, from which on a row may be used; missing when either is."""
        if self.known is self.event:
            return self.event
        later = np.maximum(self.event, self.known)
        later[(self.event == MISSING_TIME) | (self.known == MISSING_TIME)] = MISSING_TIME
        return later


@dataclass(frozen=True)
class FeatureTable:
    """Values of features per key, each from a moment on, in any order.

    source: a data set (`open_source`) or a data frame; the rows' order in it breaks ties. Values, keys and times are
    conformed as everywhere (`data.conform`): texts trimmed, null tokens missing, times in UTC, read as UTC without a
    zone, with a resolution of a microsecond.
    keys: the columns that say whose values a row holds; a row without one of them belongs to nobody.
    event_time: since when a row's values hold. known_time: since when they were known, which may be later; without it
    they were known at once. ttl_s: how long they hold, in seconds, the last moment included; None for ever.
    features: the columns of values; None for all others. entity_keys: what the entity rows call the keys, if otherwise.
    Raises ConfigError for names that are given twice, or a ttl_s below zero; SchemaError, when the data is looked at,
    for columns that are not there or cannot be read as what they are.

    >>> rows = {"account": [7, 7], "since": ["2024-01-01", "2024-02-01"], "balance": [10.0, 30.0]}
    >>> table = FeatureTable("accounts", pa.table(rows), ("account",), "since", ttl_s=86_400)
    >>> table.feature_names, [batch.table.num_rows for batch in table.batches()]
    (('balance',), [2])
    """

    name: str
    source: Source | Any = field(repr=False)
    keys: tuple[str, ...]
    event_time: str
    known_time: str | None = None
    ttl_s: float | None = None
    features: tuple[str, ...] | None = None
    entity_keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        roles = [*self.keys, self.event_time, *(self.features or ())]
        roles += [self.known_time] if self.known_time not in (None, self.event_time) else []
        if not self.keys:
            raise self._wrong("one key or more", "none", "name the columns that say whose values a row holds")
        if repeated := repeated_names(str(role) for role in roles):
            raise self._wrong("columns that are one thing each", f"{listed(repeated)} twice", "name each once")
        if self.ttl_s is not None and not (0 <= self.ttl_s < math.inf):
            raise self._wrong(
                "ttl_s of 0 seconds or more", str(self.ttl_s), "leave it out for values that hold forever"
            )
        if self.entity_keys is not None and len(self.entity_keys) != len(self.keys):
            counts = f"{len(self.entity_keys)} for {len(self.keys)}"
            raise self._wrong("as many entity_keys as keys", counts, "name them in the same order")

    @property
    def joins_on(self) -> tuple[str, ...]:
        """The columns of the entity rows that hold the keys, in the keys' order."""
        return self.keys if self.entity_keys is None else self.entity_keys

    @property
    def ttl_us(self) -> int | None:
        """How long values hold, in whole microseconds; None for ever."""
        return None if self.ttl_s is None else min(round(self.ttl_s * 1e6), 2**63 - 1)

    @functools.cached_property
    def schema(self) -> Schema:
        """The kinds of keys, times and features, in this order."""
        every = self._whole.schema
        for name in self._times:
            if every.column(name).kind != "timestamp":
                raise self._not_a_time(every.column(name))
        return every.select((*self.keys, *self._times, *self._features_of(every)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of values, in order."""
        return self.schema.names[len(self.keys) + len(self._times) :]

    def output_name(self, feature: str) -> str:
        """Return what a feature is called beside those of other tables: `table__feature`."""
        return f"{self.name}__{feature}"

    def narrowed(self, columns: Sequence[str]) -> Source | Frame:
        """Return these columns, conformed: a data set to be streamed, or a table that is in memory already."""
        schema = self.schema.select(columns)
        if isinstance(self._whole, Source):
            return self._whole.select(schema.names)
        return Frame(self._whole.table.select(list(schema.names)), schema, self._whole.notes)

    def batches(self, columns: Sequence[str] | None = None, *, rows: int = _BATCH_ROWS) -> Iterator[Batch]:
        """Yield conformed rows with their ordinals, at most `rows` at a time. columns: by default those of `schema`.

        Memory is bounded by a few batches of a data set. Raises as `Source.batches` does.
        """
        chosen = self.narrowed(self.schema.names if columns is None else columns)
        if isinstance(chosen, Source):
            yield from chosen.batches(rows)
            return
        for start in range(0, chosen.table.num_rows, rows):
            yield Batch(chosen.table.slice(start, rows), start, _FRAME)

    def times(self, table: pa.Table) -> FeatureTimes:
        """Return the times of rows that `batches` yielded."""
        event = microseconds(table.column(self.event_time))
        if self.known_time in (None, self.event_time):
            return FeatureTimes(event, event)
        return FeatureTimes(event, microseconds(table.column(self.known_time)))

    @property
    def _times(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self.event_time, self.known_time) if name is not None))

    @functools.cached_property
    def _whole(self) -> Source | Frame:
        return self.source if isinstance(self.source, Source) else timed_frame(self.source, self._times)

    def _features_of(self, schema: Schema) -> tuple[str, ...]:
        if self.features is not None:
            return self.features
        used = {*self.keys, *self._times}
        return tuple(name for name in schema.names if name not in used)

    def _not_a_time(self, column: Column) -> SchemaError:
        return SchemaError(
            problem(
                expected=f"times in column `{column.name}`",
                got=f"values of kind {column.kind}",
                where=f"feature table `{self.name}`",
                next_step=f"open it with schema=Schema((Column({column.name!r}, 'timestamp'),)), or cast the column",
            )
        )

    def _wrong(self, expected: str, got: str, next_step: str) -> ConfigError:
        where = f"feature table `{self.name}`"
        return ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))


def timed_frame(frame: Any, times: Sequence[str]) -> Frame:
    """Return a data frame conformed, `times` read as times if they are written as texts. SchemaError as `conform`."""
    table, schema, notes = from_frame(frame)
    for place, name in enumerate(table.column_names):
        if name in times and table.column(place).null_count == table.num_rows:  # whatever type that is
            table = table.set_column(place, name, pa.nulls(table.num_rows))
    written = Schema(tuple(Column(name, "timestamp") for name in times if schema.column(name).kind != "timestamp"))
    read = conform(table, written, where="data frame")
    for name in written.names:
        table = table.set_column(table.column_names.index(name), name, read.column(name))
    kinds = {column.name: column for column in (*schema.columns, *written.columns)}
    return Frame(table, Schema(tuple(kinds[name] for name in schema.names)), notes)


def microseconds(times: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return conformed times as int64[rows] microseconds since 1970, MISSING_TIME where there is none.

    >>> microseconds(pa.chunked_array([[1, None]], pa.timestamp("us", "UTC"))).tolist() == [1, MISSING_TIME]
    True
    """
    numbers = times.cast(pa.int64())
    filled = numbers.fill_null(MISSING_TIME) if numbers.null_count else numbers
    result: NDArray[np.int64] = filled.to_numpy()
    return result
