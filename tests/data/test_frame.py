"""Data frames in memory, of any library that speaks Arrow."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, from_frame

ROWS = {"city": ["Dubai", None, " Ajman "], "age": [31, 47, 2], "seen": np.array([0, 1, 2], "datetime64[us]")}


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table])
def test_a_frame_of_any_library_has_the_kinds_of_its_types(make):
    table, schema, notes = from_frame(make(ROWS))
    assert [column.kind for column in schema.columns] == ["string", "number", "timestamp"]
    assert table["city"].to_pylist() == ["Dubai", None, "Ajman"]
    assert notes == ("column `seen` has times without a zone: read as UTC",)


def test_a_schema_chooses_the_columns_and_their_kinds():
    schema = Schema((Column("age", "string"),))
    table, kept, _ = from_frame(pl.DataFrame({"city": ["a"], "age": ["31"]}), schema=schema)
    assert (table.to_pydict(), kept) == ({"age": ["31"]}, schema)


def test_an_index_without_a_name_is_no_column_and_one_with_a_name_is():
    frame = pd.DataFrame(ROWS)
    assert from_frame(frame[frame["age"] > 2]).schema.names == ("city", "age", "seen")
    assert set(from_frame(frame.set_index("city")).schema.names) == {"city", "age", "seen"}


@pytest.mark.parametrize("other", [[1, 2], {"a": [1]}, 7, "table.csv"])
def test_what_is_no_frame_is_refused(other):
    with pytest.raises(SchemaError, match=f"got {type(other).__name__} — pass a frame"):
        from_frame(other)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(SchemaError, match="`a` more than once"):
        from_frame(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]))


def test_an_empty_slice_among_the_chunks_does_no_harm():
    chunks = [pa.array([5]).slice(1), pa.array([None, 7], pa.int64())]
    table = from_frame(pa.table({"age": pa.chunked_array(chunks)})).table
    assert table["age"].take(pa.array([1, 0])).to_pylist() == [7, None]
