"""Point-in-time joins for the tests: strategies that make them, and two independent ways to say what is right.

`expected_by_sql` is plain SQL (a lateral subquery for each entity row, sorted, limited to one), run by DuckDB;
`expected_by_loop` is the definition, row by row. Neither knows the layouts of the Arrow tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import strategies as st

from mlops_runtime.features.tables import FeatureTable

__all__ = [
    "ENTITY_TIME",
    "EVENT",
    "FEATURES",
    "KNOWN",
    "JoinCase",
    "Row",
    "TableCase",
    "canonical",
    "expected_by_loop",
    "expected_by_sql",
    "join_cases",
    "rows_of_key",
]

ENTITY_TIME, EVENT, KNOWN = "t", "event", "known"
SECOND_US = 1_000_000
EPOCHS_US = (1_750_000_000_000_000, 0)  # the second one has times before 1970
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}  # least step in microseconds that we draw
ZONES = (None, "UTC", "Asia/Dubai", "America/St_Johns", "+05:30")
TEXT_TYPES = (pa.utf8(), pa.large_utf8(), pa.string_view(), pa.dictionary(pa.int8(), pa.utf8()))
TEXT_KEYS = (None, "", "a", "b", "é", "longer than eight bytes")
KEY_KINDS: Mapping[str, tuple[Sequence[Any], Sequence[pa.DataType]]] = {  # the plainest type first
    "text": (TEXT_KEYS, TEXT_TYPES),
    "small": ((None, -7, 0, 1), (pa.int64(), pa.int32(), pa.int8())),
    "big": ((None, 2**60, 2**60 + 1, 0), (pa.int64(),)),
    "flag": ((None, True, False), (pa.bool_(),)),
}
FEATURES: Mapping[str, Drawn] = {
    "x": (st.sampled_from((None, 0.0, -0.0, 1.5, -2.25, math.inf, math.nan)), (pa.float64(), pa.float32())),
    "n": (st.sampled_from((None, 0, 5, -128)), (pa.int64(), pa.int16(), pa.int8())),
    "big": (st.sampled_from((None, 2**62, 2**62 + 1)), (pa.int64(),)),
    "c": (st.sampled_from(TEXT_KEYS), TEXT_TYPES),
    "flag": (st.sampled_from((None, True, False)), (pa.bool_(),)),
}
TTLS_US = (None, 1, SECOND_US, 2 * SECOND_US + 1)

_COUNTS = st.sampled_from((0, 1, 2, 8, 16, 24))  # of rows: enough for ties and late rows to be common

Row = dict[str, Any]
Drawn = tuple[st.SearchStrategy[Any], Sequence[pa.DataType]]  # the values of a column, and the types it may come in


@dataclass(frozen=True)
class TableCase:
    """A feature table: as Python values, times in microseconds, and the same as Arrow."""

    name: str
    keys: tuple[str, ...]
    features: tuple[str, ...]
    rows: list[Row] = field(repr=False)
    frame: pa.Table
    has_known: bool
    ttl_us: int | None

    def to_feature_table(self, source: Any = None) -> FeatureTable:
        """Return it as users declare it, over its frame or over another source of the same rows."""
        return FeatureTable(
            self.name,
            self.frame if source is None else source,
            keys=self.keys,
            event_time=EVENT,
            known_time=KNOWN if self.has_known else None,
            ttl_s=None if self.ttl_us is None else self.ttl_us / SECOND_US,
            features=self.features,
        )


@dataclass(frozen=True)
class JoinCase:
    """Entity rows, as Python values and as Arrow, and the feature tables that they are joined with."""

    keys: tuple[str, ...]
    rows: list[Row] = field(repr=False)
    frame: pa.Table
    tables: tuple[TableCase, ...]
    plain_types: Mapping[str, pa.DataType] = field(repr=False)

    @property
    def names(self) -> list[str]:
        """The columns that a join adds."""
        return [f"{table.name}__{name}" for table in self.tables for name in table.features]


def canonical(value: Any) -> Any:
    """Return a value so that `==` is what we call equal: missing is None, and so are NaN and the empty text."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


