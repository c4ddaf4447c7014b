"""Filters: the rows that numpy would choose, with the ordinals they had, and no row group read in vain."""

import datetime as dt
import operator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.data import Column, Schema, open_source, read_dataset

OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, among: value in among,
    "not in": lambda value, among: value not in among,
}
DAY = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def expected(values, sign, value):
    """Ordinals of the rows that meet a condition; nothing meets it when missing."""
    return [row for row, v in enumerate(values) if v is not None and v == v and OPERATORS[sign](v, value)]


def chosen(path, filters, **options):
    source = open_source(path, filters=filters, **options)
    return [int(row) for batch in source.batches() for row in batch.row_numbers()], source


VALUES = {
    "i": st.integers(-4, 4) | st.none(),
    "f": st.sampled_from([-1.5, 0.0, -0.0, 2.0, float("nan"), float("inf"), None]),
    "s": st.sampled_from(["a", "a ", " a", "b", "ab", "a\x01", "é", "?", "", None, "A"]),
    "t": st.integers(0, 5).map(lambda hours: DAY + dt.timedelta(hours=hours)) | st.none(),
    "b": st.booleans() | st.none(),
}
CLEAN = {"s": lambda text: None if text is None or text.strip() in ("", "?") else text.strip()}


@pytest.mark.parametrize("name", list(VALUES))
@given(st.data())
def test_a_filter_keeps_what_python_keeps_with_and_without_statistics(tmp_path_factory, name, data):
    sign = data.draw(st.sampled_from(list(OPERATORS)))
    raw = data.draw(st.lists(VALUES[name], min_size=1, max_size=12))
    present = VALUES[name].filter(lambda v: v is not None and v == v)
    value = data.draw(st.lists(present, max_size=3) if sign in ("in", "not in") else present)
    types = {"i": pa.int32(), "f": pa.float64(), "s": pa.utf8(), "t": pa.timestamp("ms", "UTC"), "b": pa.bool_()}
    folder = tmp_path_factory.mktemp("filters")
    table = pa.table({name: pa.array(raw, types[name]), "row": range(len(raw))})
    clean = [CLEAN.get(name, lambda v: v)(v) for v in raw]
    kind = {"s": "string", "t": "timestamp"}.get(name, "number")
    schema = Schema((Column("row", "number"), Column(name, kind)))
    for statistics in (True, False):
        path = folder / f"{statistics}.parquet"
        pq.write_table(table, path, row_group_size=3, write_statistics=statistics)
        rows, _ = chosen(path, [(name, sign, value)], schema=schema)
        assert rows == expected(clean, sign, value)


def test_row_groups_are_skipped_by_their_statistics(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table(
        {"x": range(1000), "s": [f"{i:04}" for i in range(1000)], "t": pa.array(range(1000), pa.timestamp("us"))}
    )
    pq.write_table(table, path, row_group_size=100)
    for filters, skipped, rows in [
        ([("x", ">=", 250), ("x", "<", 420)], 7, range(250, 420)),
        ([("s", "==", "0555")], 9, [555]),
        ([("t", "<", "1970-01-01T00:00:00.000100")], 9, range(100)),
        ([("x", "in", [5, 995])], 8, [5, 995]),
        ([("x", "!=", 5)], 0, [row for row in range(1000) if row != 5]),
        ([("x", ">", 10**30)], 10, []),
    ]:
        found, source = chosen(path, filters)
        assert found == list(rows)
        assert source.row_groups_skipped == skipped
        if found:
            assert source.read().table["x"].to_pylist() == list(rows)
    assert open_source(path).row_groups_skipped == 0


def test_a_column_may_be_filtered_on_and_not_be_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n2,y\n3,x\n")
    source = open_source(path, columns=["a"], filters=[("b", "==", "x")])
    assert source.schema.names == ("a",)
    assert source.read().table.to_pydict() == {"a": [1, 3]}
    (batch,) = source.batches()
    assert (batch.first_row, batch.row_numbers().tolist()) == (0, [0, 2])


def test_missing_values_meet_no_condition(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n?\nnan\n")
    assert chosen(path, [("a", "!=", 5)])[0] == [0]
    assert chosen(path, [("a", "not in", [])])[0] == [0]


def test_a_file_without_the_column_has_no_row_for_a_filter(tmp_path):
    pq.write_table(pa.table({"x": [1, 2], "y": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [3]}), tmp_path / "b.parquet")
    rows, source = chosen(tmp_path, [("y", ">", 0)])
    assert rows == [0, 1]
    assert source.row_groups_skipped == 1


def test_integers_are_compared_exactly(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": np.array([2**60, 2**60 + 1])}), path)
    assert chosen(path, [("id", "==", 2**60 + 1)])[0] == [1]
    assert read_dataset(path, filters=[("id", ">", 2**60)]).table["id"].to_pylist() == [2**60 + 1]
