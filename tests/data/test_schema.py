"""Schemas: order, selection, and a form that survives JSON."""

import json

import pytest

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema

SCHEMA = Schema((Column("age", "number"), Column("id", "integer", nullable=False), Column("seen", "timestamp")))


def test_a_schema_survives_json():
    assert Schema.from_dict(json.loads(json.dumps(SCHEMA.to_dict()))) == SCHEMA


def test_selecting_keeps_the_order_asked_for():
    assert SCHEMA.select(["seen", "age"]).names == ("seen", "age")


def test_an_unknown_column_is_named_with_those_that_exist():
    with pytest.raises(SchemaError, match=r"column `aeg`.*`age`, `id`, `seen`"):
        SCHEMA.column("aeg")


def test_a_name_that_no_server_would_take_is_refused():
    with pytest.raises(SchemaError, match=r"at most 1024 characters, got 1025 in `xxx.*x…` — check the header line"):
        Schema((Column("x" * 1025, "number"),))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(SchemaError, match="`a` more than once"):
        Schema((Column("a", "number"), Column("a", "string")))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"columns": None, "trim": True, "null_tokens": []},
        {"columns": [{"name": "a", "kind": "float", "nullable": True}], "trim": True, "null_tokens": []},
        {"columns": [{"name": 3, "kind": "number", "nullable": True}], "trim": True, "null_tokens": []},
        {"columns": [], "trim": "yes", "null_tokens": []},
        {"columns": [], "trim": True, "null_tokens": [1]},
        {"columns": [3], "trim": True, "null_tokens": []},
    ],
)
def test_a_malformed_document_is_a_schema_error(values):
    with pytest.raises(SchemaError, match=r"Schema\.to_dict"):
        Schema.from_dict(values)
