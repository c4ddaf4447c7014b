"""Layouts of records, and tables of them in memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime._native import Rows
from mlops_runtime.core.errors import SchemaError, ShapeError
from mlops_runtime.data.rows import Field, RowLayout, RowTable

USUAL = RowLayout((Field("dense", "float32", 13), Field("sparse", "int64", 26), Field("target", "float32")))
FIELDS = st.lists(
    st.tuples(st.sampled_from(["float32", "float64", "int32", "int64", "uint8"]), st.integers(1, 9)),
    min_size=1,
    max_size=6,
).map(lambda kinds: tuple(Field(f"f{number}", dtype, width) for number, (dtype, width) in enumerate(kinds)))


def test_the_usual_record_takes_264_bytes():
    assert {field.name: USUAL.offset(field.name) for field in USUAL.fields} == {
        "dense": 208,
        "sparse": 0,
        "target": 260,
    }
    assert USUAL.row_bytes == 264


@given(FIELDS)
def test_fields_are_aligned_apart_and_without_gaps(fields):
    layout = RowLayout(fields)
    places = sorted((layout.offset(field.name), field) for field in fields)
    end = 0
    for offset, field in places:
        assert offset == end
        assert offset % np.dtype(field.dtype).itemsize == 0
        end = offset + field.bytes
    assert end <= layout.row_bytes < end + 8
    assert layout.row_bytes % 8 == 0
    assert layout.numpy_dtype.itemsize == layout.row_bytes


@given(FIELDS)
def test_a_layout_comes_back_from_its_dictionary(fields):
    assert RowLayout.from_dict(RowLayout(fields).to_dict()) == RowLayout(fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("fields"),
        lambda values: values.update(fields=[]),
        lambda values: values.update(row_bytes=272),
        lambda values: values.update(extra=1),
        lambda values: values["fields"][0].update(offset=4),
        lambda values: values["fields"][0].update(width=-1),
        lambda values: values["fields"][0].update(width=True),
        lambda values: values["fields"][0].update(width=2**62),
        lambda values: values["fields"][0].update(name=["x"]),
        lambda values: values["fields"][0].update(dtype="object"),
        lambda values: values["fields"][1].update(name="dense"),
    ],
)
def test_a_dictionary_that_no_layout_wrote_is_refused(change):
    values = USUAL.to_dict()
    change(values)
    with pytest.raises(SchemaError):
        RowLayout.from_dict(values)


@pytest.mark.parametrize(
    ("name", "dtype", "width"),
    [("", "int32", 1), ("x", "float16", 1), ("x", "<f4", 1), ("x", "int32", 0), ("x", "int32", 1 << 40)],
)
def test_an_impossible_field_is_refused(name, dtype, width):
    with pytest.raises(SchemaError, match="field"):
        Field(name, dtype, width)


@given(FIELDS, st.integers(0, 40), st.integers(-45, 45), st.none() | st.integers(-45, 45))
def test_what_goes_into_a_table_comes_out(fields, rows, start, stop):
    random = np.random.default_rng(rows)
    arrays = {f.name: random.integers(0, 200, (rows, f.width)).astype(f.dtype) for f in fields}
    table = RowTable.from_arrays(arrays)
    found = table.arrays(start, stop)
    assert table.rows == rows
    assert list(found) == [field.name for field in fields]
    for field in fields:
        assert found[field.name].dtype == field.dtype
        assert np.array_equal(found[field.name], arrays[field.name][start:stop])


def test_a_table_becomes_columns():
    table = RowTable.from_arrays({"x": np.arange(6.0).reshape(3, 2), "y": np.arange(3)})
    assert table.to_arrow().to_pydict() == {"x": [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], "y": [0, 1, 2]}
    assert table.to_arrow().schema.field("x").type == pa.list_(pa.float64(), 2)


def test_the_identity_of_a_table_is_that_of_its_content():
    one, other = np.arange(10.0), np.arange(10.0) + 1
    assert RowTable.from_arrays({"x": one}).digest == RowTable.from_arrays({"x": one.copy()}).digest
    digests = {
        RowTable.from_arrays(arrays).digest
        for arrays in ({"x": one}, {"x": other}, {"y": one}, {"x": one[:9]}, {"x": one.reshape(5, 2)}, {"x": one[:0]})
    }
    assert len(digests) == 6
    assert RowTable.from_arrays({"x": one}, digest="mine").digest == "mine"


def test_arrays_that_are_no_rows_are_refused():
    for array in (np.zeros((2, 2, 2)), np.float64(1), np.zeros(3, ">f8"), np.zeros(3, np.float16), np.array(["a"])):
        with pytest.raises(SchemaError, match="field `x`"):
            RowTable.from_arrays({"x": np.asarray(array)})
    with pytest.raises(SchemaError, match="as many rows"):
        RowTable.from_arrays({"x": np.zeros(3), "y": np.zeros(4)})
    with pytest.raises(SchemaError, match="1 to 4096 fields"):
        RowTable.from_arrays({})


def test_columns_of_a_matrix_are_copied_as_they_are():
    matrix = np.arange(12.0).reshape(4, 3)
    assert np.array_equal(RowTable.from_arrays({"x": matrix[:, 1]}).arrays()["x"][:, 0], matrix[:, 1])


def test_rows_of_another_width_than_the_layout_are_refused():
    with pytest.raises(ShapeError, match="expected rows of 264 bytes, got 16"):
        RowTable(USUAL, Rows.allocate(1, 16), "digest")
