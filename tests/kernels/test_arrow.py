"""ArrowTable: what producers send, and what is refused before any kernel reads it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hostile import Array, Hostile, Schema

from mlops_runtime._native import ArrowTable, DensePlan, Expression, Histogram, Moments, SparsePlan, VocabularyCounter


def test_every_type_has_the_name_that_kernels_use() -> None:
    table = pa.table(
        {
            "int8": pa.array([1], pa.int8()),
            "uint64": pa.array([1], pa.uint64()),
            "float16": pa.array(np.ones(1, np.float16)),
            "float64": [1.0],
            "bool": [True],
            "null": pa.nulls(1),
            "utf8": ["a"],
            "utf8, view": pa.array(["a"], pa.string_view()),
            "utf8, dictionary": pa.array(["a"]).dictionary_encode(),
            "int64, time": pa.array([1], pa.timestamp("us", tz="UTC")),
            "other, time": pa.array([1], pa.timestamp("ns")),
            "list, strings": [["a"]],
            "list, large": pa.array([[1]], pa.large_list(pa.int8())),
            "list, fixed": pa.array([[1, 2]], pa.list_(pa.int64(), 2)),
            "other, list of floats": [[1.5]],
            "other, list of lists": [[[1]]],
            "other, decimal": [Decimal("1.5")],
            "other, binary": [b"a"],
            "other, struct": [{"a": 1}],
            "other, integer dictionary": pa.array([1]).dictionary_encode(),
        }
    )
    view = ArrowTable(table)
    assert view.names == table.column_names
    assert (view.num_rows, view.num_columns) == (1, len(table.column_names))
    assert [view.type_of(i) for i in range(view.num_columns)] == [name.split(",")[0] for name in view.names]


@pytest.mark.parametrize("position", [-1, 1, 2**40])
def test_a_column_that_is_not_there_is_named(position: int) -> None:
    with pytest.raises(ValueError, match="a position below 1"):
        ArrowTable(pa.table({"x": [1]})).type_of(position)


@pytest.mark.parametrize("producer", ["pyarrow", "polars", "pandas", "duckdb", "batches"])
def test_producers_agree(producer: str) -> None:
    table = pa.table({"number": [1.5, None, 3.0], "word": ["a", None, "c"]})
    made = {
        "pyarrow": lambda: table,
        "polars": lambda: pl.from_arrow(table),
        "pandas": table.to_pandas,
        "duckdb": lambda: duckdb.from_arrow(table),
        "batches": lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1)),
    }[producer]()
    view = ArrowTable(made)
    moments, words = Moments(), VocabularyCounter()
    moments.update(view, 0)
    words.update(view, 1)
    assert (moments.count, moments.missing, words.missing) == (2, 1, 1)
    assert words.string_entries()[0].tobytes() == b"ac"


@pytest.mark.parametrize("made", [pl.DataFrame, pd.DataFrame, lambda _: pa.table({"x": pa.array([], pa.float64())})])
def test_a_table_without_rows_has_its_columns(made: Callable[[object], object]) -> None:
    view = ArrowTable(made({"x": np.array([], np.float64)}))
    assert (view.num_rows, view.names) == (0, ["x"])
    Histogram(np.array([0.0])).update(view, 0)
    plan = DensePlan([Expression([0], "column", [])])
    assert plan.run(view).shape == (0, 1)


def test_a_plan_without_outputs_gives_an_empty_matrix() -> None:
    view = ArrowTable(pa.table({"x": [1.0, 2.0]}))
    assert DensePlan([]).run(view).shape == (2, 0)
    assert SparsePlan([]).run(view).shape == (2, 0)


def test_the_view_keeps_the_buffers_of_its_producer_alive() -> None:
    view = ArrowTable(pa.table({"x": np.arange(100_000.0)}))
    gc.collect()
    moments = Moments()
    moments.update(view, 0)
    assert moments.maximum == 99_999.0


def test_offsets_of_a_struct_and_of_its_children_add_up() -> None:
    inner = pa.array([9, 9, 1, 2, 3, 4], pa.int64()).slice(2)
    struct = pa.StructArray.from_arrays([inner], names=["x"]).slice(1)
    moments = Moments()
    moments.update(ArrowTable(pa.RecordBatch.from_struct_array(struct)), 0)
    assert moments.sums()[0] == 9 << 1074


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        ArrowTable([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a single column"):
        ArrowTable(pa.chunked_array([[1, 2]]))


@pytest.mark.parametrize("kernel", [Moments, VocabularyCounter])
@pytest.mark.parametrize("values", [[[1]], [["a"]], [[1.5]], [Decimal("1.5")], [b"a"]])
def test_a_kernel_names_the_column_it_cannot_read(kernel: type[Moments], values: list[object]) -> None:
    with pytest.raises(ValueError, match=r"column `odd`: expected a column of .*, got Arrow format"):
        kernel().update(ArrowTable(pa.table({"odd": values})), 0)


NUMBERS = pa.array([1, None, 3], pa.int64())
WORDS = pa.array(["a", None, "a long word that is not inlined"])
VIEWS = WORDS.cast(pa.string_view())
CATEGORIES = WORDS.dictionary_encode()
LISTS = pa.array([["a", None], None, ["b", "cd", ""]])
WIDE_LISTS = pa.array([[1, 2], None, [3]], pa.large_list(pa.int64()))
PAIRS = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2))


def _set(field: str, value: object) -> Callable[[Schema, Array], None]:
    return lambda _, array: setattr(array, field, value)


def _buffer(position: int, data: bytes | None) -> Callable[[Schema, Array], None]:
    def spoil(_: Schema, array: Array) -> None:
        array.kept = ctypes.create_string_buffer(data) if data is not None else None
        _KEPT.append(array.kept)
        array.buffers[position] = ctypes.addressof(array.kept) if data is not None else None

    return spoil


_KEPT: list[object] = []


def _element(spoil: Callable[[Schema, Array], None]) -> Callable[[Schema, Array], None]:
    return lambda schema, array: spoil(schema.children[0].contents, array.children[0].contents)


def _view(size: int, buffer: int, offset: int) -> bytes:
    return b"".join(n.to_bytes(4, "little", signed=True) for n in (size, 0, buffer, offset))


SPOILED = {
    "negative length": (NUMBERS, _set("length", -1)),
    "huge length": (NUMBERS, _set("length", 2**62)),
    "too few elements": (NUMBERS, _set("length", 2)),
    "negative offset": (NUMBERS, _set("offset", -1)),
    "offset that overflows": (NUMBERS, _set("offset", 2**63 - 1)),
    "null count above the length": (NUMBERS, _set("null_count", 4)),
    "null count below -1": (NUMBERS, _set("null_count", -2)),
    "missing values buffer": (NUMBERS, _buffer(1, None)),
    "missing validity": (NUMBERS, _buffer(0, None)),
    "wrong number of buffers": (NUMBERS, _set("n_buffers", 1)),
    "no buffers": (NUMBERS, _set("buffers", None)),
    "no format": (NUMBERS, lambda schema, _: setattr(schema, "format", None)),
    "no dictionary": (CATEGORIES, _set("dictionary", None)),
    "falling offsets": (WORDS, _buffer(1, np.array([0, 5, 3, 9], np.int32).tobytes())),
    "negative first offset": (WORDS, _buffer(1, np.array([-4, 0, 1, 2], np.int32).tobytes())),
    "no characters": (WORDS, _buffer(2, None)),
    "negative view": (VIEWS, _buffer(1, _view(-1, 0, 0) * 3)),
    "view of an unknown buffer": (VIEWS, _buffer(1, _view(20, 7, 0) * 3)),
    "view past its buffer": (VIEWS, _buffer(1, _view(20, 0, 2**30) * 3)),
    "view before its buffer": (VIEWS, _buffer(1, _view(20, 0, -8) * 3)),
    "falling list offsets": (LISTS, _buffer(1, np.array([0, 2, 1, 5], np.int32).tobytes())),
    "negative list offset": (LISTS, _buffer(1, np.array([-1, 2, 2, 5], np.int32).tobytes())),
    "list offset past the elements": (LISTS, _buffer(1, np.array([0, 2, 2, 6], np.int32).tobytes())),
    "large list offset past the elements": (WIDE_LISTS, _buffer(1, np.array([0, 2, 2, 2**62], np.int64).tobytes())),
    "huge length of lists": (LISTS, _set("length", 2**62)),
    "elements of a huge length": (LISTS, _element(_set("length", 2**62))),
    "elements of a negative length": (WIDE_LISTS, _element(_set("length", -1))),
    "elements at a negative offset": (WIDE_LISTS, _element(_set("offset", -1))),
    "elements without characters": (LISTS, _element(_buffer(2, None))),
    "no list offsets": (LISTS, _buffer(1, None)),
    "no array of elements": (LISTS, _set("n_children", 0)),
    "no field of elements": (LISTS, lambda schema, _: setattr(schema, "n_children", 0)),
    "too few elements in lists": (LISTS, _element(_set("length", 4))),
    "elements with falling offsets": (LISTS, _element(_buffer(1, np.array([0, 1, 1, 2, 9, 4], np.int32).tobytes()))),
    "elements without values": (WIDE_LISTS, _element(_buffer(1, None))),
    "pairs with too few elements": (PAIRS, _element(_set("length", 5))),
    "pairs at an offset past their elements": (PAIRS, _set("offset", 1)),
    "pairs that claim more than memory holds": (PAIRS, lambda schema, _: setattr(schema, "format", b"+w:2147483647")),
    "pairs at an offset that overflows": (PAIRS, _set("offset", 2**48)),
    "index past the dictionary": (CATEGORIES, _buffer(1, np.array([0, 0, 2], np.int32).tobytes())),
    "negative index": (CATEGORIES, _buffer(1, np.array([0, 0, -1], np.int32).tobytes())),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_a_producer_that_breaks_the_interface_gets_an_error(fault: str) -> None:
    values, spoil = SPOILED[fault]
    with pytest.raises(ValueError, match="the producer breaks the Arrow C data interface"):
        ArrowTable(Hostile(values, spoil))


def test_an_unspoiled_export_of_the_same_producer_is_read() -> None:
    for values in (NUMBERS, WORDS, VIEWS, CATEGORIES, LISTS, WIDE_LISTS, PAIRS):
        assert ArrowTable(Hostile(values, lambda schema, array: None)).num_rows == 3


def test_elements_of_lists_of_lists_are_not_read() -> None:
    nested = pa.array([[[1]], None, [[2], [3]]])
    spoil = _element(_buffer(1, np.array([0, 2, 1, 9], np.int32).tobytes()))
    assert ArrowTable(Hostile(nested, spoil)).type_of(0) == "other"


def test_an_error_of_the_producer_is_passed_on() -> None:
    with pytest.raises(ValueError, match="error 5: out of luck"):
        ArrowTable(Hostile(NUMBERS, lambda schema, array: None, status=5))


def test_null_slots_may_hold_anything() -> None:
    spoil = _buffer(1, np.array([0, 99, 1], np.int32).tobytes())  # row 1 is null
    counter = VocabularyCounter()
    counter.update(ArrowTable(Hostile(CATEGORIES, spoil)), 0)
    assert counter.missing == 1