@st.composite
def arrays(draw: st.DrawFn, values: Sequence[Any], data_type: pa.DataType) -> pa.ChunkedArray:
    """Make one column of `values`, cut into chunks, each chunk a slice of a longer array."""
    cuts = sorted(draw(st.lists(st.integers(0, len(values)), max_size=2)))
    plain = pa.utf8() if data_type in TEXT_TYPES else data_type
    chunks = []
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        before = list(values[: draw(st.integers(0, min(2, len(values))))])
        chunks.append(pa.array([*before, *values[begin:end]], plain).cast(data_type).slice(len(before)))
    return pa.chunked_array(chunks, data_type)


@st.composite
def _times(draw: st.DrawFn, about_us: Sequence[int], ticks: Sequence[int]) -> tuple[list[int | None], pa.ChunkedArray]:
    """Make a time for each of `about_us`: some ticks of a second later, a microsecond off where the unit can tell.

    Few different instants, so that many tie; now and then one is missing.
    """
    unit, zone = draw(st.sampled_from(tuple(UNITS))), draw(st.sampled_from(ZONES))
    least_us, steps = UNITS[unit], (0, 0, 0, -1, 1) if unit in ("us", "ns") else (0,)
    step, tick = st.sampled_from(steps), st.sampled_from(ticks)
    times: list[int | None] = [(at + draw(tick) * SECOND_US + draw(step)) // least_us * least_us for at in about_us]
    if times and draw(st.booleans()):
        times[draw(st.integers(0, len(times) - 1))] = None
    scale = 1_000 if unit == "ns" else 1
    raw = [None if time is None else time * scale // least_us for time in times]
    return times, draw(arrays(raw, pa.int64())).cast(pa.timestamp(unit, zone))


@st.composite
def _values(draw: st.DrawFn, columns: Mapping[str, Drawn], rows: int) -> dict[str, tuple[list[Any], Any]]:
    """Make columns, each as a list and as Arrow."""
    made = {}
    for name, (value, types) in columns.items():
        drawn = draw(st.lists(value, min_size=rows, max_size=rows))
        made[name] = drawn, draw(arrays(drawn, draw(st.sampled_from(types))))
    return made


def _rows_of(columns: Mapping[str, tuple[list[Any], Any]], count: int) -> list[Row]:
    return [{name: values[i] for name, (values, _) in columns.items()} for i in range(count)]


@st.composite
def _table_cases(draw: st.DrawFn, name: str, keys: Mapping[str, Drawn], epoch_us: int) -> TableCase:
    used = draw(st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=len(keys), unique=True))
    count = draw(_COUNTS)
    features = draw(st.lists(st.sampled_from(sorted(FEATURES)), max_size=3, unique=True))
    columns = draw(_values({key: keys[key] for key in used}, count))
    shift = draw(st.sampled_from((0, 0, 0, 100)))  # 100: every event is in the future of every entity row
    columns[EVENT] = draw(_times([epoch_us + shift * SECOND_US] * count, range(-2, 3)))
    has_known = draw(st.booleans())
    if has_known:
        events = [epoch_us if event is None else event for event in columns[EVENT][0]]
        columns[KNOWN] = draw(_times(events, (0, 0, -1, 1, 2)))
    columns["id"] = list(range(count)), pa.chunked_array([pa.array(range(count), pa.int64())])
    columns.update(draw(_values({feature: FEATURES[feature] for feature in features}, count)))
    frame = pa.table({name: values for name, (_, values) in columns.items()})
    rows, ttl_us = _rows_of(columns, count), draw(st.sampled_from(TTLS_US))
    return TableCase(name, tuple(used), ("id", *features), rows, frame, has_known, ttl_us)


@st.composite
def _key_columns(draw: st.DrawFn) -> Drawn:
    """Choose what a key column holds: one or two values of one kind, and now and then none."""
    values, types = KEY_KINDS[draw(st.sampled_from(sorted(KEY_KINDS)))]
    present = [value for value in values if canonical(value) is not None]
    chosen = draw(st.lists(st.sampled_from(present), min_size=1, max_size=2, unique=True))
    missing = [value for value in values if canonical(value) is None]
    return st.sampled_from([*chosen, *chosen, *chosen, *draw(st.sampled_from(([], missing)))]), types


@st.composite
def join_cases(draw: st.DrawFn, most_tables: int = 3) -> JoinCase:
    """Make entity rows and one to `most_tables` feature tables over one to three key columns."""
    names = ("user", "item", "shop")[: draw(st.sampled_from((1, 1, 1, 2, 3)))]
    keys = {name: draw(_key_columns()) for name in names}
    epoch_us = draw(st.sampled_from(EPOCHS_US))
    count = draw(_COUNTS)
    columns = draw(_values(keys, count))
    columns[ENTITY_TIME] = draw(_times([epoch_us] * count, range(-1, 5)))
    frame = pa.table({name: values for name, (_, values) in columns.items()})
    made = [draw(_table_cases(f"f{i}", keys, epoch_us)) for i in range(draw(st.integers(1, most_tables)))]
    plain_types = {name: types[0] for name, (_, types) in keys.items()}
    return JoinCase(names, _rows_of(columns, count), frame, tuple(made), plain_types)


def expected_by_sql(case: JoinCase, connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """Return the columns that a join has to add, by plain SQL."""
    found: dict[str, list[Any]] = {}
    connection.register("entities", _plain(case.rows, (*case.keys, ENTITY_TIME), case.plain_types))
    for table in case.tables:
        connection.register("features", _plain(table.rows, (*table.keys, EVENT, KNOWN), case.plain_types))
        winners = connection.sql(_sql(table)).fetchall()
        assert [row for row, _ in winners] == list(range(len(case.rows)))
        chosen = [None if ordinal is None else table.rows[ordinal] for _, ordinal in winners]
        found.update(_columns_of(table, chosen))
    return found


def _sql(table: TableCase) -> str:
    known = f"f.{KNOWN}" if table.has_known else f"f.{EVENT}"
    conditions = [f"f.{key} = e.{key}" for key in table.keys]
    conditions += [f"{known} IS NOT NULL", f"f.{EVENT} <= e.{ENTITY_TIME}", f"{known} <= e.{ENTITY_TIME}"]
    if table.ttl_us is not None:
        conditions.append(f"e.{ENTITY_TIME} - f.{EVENT} <= {table.ttl_us}")
    return f"""
        SELECT e.ordinal, found.ordinal FROM entities e LEFT JOIN LATERAL (
            SELECT f.ordinal FROM features f WHERE {" AND ".join(conditions)}
            ORDER BY f.{EVENT} DESC, {known} DESC, f.ordinal DESC LIMIT 1
        ) found ON true ORDER BY e.ordinal"""


def _plain(rows: Sequence[Row], names: Iterable[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the named columns (one that is not there as nulls), times as int64, and `ordinal`."""
    columns = {
        name: pa.array([canonical(row.get(name)) for row in rows], types.get(name, pa.int64())) for name in names
    }
    return pa.table({**columns, "ordinal": pa.array(range(len(rows)), pa.int64())})


def expected_by_loop(case: JoinCase) -> dict[str, list[Any]]:
    """Return the same by the definition: of the rows of the key that may be seen, the greatest."""
    found: dict[str, list[Any]] = {}
    for table in case.tables:
        found.update(_columns_of(table, [_winner(entity, table) for entity in case.rows]))
    return found


def _winner(entity: Row, table: TableCase) -> Row | None:
    time = entity[ENTITY_TIME]
    seen = [
        (event, known, ordinal)
        for event, known, ordinal in rows_of_key(entity, table)
        if max(event, known) <= time and (table.ttl_us is None or time - event <= table.ttl_us)
    ]
    return table.rows[max(seen)[2]] if seen else None


def rows_of_key(entity: Row, table: TableCase) -> list[tuple[int, int, int]]:
    """Return (event, known, ordinal) of the rows with times and with the key of an entity row, if that has a time."""
    found = []
    for ordinal, row in enumerate(table.rows):
        event, known = row[EVENT], row[KNOWN if table.has_known else EVENT]
        keys = [(canonical(row[key]), canonical(entity[key])) for key in table.keys]
        if None not in (event, known, entity[ENTITY_TIME]) and all(a is not None and a == b for a, b in keys):
            found.append((event, known, ordinal))
    return found


def _columns_of(table: TableCase, chosen: Sequence[Row | None]) -> dict[str, list[Any]]:
    return {
        f"{table.name}__{name}": [None if row is None else canonical(row[name]) for row in chosen]
        for name in table.features
    }
