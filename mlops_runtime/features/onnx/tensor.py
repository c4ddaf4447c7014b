"""Tensors of a graph that read like NumPy: every operator adds one node, and nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlops_runtime.features.onnx.graph import BOOL, DOUBLE, FLOAT, INT64, STRING, UINT64, Graph

__all__ = ["Tensor", "concat", "look_up", "where"]

_NUMPY: Mapping[int, Any] = MappingProxyType(
    {BOOL: np.bool_, DOUBLE: np.float64, FLOAT: np.float32, INT64: np.int64, STRING: np.object_, UINT64: np.uint64}
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named value of `graph` with elements of TensorProto type `dtype`.

    The other operand is a tensor of the same type, or numbers, which become a constant of it. Integers wrap.
    """

    graph: Graph
    name: str
    dtype: int

    def constant(self, values: ArrayLike) -> Tensor:
        """Return a constant of this tensor's type in its graph."""
        return Tensor(self.graph, self.graph.constant(np.array(values, _NUMPY[self.dtype])), self.dtype)

    def apply(self, operator: str, *others: Tensor | ArrayLike, dtype: int | None = None, **attributes: Any) -> Tensor:
        """Return `operator` of this tensor and others, whose result has this type unless `dtype` says otherwise."""
        names = [(other if isinstance(other, Tensor) else self.constant(other)).name for other in others]
        name = self.graph.node(operator, self.name, *names, **attributes)
        return Tensor(self.graph, name, self.dtype if dtype is None else dtype)

    def cast(self, dtype: int) -> Tensor:
        """Return the elements as another type: from double to float rounded to nearest even, to integers truncated."""
        return self if dtype == self.dtype else self.apply("Cast", dtype=dtype, to=dtype)

    def gather(self, indices: Tensor) -> Tensor:
        """Return the elements of this 1-D tensor at `indices`, in their shape."""
        return self.apply("Gather", indices, axis=0)

    def equals(self, other: Tensor | ArrayLike) -> Tensor:
        """Return where both are equal."""
        return self.apply("Equal", other, dtype=BOOL)

    def is_nan(self) -> Tensor:
        """Return where the tensor is NaN."""
        return self.apply("IsNaN", dtype=BOOL)

    def floor(self) -> Tensor:
        """Return the largest whole numbers that are not above."""
        return self.apply("Floor")

    def __add__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("Add", other)

    def __sub__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("Sub", other)

    def __mul__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("Mul", other)

    def __truediv__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("Div", other)

    def __mod__(self, divisor: Tensor | ArrayLike) -> Tensor:
        """The remainder with the divisor's sign; of integers only."""
        return self.apply("Mod", divisor, fmod=0)

    def __floordiv__(self, divisor: int) -> Tensor:
        """The quotient rounded down; of integers only (ONNX divides them towards zero)."""
        return (self - self % divisor) / divisor

    def __xor__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("BitwiseXor", other)

    def __neg__(self) -> Tensor:
        return self.apply("Neg")

    def __abs__(self) -> Tensor:
        return self.apply("Abs")

    def __lt__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("Less", other, dtype=BOOL)

    def __le__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("LessOrEqual", other, dtype=BOOL)

    def __gt__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("Greater", other, dtype=BOOL)

    def __ge__(self, other: Tensor | ArrayLike) -> Tensor:
        return self.apply("GreaterOrEqual", other, dtype=BOOL)

    def __and__(self, other: Tensor) -> Tensor:
        return self.apply("And", other)

    def __or__(self, other: Tensor) -> Tensor:
        return self.apply("Or", other)

    def __invert__(self) -> Tensor:
        return self.apply("Not")


def where(condition: Tensor, then: Tensor | ArrayLike, otherwise: Tensor) -> Tensor:
    """Return `then` where the condition holds, else `otherwise`, whose type the result has."""
    chosen = then if isinstance(then, Tensor) else otherwise.constant(then)
    return condition.apply("Where", chosen, otherwise, dtype=otherwise.dtype)


def look_up(keys: Tensor, table: Mapping[Any, int], *, otherwise: int) -> Tensor:
    """Return what `table` has for strings or int64 keys, int64 of their shape; `otherwise` for all other keys."""
    attributes: dict[str, Any] = {"values_int64s": list(table.values()), "default_int64": otherwise}
    attributes["keys_strings" if keys.dtype == STRING else "keys_int64s"] = list(table)
    return keys.apply("LabelEncoder", domain="ai.onnx.ml", dtype=INT64, **attributes)


def concat(parts: list[Tensor], *, axis: int) -> Tensor:
    """Return tensors of one type side by side along an axis."""
    first, *rest = parts
    return first.apply("Concat", *rest, axis=axis) if rest else first
