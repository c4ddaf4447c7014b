"""A check counts every row once, says every reason, and does not care how the data was cut into batches."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, conform
from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.contract import Contract, ContractReport, check_stream
from mlops_runtime.data.contract.repeats import Repeats
from mlops_runtime.data.contract.values import Reading, read_values

NOW = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)


def _batches(table: pa.Table, cuts: list[int] = ()) -> list[Batch]:
    bounds = sorted({0, table.num_rows, *(min(cut, table.num_rows) for cut in cuts)})
    return [Batch(table.slice(a, b - a), a, "a.csv") for a, b in itertools.pairwise(bounds)]


def _check(table: pa.Table, contract: str, cuts: list[int] = (), **options) -> ContractReport:
    stream, columns = _batches(table, cuts), table.column_names
    return check_stream(stream, Contract.from_yaml(contract), source="a.csv", columns=columns, now=NOW, **options)


def _violations(report: ContractReport) -> dict[str, int]:
    return {rule.rule: rule.violations for rule in report.violated}


def _column(values: list, entry: str, kind: pa.DataType | None = None) -> dict[str, int]:
    return _violations(_check(pa.table({"c": pa.array(values, kind)}), f"columns: [{{name: c, {entry}}}]"))


@pytest.mark.parametrize(
    ("values", "entry", "broken"),
    [
        ([1.0, None, float("nan")], "kind: number, nullable: false", {"c.nullable": 2}),
        (["a", "", " ", "?", None], "kind: string, nullable: false", {"c.nullable": 4}),
        (["1", "x", " 2 ", "", "1e999"], "kind: number", {"c.kind": 1}),
        (["1", "x", "1e999"], "kind: number, finite: true", {"c.kind": 1, "c.finite": 1}),
        ([0, 1, 2], "kind: number, minimum: 1", {"c.minimum": 1}),
        ([0, 1, 2], "kind: number, exclusive_minimum: 1", {"c.exclusive_minimum": 2}),
        ([0.0, float("inf"), float("nan")], "kind: number, maximum: 1", {"c.maximum": 1}),
        ([0, 1, 2], "kind: number, exclusive_maximum: 1", {"c.exclusive_maximum": 2}),
        ([True, False], "kind: number, minimum: 1", {"c.minimum": 1}),
        ([2**53, 2**53 + 1], f"kind: integer, maximum: {2**53}", {"c.maximum": 1}),
        ([1, 2], f"kind: integer, maximum: {2**64 - 1}", {}),
        ([1, 2], f"kind: integer, minimum: {2**64 - 1}", {"c.minimum": 2}),
        (["9223372036854775808", "0x10", "5", "1.5"], "kind: integer, minimum: 6", {"c.kind": 2, "c.minimum": 1}),
        ([1.0, 1.5, None, 1e300], "kind: integer", {"c.kind": 2}),
        ([1, 2, 3], "kind: number, allowed: [1, 2.5]", {"c.allowed": 2}),
        ([1, 2, 3], "kind: integer, allowed: [1, 18446744073709551615]", {"c.allowed": 2}),
        (["a", " b", "c"], "kind: string, allowed: [a, b]", {"c.allowed": 1}),
        (["ab", "abc", "xab"], "kind: string, pattern: ab", {"c.pattern": 2}),
        (["a|b", "a"], "kind: string, pattern: a|b", {"c.pattern": 1}),
        (["ü", "üü"], "kind: string, minimum_length: 2", {"c.minimum_length": 1}),
        (["ü", "üü"], "kind: string, maximum_length: 1", {"c.maximum_length": 1}),
        (["true", "False", "2", "yes"], "kind: number, minimum: 1", {"c.kind": 1, "c.minimum": 1}),
        ([["a"], [], None], "kind: string_list, minimum_length: 1", {"c.minimum_length": 1}),
        (['["a"]', "[1]", "[", None], "kind: string_list", {"c.kind": 2}),
        (["a", "b", "a", None, None, "", ""], "kind: string, unique: true", {"c.unique": 1}),
        ([0.0, -0.0, 1.5, 1.5, float("nan"), float("nan")], "kind: number, unique: true", {"c.unique": 2}),
        ([3, 1, 3, 2, None, 4], "kind: number, order: increasing", {"c.order": 2}),
        ([3, 1, 3, 2, None, 4], "kind: number, order: strictly_increasing", {"c.order": 3}),
        (["2026-01-01", "2026-02-30"], "kind: timestamp", {"c.kind": 1}),
        (["2026-01-01", "2025-12-31T23:59:59.9Z"], "kind: timestamp, minimum: 2026-01-01", {"c.minimum": 1}),
        ([1.5, 2.5], "kind: string", {"c.type": 1}),
        ([{"a": 1}], "kind: number, minimum: 0", {"c.type": 1}),
    ],
)
def test_each_rule_finds_what_it_names(values, entry, broken):
    assert _column(values, entry) == broken


def test_whole_numbers_of_64_bits_unsigned_are_compared_exactly():
    values = [0, 2**63, 2**64 - 1]
    assert _column(values, f"kind: integer, maximum: {2**64 - 2}", pa.uint64()) == {"c.maximum": 1}
    assert _column(values, "kind: integer, minimum: -5", pa.uint64()) == {}
    assert _column([2**64 - 1] * 2, "kind: integer, unique: true", pa.uint64()) == {"c.unique": 1}


@pytest.mark.parametrize("order", ["increasing", "strictly_increasing"])
def test_order_is_kept_across_files_of_other_types(order):
    def broken(kind: str, *parts: pa.Array) -> int:
        stream = [Batch(pa.table({"c": part}), 9 * place, str(place)) for place, part in enumerate(parts)]
        contract = Contract.from_yaml(f"columns: [{{name: c, kind: {kind}, order: {order}}}]")
        report = check_stream(stream, contract, source="s", columns=["c"])
        return sum(_violations(report).values())

    assert broken("number", pa.array([5.5]), pa.array([5, 6])) == 1
    assert broken("number", pa.array([7], pa.uint8()), pa.array([7.5, 7.25])) == 1
    assert broken("integer", pa.array([2**64 - 1], pa.uint64()), pa.array([2**63 - 1, -1])) == 2
    assert broken("integer", pa.array([-1]), pa.array([0, 2**64 - 1], pa.uint64())) == 0


def test_rules_about_the_data_set_are_decided_on_all_rows():
    table = pa.table(
        {"a": ["1", None, "x", "4"], "t": ["2026-01-08", "2026-01-07", None, "2027-01-01"], "more": [1] * 4}
    )
    rules = """
    columns:
      - {name: a, kind: number, maximum_missing_share: 0.2}
      - {name: t, kind: timestamp, maximum_age_h: 47.9}
      - {name: gone, kind: number, minimum: 0}
      - {name: optional, kind: number, required: false, maximum_missing_share: 0}
    minimum_rows: 5
    extra_columns: refuse
    """
    report = _check(table, rules)
    observed = {rule.rule: rule.observed for rule in report.violated}
    assert observed == {
        "a.kind": None,
        "minimum_rows": "4",
        "extra_columns": "`more`",
        "a.maximum_missing_share": "25.0000%",
        "t.maximum_age_h": "48.00 hours (2026-01-08T00:00:00+00:00)",
        "gone.required": "absent",
    }


def test_freshness_is_the_same_in_every_zone():
    later = NOW.astimezone(dt.timezone(dt.timedelta(hours=4)))
    for values in (
        ["2026-01-08T02:00:00+02:00"],
        pa.array([dt.datetime(2026, 1, 8, tzinfo=dt.UTC)], pa.timestamp("ns", "Asia/Dubai")),
    ):
        table = pa.table({"c": values})
        contract = Contract.from_yaml("columns: [{name: c, kind: timestamp, maximum_age_h: 47.9}]")
        report = check_stream(_batches(table), contract, source="a", columns=["c"], now=later)
        assert [(rule.expected, rule.observed) for rule in report.violated] == [
            ("a time in the 47.9 hours before 2026-01-10T00:00:00Z", "48.00 hours (2026-01-08T00:00:00+00:00)")
        ]


def test_a_time_before_every_calendar_is_old():
    table = pa.table({"c": pa.array([-(2**63) + 1], pa.timestamp("us"))})
    (rule,) = _check(table, "columns: [{name: c, kind: timestamp, maximum_age_h: 1}]").violated
    assert rule.observed.startswith("256")


def test_a_time_in_the_future_does_not_make_data_fresh():
    assert _column(["2026-01-11"], "kind: timestamp, maximum_age_h: 48") == {"c.maximum_age_h": 1}
    assert _column(["2026-01-10", "2026-01-11"], "kind: timestamp, maximum_age_h: 48") == {}


RULES = """
columns:
  - {name: n, kind: number, minimum: 0, maximum: 100, finite: true}
  - {name: s, kind: string, nullable: false, allowed: [a, b, ""], unique: false}
  - {name: i, kind: integer, unique: true, order: increasing}
