"""A check of tables of any Arrow type: it ends with a report, and what it writes can be read."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.contract import Contract, ContractReport, check_stream

KINDS = ("number", "integer", "string", "timestamp", "string_list", "integer_list")
BROKEN_TEXTS = pa.Array.from_buffers(
    pa.utf8(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff5")]
)
PAIR = [Decimal("1.5"), None]
ARRAYS = {
    "binary": pa.array([b"\xff", b"a"]),
    "fixed_binary": pa.array([b"ab", b"\xff\xfe"], pa.binary(2)),
    "binary_view": pa.array([b"\xff", b"a"], pa.binary_view()),
    "string_view": pa.array(["5", "a"], pa.string_view()),
    "null": pa.nulls(2),
    "duration": pa.array([1, 2], pa.duration("us")),
    "time": pa.array([1, 2], pa.time64("ns")),
    "date": pa.array([1, 2], pa.date32()),
    "decimal128": pa.array(PAIR),
    "decimal256": pa.array(PAIR, pa.decimal256(50, 2)),
    "float16": pa.array(np.array([1, 2], np.float16)),
    "struct": pa.array([{"a": b"\xff"}, None]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.utf8(), pa.int64())),
    "list": pa.array([[1], [2]]),
    "list_view": pa.array([["a"], None], pa.list_view(pa.utf8())),
    "list_of_bytes": pa.array([[b"\xff"], [b"a"]]),
    "list_of_broken_texts": pa.ListArray.from_arrays([0, 1, 2], BROKEN_TEXTS),
    "fixed_list": pa.array([[1, 2], [3, None]], pa.list_(pa.int64(), 2)),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["x"])),
    "dictionary_of_numbers": pa.array([1, 2]).dictionary_encode(),
    "dictionary_of_bytes": pa.array([b"\xff", b"b"]).dictionary_encode(),
    "time_beyond_calendars": pa.array([-(2**63) + 1, 2**63 - 1], pa.timestamp("us")),
    "zoned": pa.array([1, 2], pa.timestamp("ns", "Asia/Dubai")),
    "bool": pa.array([True, False]),
    "broken_texts": BROKEN_TEXTS,
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"a" * 16, b"\xff" * 16], pa.binary(16))),
}
RULES = {
    "number": "unique: true, minimum: 0",
    "integer": "unique: true, order: increasing, maximum: 9",
    "string": "unique: true, pattern: a, minimum_length: 2, allowed: [a]",
    "timestamp": "unique: true, order: increasing, minimum: 2020-01-01, maximum_age_h: 3",
    "string_list": "minimum_length: 2",
    "integer_list": "minimum_length: 2",
}


def _check(table: pa.Table, columns: str, folder: Path, good: str) -> ContractReport:
    contract = Contract.from_yaml(f"columns: [{columns}]")
    names, now = table.column_names, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    written = {"quarantine": folder / "bad.parquet", "good": folder / good}
    return check_stream([Batch(table, 0, "a")], contract, source="a", columns=names, now=now, **written)


def _read(path: Path) -> pa.Table:
    if path.suffix == ".arrow":
        return pa.ipc.open_file(path).read_all()
    return arrow_csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)


@pytest.mark.parametrize(("name", "kind"), list(itertools.product(ARRAYS, KINDS)))
def test_a_declared_column_of_any_type_gets_a_verdict(name, kind, tmp_path):
    table = pa.table({"c": ARRAYS[name]})
    report = _check(table, f"{{name: c, kind: {kind}, nullable: false, {RULES[kind]}}}", tmp_path, "good.arrow")
    assert report.rows == 2 == report.good + report.quarantined
    assert (_read(tmp_path / "good.arrow").num_rows, report.quarantined) == (
        report.good,
        len(_read(tmp_path / "bad.parquet").to_pylist()),
    )


@pytest.mark.parametrize("good", ["good.parquet", "good.arrow", "good.csv"])
@pytest.mark.parametrize("name", ARRAYS)
def test_a_column_that_no_rule_knows_goes_along(name, good, tmp_path):
    table = pa.table({"n": [1, -1], "c": ARRAYS[name]})
    report = _check(table, "{name: n, kind: number, minimum: 0}", tmp_path, good)
    assert (report.good, report.quarantined) == (1, 1)
    assert (_read(tmp_path / good).num_rows, len(_read(tmp_path / "bad.parquet").to_pylist())) == (1, 1)


def _encoded(indices: list, index: pa.DataType, dictionary: list) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, index), pa.array(dictionary))


@pytest.mark.parametrize("index", [pa.int8(), pa.uint8(), pa.uint32(), pa.int64(), pa.uint64()], ids=str)
def test_a_dictionary_means_what_its_values_mean(index, tmp_path):
    chunks = [_encoded([0, 1, None], index, ["a", "a"]), _encoded([0, 1, 2], index, [None, "b", ""])]
    encoded = pa.chunked_array([*chunks, _encoded([1, 2, 1], index, ["z", "b", "5"]).slice(1)])
    plain = pa.chunked_array([["a", "a", None, None, "b", "", "5", "b"]])
    for kind in ("string", "number"):
        rules = f"{{name: c, kind: {kind}, nullable: false, unique: true}}"
        reports = [_check(pa.table({"c": c}), rules, tmp_path, f"{c is plain}.parquet") for c in (encoded, plain)]
        assert reports[0] == reports[1]
        assert _read(tmp_path / "False.parquet") == _read(tmp_path / "True.parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_is_no_utf8_makes_its_row_bad_and_no_other(kind, tmp_path):
    texts = pa.concat_arrays([BROKEN_TEXTS, pa.array([None, ""])])
    for column in (texts, texts.dictionary_encode()):
        report = _check(pa.table({"c": column}), f"{{name: c, kind: {kind}}}", tmp_path, "good.parquet")
        bad = _read(tmp_path / "bad.parquet").to_pylist()
        assert bad[0]["c"] == "\\xff"
        assert report.quarantined == len(bad) == (1 if kind in ("number", "integer", "string") else 2)


def test_a_list_in_a_csv_of_good_rows_is_read_as_a_list_again(tmp_path):
    table = pa.table({"c": [["a", None], [], None, ["x,y"]], "n": [1, 2, 3, 4]})
    _check(table, "{name: c, kind: string_list}, {name: n, kind: number}", tmp_path, "good.csv")
    again = _read(tmp_path / "good.csv")
    assert again["c"].to_pylist() == ['["a", null]', "[]", "", '["x,y"]']


def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    months = pa.table({"n": [1], "c": pa.array([pa.MonthDayNano([1, 2, 3])])})
    with pytest.raises(ConfigError, match=r"write a \.arrow file"):
        _check(months, "{name: n, kind: number}", tmp_path, "good.parquet")
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(SchemaError, match="values of one type"):
        _check(pa.table({"c": union}), "{name: c, kind: number}", tmp_path, "good.parquet")
    assert list(tmp_path.iterdir()) == []


def test_good_and_bad_rows_never_share_a_file(tmp_path):
    with pytest.raises(ConfigError, match="two files"):
        _check(pa.table({"c": [1]}), "{name: c, kind: number}", tmp_path / "x" / "..", "bad.parquet")


def test_good_rows_of_files_that_differ_are_one_table(tmp_path):
    batches = [
        Batch(pa.table({"n": pa.array([1, 2], pa.int32()), "more": ["x", "y"]}), 0, "1"),
        Batch(pa.table({"more": pa.array(["z"]).dictionary_encode(), "n": [0.5]}), 2, "2"),
        Batch(pa.table({"n": ["7"]}), 3, "3"),
    ]
    contract = Contract.from_yaml("columns: [{name: n, kind: number}]")
    check_stream(batches, contract, source="s", columns=["n", "more"], good=tmp_path / "good.parquet")
    assert _read(tmp_path / "good.parquet").to_pydict() == {"n": [1, 2, 0.5, 7], "more": ["x", "y", "z", None]}


def test_whole_numbers_are_never_rounded_on_the_way(tmp_path):
    table = pa.table({"n": [2**53 + 1]})
    with pytest.raises(SchemaError, match="as integer"):
        _check(table, "{name: n, kind: number}", tmp_path, "good.parquet")
    _check(table, "{name: n, kind: integer}", tmp_path, "good.parquet")
    assert _read(tmp_path / "good.parquet")["n"].to_pylist() == [2**53 + 1]


def test_a_hostile_pattern_costs_no_more_than_the_text_is_long(tmp_path):
    table = pa.table({"c": ["a" * 200_000 + "!"]})
    start = time.perf_counter()
    report = _check(table, "{name: c, kind: string, pattern: '(a+)+(a|aa)*'}", tmp_path, "good.arrow")
    assert report.quarantined == 1
    assert time.perf_counter() - start < 30  # backtracking would take 2**200,000 steps
