"""Files that differ: settled by rule with a note, or refused by the names of two files."""

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, open_source, read_dataset


@pytest.fixture
def folder(tmp_path):
    def write(*tables):
        for name, table in zip("abcdef", tables, strict=False):
            pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), tmp_path / f"{name}.parquet")
        return tmp_path

    return write


def read(path, **options):
    source = open_source(path, **options)
    dataset = source.read()
    streamed = [batch.table for batch in source.batches()]
    assert {table.schema for table in streamed} == {streamed[0].schema}
    assert pa.concat_tables(streamed).to_pydict() == dataset.table.to_pydict()
    return dataset


def test_columns_in_another_order_are_put_in_order(folder):
    dataset = read(folder({"x": [1], "y": ["a"]}, {"y": ["b"], "x": [2]}))
    assert dataset.table.to_pydict() == {"x": [1, 2], "y": ["a", "b"]}
    assert any("another order" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int8(), pa.uint16(), pa.int64()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.float32(), pa.int8(), pa.float64()),
        (pa.bool_(), pa.int32(), pa.int64()),
        (pa.uint8(), pa.uint64(), pa.uint64()),
        (pa.decimal128(5, 2), pa.int32(), pa.float64()),
        (pa.null(), pa.int32(), pa.int32()),
    ],
)
def test_numbers_are_widened_to_what_holds_both(folder, one, other, joined):
    values = [pa.nulls(1) if pa.types.is_null(kind) else pa.array([1.0]).cast(kind) for kind in (one, other)]
    for first, second in (values, values[::-1]):
        dataset = read(folder({"x": first}, {"x": second}))
        assert dataset.table.schema.field("x").type == joined
        assert any(f"{joined}" in note for note in dataset.notes) or pa.types.is_null(one)
        assert set(dataset.table["x"].to_pylist()) <= {1, None}


def test_dates_and_times_of_any_unit_go_together(folder):
    day = pa.array([dt.date(2025, 1, 1)])
    dataset = read(folder({"t": day}, {"t": day.cast(pa.timestamp("ns"))}, {"t": day.cast(pa.timestamp("ms", "UTC"))}))
    assert dataset.table["t"].type == pa.timestamp("us", "UTC")
    assert len(set(dataset.table["t"].to_pylist())) == 1


def test_a_column_missing_in_some_files_is_missing_there(folder):
    dataset = read(folder({"x": [1], "id": [2**60]}, {"x": [2], "new": ["n"]}))
    assert dataset.table.to_pydict() == {"x": [1, 2], "id": [2**60, None], "new": [None, "n"]}
    assert dataset.schema.column("id") == Column("id", "integer", nullable=True)
    assert sum("missing there" in note for note in dataset.notes) == 2


def test_text_and_number_are_irreconcilable_and_both_files_are_named(folder):
    with pytest.raises(SchemaError, match=r"`x` of one family.*int64 in `a\.parquet` and .*string.* in `b\.parquet`"):
        read_dataset(folder({"x": [1]}, {"x": ["one"]}))


def test_ids_beyond_floats_and_fractions_are_irreconcilable(folder):
    with pytest.raises(SchemaError, match=r"int64 in `a\.parquet` and double in `b\.parquet`"):
        read_dataset(folder({"x": [2**60]}, {"x": [0.5]}))


def test_a_schema_settles_what_files_dispute(folder):
    path = folder({"x": [1]}, {"x": ["2"]})
    assert read(path, schema=Schema((Column("x", "string"),))).table["x"].to_pylist() == ["1", "2"]
    assert read(path, schema=Schema((Column("x", "number"),))).table["x"].to_pylist() == [1.0, 2.0]


def test_a_declared_column_that_may_not_be_missing_has_to_be_in_every_file(folder):
    path = folder({"x": [1], "y": [1]}, {"x": [2]})
    with pytest.raises(SchemaError, match=r"not nullable.*none in `b\.parquet`"):
        read_dataset(path, schema=Schema((Column("y", "number", nullable=False),)))


@pytest.mark.parametrize("second", [{"y": ["b"], "x": [2]}, {"x": [2]}, {"x": [2.5], "y": ["b"]}])
def test_drift_may_be_refused(folder, second):
    path = folder({"x": [1], "y": ["a"]}, second)
    with pytest.raises(SchemaError, match="the same columns in every file"):
        open_source(path, drift="refuse").read()


def test_alike_files_are_not_refused(folder):
    assert open_source(folder({"x": [1]}, {"x": [2]}), drift="refuse").read().notes == ()


def test_columns_nobody_asked_for_are_no_drift(folder):
    path = folder({"x": [1], "y": [1]}, {"x": [2], "y": ["b"]})
    assert open_source(path, columns=["x"], drift="refuse").read().table["x"].to_pylist() == [1, 2]


def test_codes_in_one_csv_file_make_texts_of_the_column_in_all(tmp_path):
    (tmp_path / "a.csv").write_text("code\n12\n")
    (tmp_path / "b.csv").write_text("code\n01\n")
    assert read(tmp_path).table["code"].to_pylist() == ["12", "01"]


def test_formats_may_be_mixed(tmp_path):
    (tmp_path / "a.csv").write_text("x,s\n1,a\n")
    pq.write_table(pa.table({"x": [2.5], "s": ["b"]}), tmp_path / "b.parquet")
    schema = pa.schema({"s": pa.string_view(), "x": pa.int8()})
    with pa.ipc.new_file(tmp_path / "c.arrow", schema) as writer:
        writer.write_table(pa.table({"s": pa.array(["c"], pa.string_view()), "x": pa.array([3], pa.int8())}))
    assert read(tmp_path).table.to_pydict() == {"x": [1.0, 2.5, 3.0], "s": ["a", "b", "c"]}
