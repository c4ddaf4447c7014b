"""What a contract may say, and what it proposes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.data import Column, Schema
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.contract import Contract, check_stream, infer_contract
from mlops_runtime.data.sketch import TableSketch

WHOLE = """
columns:
  - {name: age, kind: number, minimum: 0, exclusive_maximum: 120, maximum_missing_share: 0.1, finite: true}
  - {name: plan, kind: string, nullable: false, allowed: [basic, gold], pattern: "[a-z]+", minimum_length: 2}
  - {name: seen, kind: timestamp, maximum_age_h: 48, minimum: 2020-01-01, maximum: "2030-01-01T00:00:00+04:00"}
  - {name: id, kind: integer, unique: true, maximum: 18446744073709551615, order: strictly_increasing}
  - {name: tags, kind: string_list, maximum_length: 9, required: false}
keys: [[plan, seen]]
minimum_rows: 1000
extra_columns: refuse
"""


def test_yaml_is_read_and_written_without_loss(tmp_path):
    contract = Contract.from_yaml(WHOLE)
    contract.save(tmp_path / "c.yaml")
    assert Contract.load(tmp_path / "c.yaml") == contract
    assert Contract.load(tmp_path / "c.yaml").digest == contract.digest


def test_the_digest_tells_promises_apart():
    texts = (WHOLE, WHOLE.replace("120", "121"), WHOLE.replace("1000", "1001"), WHOLE.replace("48", "48.5"))
    assert len({Contract.from_yaml(text).digest for text in texts}) == 4


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{name: a, kind: number, pattern: x}", "`pattern` means nothing for kind number"),
        ("{name: a, kind: string, minimum: 1}", "a bound means nothing"),
        ("{name: a, kind: string, order: increasing}", "`order` means nothing"),
        ("{name: a, kind: string, pattern: '('}", "no RE2 expression"),
        ("{name: a, kind: string, pattern: '(?=x)'}", "no RE2 expression"),
        (r"{name: a, kind: string, pattern: '\Qx'}", "no RE2 expression"),
        ("{name: a, kind: string, pattern: 'x)(?:y'}", "no RE2 expression"),
        ("{name: a, kind: string, pattern: '((a{1,1000}){1,1000}){1,1000}'}", "no RE2 expression"),
        ("{name: a, kind: timestamp, minimum: 2}", "is a time"),
        ("{name: a, kind: timestamp, minimum: yesterday}", "isoformat"),
        ("{name: a, kind: timestamp, minimum: 2020-13-41}", "month"),
        ("{name: a, kind: number, minimum: 2020-01-01}", "is a number"),
        ("{name: a, kind: number, minimum: yes}", "minimum"),
        ("{name: a, kind: number, minimum: .nan}", "finite"),
        ("{name: a, kind: number, minimum: 3, maximum: 1}", "3 is above 1"),
        ("{name: a, kind: number, minimum: 3, exclusive_maximum: 3}", "nothing is between 3 and 3"),
        ("{name: a, kind: timestamp, exclusive_minimum: 2026-01-02, maximum: 2026-01-01}", "is above"),
        ("{name: a, kind: string, minimum_length: 3, maximum_length: 2}", "3 is above 2"),
        (f"{{name: a, kind: string, maximum_length: {10**30}}}", "less than"),
        (f"{{name: a, kind: number, maximum: {10**400}}}", "is a number"),
        ("{name: a, kind: integer, minimum: 0.5}", "whole number"),
        ("{name: a, kind: integer, allowed: [36893488147419103232]}", "whole number"),
        ("{name: a, kind: number, allowed: [one]}", "'one' is no number"),
        ("{name: a, kind: string, allowed: []}", "at least 1"),
        ("{name: a, kind: string, allowed: [SE, NO]}", "quote them"),
        ("{name: a, kind: number, minimum: 0, minimum: 10}", "'minimum' is given twice"),
        ("{[name]: a}", "unhashable key"),
        ("{name: a, kind: number, finite: 1}", "boolean"),
        ("{name: a, kind: string_list, unique: true}", "`unique` means nothing"),
        ("{name: a, kind: number, maximum_missing_share: 2}", "less than or equal to 1"),
        ("{name: a, kind: float}", "kind"),
        ("{name: a, kind: number, minimal: 1}", "not permitted"),
        ("{name: a, kind: number}, {name: a, kind: string}", "more than once"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(entry, words):
    with pytest.raises(ConfigError, match=r"c\.yaml: expected `columns:`") as caught:
        Contract.from_yaml(f"columns: [{entry}]", where="c.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize("key", ["[a, nobody]", "[a, a]", "[]", "[tags]"])
def test_a_key_is_of_declared_columns(key):
    text = f"columns: [{{name: a, kind: number}}, {{name: tags, kind: string_list}}]\nkeys: [{key}]"
    with pytest.raises(ConfigError, match="group of distinct declared columns"):
        Contract.from_yaml(text)


@pytest.mark.parametrize("text", ["", "[]", "columns: 3", "a: [", "columns: []", "!!python/object:os.system {}"])
def test_what_is_no_contract_is_refused(text):
    with pytest.raises(ConfigError, match="expected `columns:`"):
        Contract.from_yaml(text)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        Contract.load(tmp_path / "absent.yaml")


@pytest.fixture
def good_data() -> tuple[pa.Table, Schema]:
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "age": pa.array([None if i % 10 == 0 else float(i % 80) for i in range(1_000)]),
            "plan": [("basic", "gold")[i % 2] for i in range(1_000)],
            "code": [f"c{i}" for i in range(1_000)],
            "name": [f"n{i % 500}" for i in range(1_000)],
            "loss": -random.random(1_000),
            "flat": [7.0] * 1_000,
            "wild": [float("inf")] + [1e300, -1e300] * 499 + [0.0],
            "seen": pa.array(range(1_000), pa.timestamp("us", "UTC")),
        }
    )
    kinds = {"age": "number", "loss": "number", "flat": "number", "wild": "number", "seen": "timestamp"}
    return table, Schema(tuple(Column(name, kinds.get(name, "string")) for name in table.column_names))


def test_a_proposed_contract_holds_for_the_data_it_came_from(good_data):
    table, schema = good_data
    sketch = TableSketch(schema)
    sketch.update(Batch(table, 0, "a.csv"))
    contract = infer_contract(schema, sketch.freeze())
    assert check_stream([Batch(table, 0, "a")], contract, source="a", columns=table.column_names).passed
    rules = {column.name: column for column in contract.columns}
    assert (rules["age"].minimum, rules["age"].maximum, rules["age"].maximum_missing_share) == (0, 87, 0.15)
    assert (rules["plan"].allowed, rules["plan"].unique, rules["plan"].nullable) == (("basic", "gold"), False, False)
    assert (rules["code"].allowed, rules["code"].unique) == (None, True)
    assert (rules["name"].allowed, rules["name"].unique) == (None, False)
    assert rules["loss"].maximum == 0
    assert (rules["wild"].finite, rules["wild"].minimum) == (False, None)
    assert contract.minimum_rows == 500


def test_a_proposed_contract_refuses_what_is_far_off(good_data):
    table, schema = good_data
    sketch = TableSketch(schema)
    sketch.update(Batch(table, 0, "a.csv"))
    contract = infer_contract(schema, sketch.freeze())
    other = table.slice(0, 3).set_column(0, "age", pa.array([-1.0, 300.0, 5.0]))
    report = check_stream([Batch(other, 0, "b")], contract, source="b", columns=other.column_names)
    assert {rule.rule for rule in report.violated} == {"age.minimum", "age.maximum", "minimum_rows"}


def test_a_contract_proposed_from_infinite_values_allows_them():
    table, schema = pa.table({"x": [1.0, float("inf"), 2.0]}), Schema((Column("x", "number"),))
    sketch = TableSketch(schema)
    sketch.update(Batch(table, 0, "a"))
    contract = infer_contract(schema, sketch.freeze())
    assert (contract.columns[0].minimum, contract.columns[0].maximum, contract.columns[0].finite) == (0.9, None, False)
    assert check_stream([Batch(table, 0, "a")], contract, source="a", columns=["x"]).passed


def test_of_no_column_no_contract_is_proposed():
    with pytest.raises(SchemaError, match="data set: expected columns"):
        infer_contract(Schema(()), ())
