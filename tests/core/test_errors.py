"""One tree of errors, drawn in the module's docstring, each with an exit code."""

from __future__ import annotations

import inspect

import pytest

from mlops_runtime.core import errors


def _tree() -> list[type[errors.MlrtError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MlrtError)]


@pytest.mark.parametrize("kind", _tree())
def test_each_error_is_drawn_exported_and_described(kind: type[errors.MlrtError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.__name__ in errors.__all__
    assert kind.__doc__


def test_wrong_data_can_be_caught_as_a_value_error() -> None:
    assert {kind for kind in _tree() if issubclass(kind, ValueError)} == {
        errors.DataError,
        errors.ShapeError,
        errors.EmptyInputError,
        errors.SchemaError,
    }


@pytest.mark.parametrize("kind", _tree())
def test_exit_codes_are_one_of_the_contract(kind: type[errors.MlrtError]) -> None:
    assert kind.exit_code == {errors.ConfigError: 2, errors.PolicyError: 3}.get(kind, 1)


def test_a_message_says_where_what_and_what_next() -> None:
    message = errors.problem(expected="column `y`", got="columns a, b", where="data.csv", next_step="pass --target b")
    assert message == "data.csv: expected column `y`, got columns a, b — pass --target b"