keys: [[n, s]]
"""
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "-3", "200", "abc", "", " 7 ", "1e3", "nan", "inf", "?", "7"]),
        st.sampled_from(["a", "b", "c", "", " a"]),
        st.none() | st.sampled_from(["1", "2", "3", "x", "1.0"]),
    ),
    max_size=30,
)


def _expected(rows: list[tuple]) -> list[set[str]]:
    """The meaning of RULES, row by row in plain Python."""
    seen, keys, greatest, reasons = set(), set(), None, []
    for number, text, identifier in rows:
        found = set()
        n = {"": None, "nan": None, "?": None, "abc": "bad"}.get(number.strip(), number)
        n = float(n) if n not in (None, "bad") else n
        if n == "bad":
            found.add("n.kind")
        elif n is not None:
            found |= {rule for rule, is_broken in (("n.minimum", n < 0), ("n.maximum", n > 100)) if is_broken}
            found |= {"n.finite"} if n == float("inf") else set()
        s = text.strip() or None
        found |= {"s.nullable"} if s is None else {"s.allowed"} if s == "c" else set()
        if identifier in ("x", "1.0"):
            found.add("i.kind")
        elif identifier is not None:
            i = int(identifier)
            found |= {"i.unique"} if i in seen else set()
            found |= {"i.order"} if greatest is not None and i < greatest else set()
            seen.add(i)
            greatest = i if greatest is None else max(greatest, i)
        if isinstance(n, float) and s is not None:
            found |= {"key(n, s)"} if (n, s) in keys else set()
            keys.add((n, s))
        reasons.append(found)
    return reasons


@given(ROWS, st.lists(st.integers(0, 30), max_size=4))
def test_every_row_is_good_or_quarantined_once_with_all_its_reasons(tmp_path_factory, rows, cuts):
    folder = tmp_path_factory.mktemp("check")
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    table = pa.table({name: pa.array(list(values), pa.utf8()) for name, values in zip("nsi", columns, strict=True)})
    report = _check(table, RULES, cuts, quarantine=folder / "bad.parquet", good=folder / "good.parquet")
    expected = _expected(rows)
    bad = pq.read_table(folder / "bad.parquet").to_pylist()
    assert [(row["_row"], set(row["_reasons"])) for row in bad] == [(i, r) for i, r in enumerate(expected) if r]
    assert [tuple(row[name] for name in "nsi") for row in bad] == [rows[row["_row"]] for row in bad]
    assert report.rows == len(rows) == report.good + report.quarantined
    assert (report.good, report.quarantined) == (pq.read_metadata(folder / "good.parquet").num_rows, len(bad))
    assert _violations(report) == Counter(reason for reasons in expected for reason in reasons)
    json.dumps(report.to_dict(), allow_nan=False)


NUMBERS = st.text(alphabet="0123456789.+-eExXnaifINFty( )", max_size=6)
TIMES = st.builds(
    "{}-{}-{}{}{}".format,
    st.sampled_from(["2025", "0001", "25"]),
    st.sampled_from(["02", "2", "13"]),
    st.sampled_from(["28", "30", "1"]),
    st.sampled_from(["", "T", " 10", "T10:00", "T24:00", " 10:59:59", "T10:00:61", "T10:00:00.123456"]),
    st.sampled_from(["", "Z", "+04", "+0400", "-04:30", "+4"]),
)


@given(st.lists(NUMBERS | TIMES | st.sampled_from(["?", "NA", "\u00a01", "nan", "inf", "[]", "true"]), max_size=8))
@pytest.mark.parametrize("kind", ["number", "integer", "timestamp", "string", "string_list"])
def test_a_value_is_readable_if_and_only_if_conform_reads_it(kind, texts):
    column, rules = Column("c", kind), Schema(())
    whole = pa.chunked_array([pa.array(texts, pa.utf8())])
    reading = read_values(whole, column, rules, where="a")
    for position, text in enumerate(texts):
        one = pa.table({"c": pa.array([text], pa.utf8())})
        try:
            expected = conform(one, Schema((column,)), where="a").column(0).to_pylist()
            assert not reading.unreadable[position]
            got = reading.values.slice(position, 1).to_pylist()
            assert got == expected or str(got) == str(expected)  # NaN equals nothing
        except SchemaError:
            assert reading.unreadable[position]


def test_rows_that_cannot_be_decoded_are_counted_and_kept(tmp_path):
    stream = [
        BadRow("a.csv", 2, "1,2,3", "expected 1 fields, got 3", 0),
        Batch(pa.table({"c": ["5", "x"]}), 1, "a.csv"),
        BadRow("a.csv", 5, "4,5", "expected 1 fields, got 2", 3),
    ]
    contract = Contract.from_yaml("columns: [{name: c, kind: number}]")
    report = check_stream(stream, contract, source="a.csv", columns=["c"], quarantine=tmp_path / "q.parquet")
    assert (report.rows, report.good, report.quarantined) == (4, 1, 3)
    assert _violations(report) == {"decodable": 2, "c.kind": 1}
    rows = pq.read_table(tmp_path / "q.parquet").to_pylist()
    assert [(row["_row"], row["_line"], row["_text"], row["c"]) for row in rows] == [
        (0, 2, "1,2,3", None),
        (2, None, None, "x"),
        (3, 5, "4,5", None),
    ]


def test_a_row_is_found_by_its_file_and_its_place_there(tmp_path):
    stream = [
        Batch(pa.table({"c": [1.0, 2.0]}), 0, "a"),
        BadRow("b", 3, "?", "torn", 3),
        Batch(pa.table({"c": [1.0, -1.0]}), 2, "b", np.array([2, 4])),
        Batch(pa.table({"c": [-2.0]}), 5, "b"),
        BadRow("c", 2, "?", "torn", 6),
        Batch(pa.table({"c": [-3.0]}), 7, "c"),
    ]
    contract = Contract.from_yaml("columns: [{name: c, kind: number, minimum: 0}]")
    report = check_stream(stream, contract, source="abc", columns=["c"], quarantine=tmp_path / "q.parquet")
    places = [(e.file, e.file_row, e.row) for rule in report.violated for e in rule.examples]
    assert places == [("b", 1, 3), ("c", 0, 6), ("b", 2, 4), ("b", 3, 5), ("c", 1, 7)]
    rows = pq.read_table(tmp_path / "q.parquet").sort_by("_row").to_pylist()
    assert [(row["_file"], row["_file_row"], row["_row"]) for row in rows] == sorted(places, key=lambda place: place[2])


def test_ordinals_survive_rows_that_were_left_out():
    batch = Batch(pa.table({"c": [1.0, -1.0, 2.0, -2.0]}), 10, "a.csv").filter(np.array([True, False, True, True]))
    contract = Contract.from_yaml("columns: [{name: c, kind: number, minimum: 0}]")
    report = check_stream([batch], contract, source="a.csv", columns=["c"])
    assert [example.row for rule in report.violated for example in rule.examples] == [13]


def _reading(values: pa.Array, kind: str) -> Reading:
    return read_values(pa.chunked_array([values]), Column("c", kind), Schema(()), where="a")


def _repeated(parts: list[pa.Array], kind: str) -> np.ndarray:
    repeats = Repeats()
    return np.concatenate([repeats.update([_reading(part, kind)]) for part in parts])


@given(st.lists(st.lists(st.none() | st.integers(0, 30), max_size=12), max_size=12))
def test_repeats_are_found_across_any_number_of_batches(batches):
    repeats, seen = Repeats(), set()
    for batch in batches:
        found = repeats.update([_reading(pa.array(batch, pa.int64()), "integer")]).tolist()
        for key, is_repeat in zip(batch, found, strict=True):
            assert is_repeat == (key in seen)
            seen |= {key} - {None}


@pytest.mark.parametrize("kind", ["string", "integer", "number"])
def test_repeats_of_many_keys_are_found_while_the_table_grows(kind):
    keys = np.random.default_rng(0).integers(0, 200_000, 300_000)
    parts = [pa.array(part.astype(str) if kind == "string" else part) for part in np.array_split(keys, 29)]
    _, first = np.unique(keys, return_index=True)
    expected = np.ones(len(keys), bool)
    expected[first] = False
    np.testing.assert_array_equal(_repeated(parts, kind), expected)


def test_a_number_repeats_whatever_type_it_came_in():
    parts = [pa.array([5, 0]), pa.array([5.0, -0.0]), pa.array([5], pa.int8()), pa.array([5], pa.uint64())]
    assert _repeated(parts, "number").tolist() == [False, False, True, True, True, True]


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_whole_numbers_that_no_float_tells_apart_are_no_repeats(kind):
    high = [2**60 + step for step in range(300)]
    parts = [pa.array(high), pa.array(high, pa.uint64()), pa.array([-1, -(2**63), 2**63 - 1])]
    parts.append(pa.array([2**64 - 1, 2**63, 2**63 - 1], pa.uint64()))
    assert _repeated(parts, kind).tolist() == [False] * 300 + [True] * 300 + [False] * 5 + [True]


def test_parts_of_a_key_do_not_run_together():
    schema = Schema((Column("a", "string"), Column("b", "string")))
    pairs = [("ab", "c"), ("a", "bc"), ("1:a", "b"), ("1", "a1:b"), ("c", "ab"), ("ab", "c")]
    readings = [
        read_values(pa.chunked_array([list(texts)]), column, schema, where="a")
        for texts, column in zip(zip(*pairs, strict=True), schema.columns, strict=True)
    ]
    assert Repeats().update(readings).tolist() == [False] * 5 + [True]
