"""Any table and any specification: native equals the oracle, and no layout or producer of the data shows."""

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_runtime.data import Column, Schema, from_frame
from mlops_runtime.features import FeatureSpec, fit_program
from mlops_runtime.features.parity import check_parity
from mlops_runtime.registry.portable import onnx_backend

KEYS = ["", "a", "b", "é", "A b\u00a0c", "a much longer key than eight bytes", "\x00"]
TEXTS = st.one_of(st.none(), st.sampled_from(KEYS), st.text(max_size=12))
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
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.utf8()),
    pa.dictionary(pa.uint32(), pa.large_utf8()),
]
TIME = pa.timestamp("us", "UTC")
COLUMNS = {
    "n": ("number", NUMBERS),
    "m": ("number", NUMBERS),
    "k": ("number", {pa.int8(): st.integers(-2, 2), pa.float64(): st.sampled_from([0.0, 1.0, -2.0, 0.5])}),
    "c": ("string", dict.fromkeys(TEXT_TYPES, TEXTS)),
    "i": ("integer", {pa.int64(): st.sampled_from([2**60, 2**60 + 1, -5])}),
    "t": ("timestamp", {TIME: st.integers(-(10**17), 10**17)}),
    "l": ("string_list", {pa.list_(pa.utf8()): st.lists(TEXTS, max_size=4)}),
    "w": ("integer_list", {pa.list_(pa.int64()): st.lists(st.none() | st.integers(-2, 2), max_size=4)}),
    "y": ("number", {pa.float64(): st.floats(-1e6, 1e6)}),
}
SCHEMA = Schema(tuple(Column(name, kind) for name, (kind, _) in COLUMNS.items()))


def choice(**options):
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in options.items()})


KEY_COLUMNS = ["c", "i", "k"]
FEATURES = st.one_of(
    choice(
        kind=["numeric"],
        column=["n", "m", "t", "k"],
        impute=["median", "mean", "mode", "constant", "none"],
        constant=[-7.25],
        clip=[None, (-10.0, 1e30)],
        winsorise=[None, (0.1, 0.8)],
        transform=["none", "log1p", "signed_log1p", "sqrt", "yeo_johnson"],
        scale=["standard", "min_max", "robust", "rank_gauss", "none"],
        indicator=["auto", True, False],
    ),
    choice(kind=["numeric"], combine=[{"left": "n", "operation": o, "right": "m"} for o in ("add", "divide")]),
    choice(kind=["category"], column=KEY_COLUMNS, min_count=[1, 2], max_size=[2, 4096]),
    choice(kind=["one_hot"], column=KEY_COLUMNS, min_count=[1, 2], max_size=[2, 64]),
    choice(kind=["frequency"], column=KEY_COLUMNS, scale=["none", "standard"]),
    choice(kind=["target"], column=KEY_COLUMNS, target=["y"], smoothing=[0.0, 20.0]),
    choice(kind=["hash"], columns=[("c",), ("i",), ("c", "i"), ("k", "c", "i")], buckets=[1, 100], seed=[0, 9]),
    choice(kind=["bucket"], column=["n", "m", "t"], method=["quantile", "uniform"], bins=[2, 5]),
    choice(
        kind=["date"],
        column=["t"],
        parts=[("year", "month"), ("day_of_week", "week", "hour"), ("minute_of_day", "day_of_year", "quarter")],
        zone=["UTC", "Asia/Dubai", "America/St_Johns"],
        cyclic=[True, False],
    ),
    choice(
        kind=["ngram"],
        column=["c"],
        tokens=["characters", "words"],
        longest=[1, 3],
        buckets=[5],
        lower=[True, False],
        output=["counts", "binary", "bag"],
    ),
    choice(kind=["list"], column=["l", "w"], min_count=[1, 2], output=["multi_hot", "counts", "bag"]),
)


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
def tables(draw):
    rows = draw(st.integers(1, 40))
    columns = {}
    for name, (_, types) in COLUMNS.items():
        data_type = draw(st.sampled_from(list(types)))
        value = types[data_type] if name == "y" else st.none() | types[data_type]
        columns[name] = draw(chunked(data_type, draw(st.lists(value, min_size=rows, max_size=rows))))
    return pa.table(columns)


def spec_of(features):
    return FeatureSpec.model_validate({"features": [{**f, "name": f"f{i}"} for i, f in enumerate(features)]})


