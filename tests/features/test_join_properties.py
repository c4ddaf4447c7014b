"""The point-in-time join against plain SQL: ties, late rows, TTLs, duplicates, missing keys and times, all layouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import hypothesis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from join_cases import (
    ENTITY_TIME,
    EVENT,
    KNOWN,
    JoinCase,
    TableCase,
    canonical,
    expected_by_loop,
    expected_by_sql,
    join_cases,
)

from mlops_runtime.data import open_source
from mlops_runtime.features.join import Joined, join, join_to_file

MANY = hypothesis.settings(max_examples=4 * hypothesis.settings().max_examples)
ENTITY_ROWS, KEYS = 50_000, 3_000


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def values_of(table: pa.Table, names: list[str]) -> dict[str, list[object]]:
    return {name: [canonical(value) for value in table.column(name).to_pylist()] for name in names}


def check(case: JoinCase, joined: Joined, expected: dict[str, list[object]]) -> None:
    """Compare every column, by bits but for what counts as missing, and the counts."""
    assert joined.table.column_names == [*case.frame.column_names, *case.names]
    assert repr(values_of(joined.table, case.names)) == repr(expected)  # so that -0.0 is not 0.0
    theirs = values_of(joined.table, list(case.keys))
    assert theirs == {name: [canonical(row[name]) for row in case.rows] for name in case.keys}
    times = [time and int(time) for time in joined.table.column(ENTITY_TIME).cast(pa.int64()).to_pylist()]
    assert times == [row[ENTITY_TIME] for row in case.rows]
    assert joined.report.rows == len(case.rows)
    for table in case.tables:
        report = joined.report.table(table.name)
        assert report.entity_rows == len(case.rows)
        assert report.matched == sum(value is not None for value in expected[f"{table.name}__id"])
        assert report.rows == len(table.rows)


@given(case=join_cases())
def test_the_sql_oracle_says_what_the_definition_says(case: JoinCase, database: duckdb.DuckDBPyConnection) -> None:
    assert expected_by_sql(case, database) == expected_by_loop(case)


@MANY
@given(case=join_cases())
def test_a_join_of_frames_is_the_sql_oracle(case: JoinCase, database: duckdb.DuckDBPyConnection) -> None:
    tables = [table.to_feature_table() for table in case.tables]
    check(case, join(case.frame, tables, entity_time=ENTITY_TIME), expected_by_sql(case, database))


@given(data=st.data(), case=join_cases())
def test_a_join_of_files_is_the_sql_oracle(
    data: st.DataObject, case: JoinCase, database: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each feature table in two Parquet files of several row groups; entity rows in a file, joined in blocks, too."""
    hypothesis.assume(case.rows and all(table.rows for table in case.tables))
    folder = tmp_path_factory.mktemp("join")
    tables = []
    for table in case.tables:
        cut = data.draw(st.integers(0, len(table.rows)))
        for part, rows in enumerate((table.frame.slice(0, cut), table.frame.slice(cut))):
            write_parquet(folder / table.name / f"part-{part}.parquet", rows)
        tables.append(table.to_feature_table(open_source(folder / table.name)))
    write_parquet(folder / "entities.parquet", case.frame)
    entities = open_source(folder / "entities.parquet")
    expected = expected_by_sql(case, database)
    check(case, join(entities, tables, entity_time=ENTITY_TIME), expected)
    block_rows = data.draw(st.integers(1, 9))
    out = folder / "joined.parquet"
    report = join_to_file(out, entities, tables, entity_time=ENTITY_TIME, block_rows=block_rows)
    check(case, Joined(pq.read_table(out), report), expected)


def write_parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(exist_ok=True)
    schema = pa.schema([field.with_type(plain_type(field.type)) for field in table.schema])
    pq.write_table(table.cast(schema), path, row_group_size=3)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Parquet has no seconds, and pyarrow writes no string views."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.utf8() if pa.types.is_string_view(kind) else kind


def large_case() -> JoinCase:
    """Make 50,000 labelled rows: some keys have later events only, some rows share key and time, some lack either."""
    random = np.random.default_rng(17)
    users = random.integers(0, KEYS + 50, ENTITY_ROWS)
    times = random.integers(1_000, 9_000, ENTITY_ROWS)
    twins = random.permutation(ENTITY_ROWS)[:2_000]
    users[twins[:1_000]], times[twins[:1_000]] = users[twins[1_000:]], times[twins[1_000:]]
    events = random.integers(0, 10_000, 30_000)
    of_users = random.integers(0, KEYS, len(events))
    events[of_users % 50 == 0] += 10_000
    known = events + random.exponential(300, len(events)).astype(np.int64)
    entities = {"user": with_missing(users, random), ENTITY_TIME: with_missing(times, random)}
    features = {"user": with_missing(of_users, random), EVENT: with_missing(events, random), KNOWN: known.tolist()}
    rows = [dict(zip(features, row, strict=True)) for row in zip(*features.values(), strict=True)]
    rows = [{**row, "id": number} for number, row in enumerate(rows)]
    frame = pa.Table.from_pylist(rows, schema_of("user", EVENT, KNOWN, "id"))
    table = TableCase("past", ("user",), ("id",), rows, frame, has_known=True, ttl_us=5_000)
    asked = [dict(zip(entities, row, strict=True)) for row in zip(*entities.values(), strict=True)]
    schema = schema_of("user", ENTITY_TIME)
    return JoinCase(("user",), asked, pa.Table.from_pylist(asked, schema), (table,), {"user": pa.int64()})


def with_missing(values: np.ndarray, random: np.random.Generator) -> list[int | None]:
    return pa.array(values, mask=random.random(len(values)) < 0.01).to_pylist()


def schema_of(*names: str) -> pa.Schema:
    return pa.schema(
        [(name, pa.timestamp("us") if name in (ENTITY_TIME, EVENT, KNOWN) else pa.int64()) for name in names]
    )


def test_fifty_thousand_rows_in_are_fifty_thousand_out_in_order(database: duckdb.DuckDBPyConnection) -> None:
    case = large_case()
    assert len({tuple(row.values()) for row in case.rows}) < ENTITY_ROWS - 1_000  # so many are there twice
    labelled = case.frame.append_column("label", pa.array(range(ENTITY_ROWS)))
    joined = join(labelled, [case.tables[0].to_feature_table()], entity_time=ENTITY_TIME)
    assert joined.table["label"].to_pylist() == list(range(ENTITY_ROWS))
    assert values_of(joined.table, case.names) == expected_by_sql(case, database)
    report = joined.report.table("past")
    assert report.entity_rows == ENTITY_ROWS
    fates = (report.matched, report.expired, report.too_early, report.no_key, report.missing_time, report.missing_key)
    assert min(fates) > 100  # each of them is in these rows
