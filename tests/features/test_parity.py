"""The native executor gives the oracle's bits, for every program, layout and instruction set."""

import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime import _native
from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, conform, read_dataset
from mlops_runtime.data.synthetic import claims, planted_shift
from mlops_runtime.features import CategoryFeature, FeatureSpec, NumericFeature, fit_program, infer_spec
from mlops_runtime.features.parity import ColumnParity, check_parity, compare_columns
from mlops_runtime.features.reference import transform_reference

TEXTS = st.one_of(
    st.none(), st.sampled_from(["", "a", "b", "é", "a much longer key than eight bytes", "\x00"]), st.text()
)
NUMBERS = {
    pa.float64(): st.floats(),
    pa.float32(): st.floats(width=32),
    pa.float16(): st.floats(width=16),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.int8(): st.integers(-128, 127),
    pa.uint16(): st.integers(0, 2**16 - 1),
    pa.bool_(): st.booleans(),
}
TEXT_TYPES = [
    pa.utf8(),
    pa.large_utf8(),
    pa.dictionary(pa.int8(), pa.utf8()),
    pa.dictionary(pa.uint32(), pa.large_utf8()),
]


@st.composite
def chunked(draw, data_type, values):
    """One column of `values`, cut into chunks, each chunk a slice of a longer array."""
    cuts = sorted(draw(st.lists(st.integers(0, len(values)), max_size=2)))
    chunks = []
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        before = draw(st.integers(0, min(3, len(values))))
        plain_type = pa.utf8() if data_type in TEXT_TYPES else data_type
        chunk = pa.array([*values[:before], *values[begin:end]], plain_type).cast(data_type)
        chunks.append(chunk.slice(before))
    return pa.chunked_array(chunks, data_type)


@st.composite
def cases(draw):
    """A table, its schema and a specification."""
    rows = draw(st.integers(1, 40))
    columns, kinds, features = {}, [], []
    for position in range(draw(st.integers(0, 3))):
        data_type = draw(st.sampled_from(list(NUMBERS)))
        values = draw(st.lists(st.one_of(st.none(), NUMBERS[data_type]), min_size=rows, max_size=rows))
        columns[f"n{position}"] = draw(chunked(data_type, values))
        kinds.append(Column(f"n{position}", "number"))
        choices = {"impute": ["mean", "median", "constant"], "scale": ["standard", "none"], "indicator": ["auto", True]}
        options = {name: draw(st.sampled_from(values)) for name, values in choices.items()}
        features.append(NumericFeature(column=f"n{position}", constant=-7.25, **options))
    for position in range(draw(st.integers(0 if features else 1, 3))):
        values = draw(st.lists(TEXTS, min_size=rows, max_size=rows))
        columns[f"c{position}"] = draw(chunked(draw(st.sampled_from(TEXT_TYPES)), values))
        kinds.append(Column(f"c{position}", "string"))
        features.append(CategoryFeature(column=f"c{position}", min_count=draw(st.integers(1, 3)), max_size=3))
    return pa.table(columns), Schema(tuple(kinds)), FeatureSpec(features=tuple(features))


@given(cases(), st.integers(0, 40))
def test_native_and_oracle_agree_to_the_last_bit(case, rows_to_fit):
    table, schema, spec = case
    program = fit_program(spec, table.slice(0, max(1, rows_to_fit)), schema)
    report = check_parity(program, table)
    assert report.identical, [column for column in report.columns if column.differing]


def test_a_single_differing_bit_is_found():
    oracle = np.array([[1.0, 0.0], [2.0, 5.0]], np.float32)
    native = oracle.copy()
    native[1, 0] = np.nextafter(np.float32(2.0), np.float32(3.0))
    native[0, 1] = -0.0
    assert compare_columns("avx2", ("a", "b"), native, oracle) == [
        ColumnParity("avx2", "a", differing=1, max_ulp=1),
        ColumnParity("avx2", "b", differing=1, max_ulp=0),
    ]


def test_every_instruction_set_of_this_machine_is_compared_and_restored():
    table = claims(1000, seed=1)
    schema = Schema((Column("amount", "number"), Column("cause", "string")))
    program = fit_program(infer_spec(table, schema, target=None).spec, table, schema)
    before = _native.active_isa()
    report = check_parity(program, table)
    assert report.isas[-1] == _native.detected_isa()
    assert _native.active_isa() == before
    assert len(report.columns) == len(report.isas) * 2


def test_real_data_it_was_not_fitted_on(shared_data):
    train = read_dataset(shared_data / "adult" / "train.csv")
    program = fit_program(infer_spec(train.table, train.schema, target="income").spec, train.table, train.schema)
    test = read_dataset(shared_data / "adult" / "test.csv", schema=program.schema)
    assert check_parity(program, test.table).identical


@pytest.mark.parametrize("feature", [NumericFeature(column="x"), CategoryFeature(column="x")])
def test_a_matrix_without_columns_still_has_the_rows(feature):
    table = pa.table({"x": [1, 2, 3]})
    program = fit_program(FeatureSpec(features=(feature,)), table, Schema((Column("x", "number"),)))
    matrices = program.transform(table)
    assert sorted([matrices.dense.shape, matrices.sparse.shape]) == [(3, 0), (3, 1)]
    assert program.transform(table.slice(0, 0)).dense.shape[0] == 0


def test_rows_do_not_depend_on_each_other():
    table = planted_shift(claims(64, seed=2), seed=2)
    schema = Schema(
        tuple(
            Column(name, kind)
            for name, kind in [("amount", "number"), ("report_days", "number"), ("channel", "string")]
        )
    )
    table = conform(table, schema, where="test")
    program = fit_program(infer_spec(table, schema, target=None).spec, table, schema)
    whole = program.transform(table)
    for row in range(64):
        one = program.transform(table.slice(row, 1))
        assert one.dense.tobytes() == whole.dense[row].tobytes()
        assert one.sparse.tobytes() == whole.sparse[row].tobytes()


def test_many_threads_may_use_one_fresh_program():
    table = claims(5000, seed=3).select(["amount", "report_days", "cause"])
    schema = Schema((Column("amount", "number"), Column("report_days", "number"), Column("cause", "string")))
    program = fit_program(infer_spec(table, schema, target=None).spec, table, schema)
    expected = transform_reference(program, table)
    results = []
    threads = [threading.Thread(target=lambda: results.append(program.transform(table))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(result.dense, expected.dense) for result in results)
    assert all(np.array_equal(result.sparse, expected.sparse) for result in results)


def test_a_table_without_an_input_column_is_refused():
    table = pa.table({"x": [1, 2]})
    program = fit_program(FeatureSpec(features=(NumericFeature(column="x"),)), table, Schema((Column("x", "number"),)))
    with pytest.raises(SchemaError, match="no `x`"):
        program.transform(pa.table({"y": [1]}))