@given(tables(), st.lists(FEATURES, min_size=1, max_size=5), st.integers(1, 40))
def test_native_and_oracle_agree_to_the_last_bit(table, features, rows_to_fit):
    program = fit_program(spec_of(features), table.slice(0, rows_to_fit), SCHEMA)
    assert check_parity(program, table).refused == ()
    assert check_parity(program, table.slice(0, 0)).refused == ()


def can_be_exported(feature):
    return feature["kind"] != "ngram" and "c" not in feature.get("columns", ())


@settings(max_examples=50)
@given(tables(), st.lists(FEATURES.filter(can_be_exported), min_size=1, max_size=5), st.integers(1, 40))
def test_onnx_runtime_and_oracle_agree_to_the_last_bit(table, features, rows_to_fit):
    as_they_are = Schema(SCHEMA.columns, null_tokens=())
    program = fit_program(spec_of(features), table.slice(0, rows_to_fit), as_they_are)
    graph = replace(onnx_backend(program), is_exact=True)
    for part in (table, table.slice(0, 0)):
        assert check_parity(program, part, backends={"onnx": graph}).refused == ()


@given(tables(), st.lists(FEATURES, min_size=1, max_size=5))
def test_rows_do_not_depend_on_each_other(table, features):
    program = fit_program(spec_of(features), table, SCHEMA)
    whole = program.transform(table)
    for row in range(table.num_rows):
        one = program.transform(table.slice(row, 1))
        assert one.dense.tobytes() == whole.dense[row].tobytes()
        assert one.sparse.tobytes() == whole.sparse[row].tobytes()
        for name, bag in whole.bags.items():
            assert one.bags[name].ids.tolist() == bag.ids[bag.offsets[row] : bag.offsets[row + 1]].tolist()


PRODUCED = Schema(
    (
        Column("n", "number"),
        Column("c", "string"),
        Column("i", "integer"),
        Column("t", "timestamp"),
        Column("l", "string_list"),
    )
)
PRODUCED_SPEC = FeatureSpec.from_yaml("""
features:
  - {kind: numeric, column: n, transform: yeo_johnson}
  - {kind: category, column: c}
  - {kind: one_hot, column: c, max_size: 2}
  - {kind: hash, columns: [c, i]}
  - {kind: frequency, column: i}
  - {kind: date, column: t, parts: [month, hour], zone: Asia/Dubai, cyclic: true}
  - {kind: ngram, column: c, buckets: 4}
  - {kind: list, column: l}
""")


@pytest.fixture(scope="module")
def produced():
    random = np.random.default_rng(8)
    rows = 1000
    return pa.table(
        {
            "n": pa.array(random.lognormal(size=rows), mask=random.random(rows) < 0.1),
            "c": pa.array(random.choice(["a", "b", "c d", "é"], rows), mask=random.random(rows) < 0.1),
            "i": pa.array(2**60 + random.integers(0, 5, rows), mask=random.random(rows) < 0.1),
            "t": pa.array(random.integers(0, 2**50, rows)).cast(TIME),
            "l": pa.array([random.choice(["p", "q", "r"], 2).tolist() for _ in range(rows)]),
        }
    )


def with_text(text_type):
    return lambda table: table.set_column(1, "c", table["c"].cast(text_type))


PRODUCERS = {
    "polars": pl.from_arrow,
    "pandas": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "duckdb": lambda table: duckdb.from_arrow(table).to_arrow_table(),
    "sliced": lambda table: pa.concat_tables([table.slice(0, 7), table]).combine_chunks().slice(7),
    "chunked": lambda table: pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1)]),
    "dictionary": with_text(pa.dictionary(pa.int32(), pa.utf8())),
    "large": with_text(pa.large_utf8()),
    "string_view": with_text(pa.string_view()),
    "large list": lambda table: table.set_column(4, "l", table["l"].cast(pa.large_list(pa.large_utf8()))),
}


@pytest.mark.parametrize("producer", PRODUCERS)
def test_a_producer_or_layout_does_not_show(produced, producer):
    expected = fit_program(PRODUCED_SPEC, produced, PRODUCED)
    table, schema, _ = from_frame(PRODUCERS[producer](produced), schema=PRODUCED)
    assert schema == PRODUCED
    assert fit_program(PRODUCED_SPEC, table, PRODUCED) == expected
    got, whole = expected.transform(table), expected.transform(produced)
    assert got.dense.tobytes() == whole.dense.tobytes()
    assert got.sparse.tobytes() == whole.sparse.tobytes()
