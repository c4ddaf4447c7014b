"""Where expressions and encoders begin: inputs as float64 values and as codes, and codes as vocabulary ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlops_runtime.data import Column, Schema
from mlops_runtime.data.schema import ColumnKind
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Source
from mlops_runtime.features.onnx.graph import BOOL, DOUBLE, INT64, STRING, Graph, Port
from mlops_runtime.features.onnx.inputs import MISSING_INTEGER
from mlops_runtime.features.onnx.steps import add_step
from mlops_runtime.features.onnx.tensor import Tensor, look_up, where
from mlops_runtime.features.vocabulary import MISSING_ID, UNSEEN_ID, FittedVocabulary

__all__ = ["Codes", "Sources"]

_LARGEST_CODE = 2.0**53

_PORTS: dict[ColumnKind, tuple[int, tuple[str, ...], str]] = {
    "number": (DOUBLE, ("N",), "missing: NaN"),
    "integer": (INT64, ("N",), "missing: -2**63"),
    "timestamp": (INT64, ("N",), "microseconds since 1970, UTC; missing: -2**63"),
    "string": (STRING, ("N",), 'trimmed; missing: "" or a null token'),
    "string_list": (STRING, ("N", "L"), 'a row\'s elements, then ""; missing elements: "" or a null token'),
    "integer_list": (INT64, ("N", "L"), "a row's elements, then -2**63; missing elements: -2**63"),
}


@dataclass(frozen=True, slots=True)
class Codes:
    """Keys of any shape, string or int64, and the values they were made of. What is no whole number is -2**63."""

    keys: Tensor
    raw: Tensor

    @property
    def missing(self) -> Tensor:
        """Where there is no key."""
        if self.raw.dtype == DOUBLE:
            return self.raw.is_nan()
        return self.raw.equals("" if self.raw.dtype == STRING else MISSING_INTEGER)

    def ids(self, vocabulary: FittedVocabulary) -> Tensor:
        """Return the ids in a vocabulary: missing, rare and unseen apart; int64 of the codes' shape."""
        is_text = self.keys.dtype == STRING
        known = {"": MISSING_ID} if is_text else {MISSING_INTEGER: UNSEEN_ID}
        known |= dict(zip(vocabulary.keys.to_pylist(), vocabulary.ids.tolist(), strict=True))
        found = look_up(self.keys, known, otherwise=UNSEEN_ID)
        return found if is_text else where(self.missing, MISSING_ID, found)


class Sources:
    """The inputs of a graph that stand for the columns of `schema`, and what expressions make of them."""

    def __init__(self, graph: Graph, schema: Schema) -> None:
        self._graph = graph
        self._schema = schema

    @staticmethod
    def port(column: Column) -> Port:
        """Return the input of a column. A list column's width is its own: sizes of one name must be equal."""
        dtype, shape, meaning = _PORTS[column.kind]
        return Port(
            column.name, dtype, tuple(f"L of {column.name}" if size == "L" else size for size in shape), meaning
        )

    def codes(self, name: str) -> Codes:
        """Return a column's keys [N, 1], or those of a list column's elements [N, L]."""
        raw = self._input(name)
        if raw.dtype != DOUBLE:
            return Codes(raw, raw)
        is_code = raw.floor().equals(raw) & (abs(raw) <= _LARGEST_CODE)
        whole = where(is_code, raw, raw.constant(0.0)).cast(INT64)
        return Codes(where(is_code, whole, whole.constant(MISSING_INTEGER)), raw)

    def expression(self, expression: Expression) -> Tensor:
        """Return an expression's float64[N, 1]."""
        return self._after(expression, len(expression.steps))

    def equalities(self, expressions: list[Expression]) -> Tensor:
        """Return float64[N, k] of k expressions that are the same but for their last steps, all `equals`."""
        before = self._after(expressions[0], -1)
        wanted = np.array([expression.steps[-1].parameters for expression in expressions]).reshape(1, -1)
        return before.equals(wanted).cast(DOUBLE)

    def _after(self, expression: Expression, steps: int) -> Tensor:
        x = self._source(expression.source)
        for step in expression.steps[:steps]:
            x = add_step(x, step)
        return x

    def _source(self, source: Source) -> Tensor:
        if isinstance(source, ColumnValue):
            return self._value(source.column)
        if isinstance(source, Arithmetic):
            operator = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div"}[source.operation]
            return self._value(source.left).apply(operator, self._value(source.right))
        return self.codes(source.column).ids(source.vocabulary).cast(DOUBLE)

    def _value(self, name: str) -> Tensor:
        raw = self._input(name)
        if raw.dtype == DOUBLE:
            return raw
        value = raw.cast(DOUBLE)
        return where(raw.equals(MISSING_INTEGER), np.nan, value)

    def _input(self, name: str) -> Tensor:
        """Return a column as [N, 1], a list column as [N, L]."""
        port = self.port(self._schema.column(name))
        raw = Tensor(self._graph, port.name, port.dtype)
        if len(port.shape) == 2:
            return self._clean(raw)
        axis = self._graph.constant(np.array([1], np.int64))
        return self._clean(Tensor(self._graph, self._graph.node("Unsqueeze", raw.name, axis), port.dtype))

    def _clean(self, raw: Tensor) -> Tensor:
        """Return texts with those that mean "missing" emptied, as `data.conform` does; anything else as it is."""
        tokens = self._schema.null_tokens
        if raw.dtype != STRING or not tokens:
            return raw
        return where(look_up(raw, dict.fromkeys(tokens, 1), otherwise=0).cast(BOOL), "", raw)
