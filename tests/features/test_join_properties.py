"""The point-in-time join against plain SQL: ties, late rows, TTLs, duplicates, missing keys and times, all layouts."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given
from join_cases import JoinCase, expected_by_loop, expected_by_sql, join_cases


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@given(case=join_cases())
def test_the_sql_oracle_says_what_the_definition_says(case: JoinCase, database: duckdb.DuckDBPyConnection) -> None:
    assert expected_by_sql(case, database) == expected_by_loop(case)
