"""A source of fewer columns reads the same files, and says the same of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, Source, open_source


@pytest.fixture
def source(tmp_path: Path) -> Source:
    pq.write_table(
        pa.table({"a": [1, 2, 3], "t": ["2024-01-01", None, "2024-01-03"], "b": ["x", "", "z"]}), tmp_path / "f.parquet"
    )
    return open_source(
        tmp_path / "f.parquet",
        schema=Schema((Column("t", "timestamp"),)),
        columns=["a", "t", "b"],
        filters=[("a", ">", 1)],
    )


def test_the_columns_come_in_the_order_asked_for_with_kinds_and_filters_kept(source: Source) -> None:
    chosen = source.select(["t", "a"])
    assert chosen.schema == source.schema.select(["t", "a"])
    assert chosen.read().table.equals(source.read().table.select(["t", "a"]))
    assert [batch.row_numbers().tolist() for batch in chosen.batches()] == [[1, 2]]


def test_the_source_itself_keeps_its_columns(source: Source) -> None:
    source.select(["b"])
    assert source.read().table.column_names == ["a", "t", "b"]


def test_a_column_that_the_source_lacks_is_refused(source: Source) -> None:
    with pytest.raises(SchemaError, match="expected column `c`"):
        source.select(["c"])


def test_a_csv_file_is_read_by_column_too(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("code,n\n007,1\n008,2\n", encoding="utf-8")
    whole = open_source(tmp_path / "f.csv")
    assert whole.select(["code"]).read().table.to_pydict() == {"code": ["007", "008"]}


def test_the_arrow_types_are_those_of_every_batch(source: Source) -> None:
    assert source.arrow_schema == source.read().table.schema
