"""Expressions: one float64 per row, as a source and the steps that follow it. NaN is missing.

Steps and their parameters (docs/features.md says what each computes; `kernels/dense` holds the oracle):

    impute [fill]                 clip [low, high]            affine [center, scale]: (x - center) * scale
    log1p, signed_log1p, sqrt []  yeo_johnson [lambda]        interpolate [x_0 … x_{k-1}, y_0 … y_{k-1}]
    bucket [edge_0 …]             table [v_0 …]               equals [k]        is_missing []
    local_time [t_0 …, o_0 …]     date_year … date_minute_of_day []
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = [
    "DATE_PARTS",
    "OPERATIONS",
    "Arithmetic",
    "ColumnValue",
    "DatePart",
    "Expression",
    "Operation",
    "Source",
    "Step",
    "VocabularyId",
]

Operation = Literal["add", "subtract", "multiply", "divide"]
DatePart = Literal[
    "year",
    "quarter",
    "month",
    "day",
    "day_of_week",
    "day_of_year",
    "week",
    "hour",
    "minute",
    "second",
    "minute_of_day",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
DATE_PARTS: tuple[DatePart, ...] = get_args(DatePart)


@dataclass(init=False, eq=False, frozen=True, slots=True)
class Step:
    """One step of an expression, equal to another with the same name and the same bits of parameters.

    parameters: float64[k], kept as a read-only copy, every NaN with the same bits. Raises ShapeError for an unknown
    name, a wrong number of parameters, or values that the step does not allow (edges that do not increase, infinities).

    >>> Step("affine", [20.0, 0.5])
    Step('affine', [20.0, 0.5])
    """

    name: str
    parameters: NDArray[np.float64]

    def __init__(self, name: str, parameters: ArrayLike = ()) -> None:
        values = np.array(parameters, np.float64)
        values[np.isnan(values)] = np.nan
        values.setflags(write=False)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "parameters", values)
        rule = _RULES.get(name)
        expected = f"one of the steps {', '.join(_RULES)}" if rule is None else rule.expected
        if rule is None or values.ndim != 1 or not rule.holds(values):
            raise ShapeError(
                problem(
                    expected=expected,
                    got=f"{np.array2string(values, threshold=8)} ({values.size} values)" if rule else f"`{name}`",
                    where=f"step `{name}`",
                    next_step="see the steps in the docstring of features/expression.py",
                )
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and (other.name, other._bits) == (self.name, self._bits)

    def __hash__(self) -> int:
        return hash((self.name, self._bits))

    def __repr__(self) -> str:
        return f"Step({self.name!r}, {self.parameters.tolist()})"

    @property
    def _bits(self) -> bytes:
        return self.parameters.tobytes()


@dataclass(frozen=True, slots=True)
class _Rule:
    expected: str
    holds: Callable[[NDArray[np.float64]], bool]


def _finite(count: int) -> Callable[[NDArray[np.float64]], bool]:
    return lambda values: values.size == count and bool(np.isfinite(values).all())


def _increasing(values: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).all() and (values[1:] > values[:-1]).all())


def _is_pairs(values: NDArray[np.float64]) -> bool:
    """Whether the values are k >= 1 increasing positions and then as many finite results."""
    half = values.size // 2
    return values.size == 2 * half > 0 and _increasing(values[:half]) and bool(np.isfinite(values[half:]).all())


_NO_PARAMETERS = _Rule("no parameters", lambda values: values.size == 0)

_RULES: dict[str, _Rule] = {
    "impute": _Rule("one finite fill value", _finite(1)),
    "clip": _Rule("two finite numbers, low <= high", lambda v: _finite(2)(v) and bool(v[0] <= v[1])),
    "log1p": _NO_PARAMETERS,
    "signed_log1p": _NO_PARAMETERS,
    "sqrt": _NO_PARAMETERS,
    "yeo_johnson": _Rule("one finite lambda", _finite(1)),
    "affine": _Rule("a finite center and a finite scale", _finite(2)),
    "interpolate": _Rule("k >= 1 strictly increasing finite knots, then k finite values", _is_pairs),
    "bucket": _Rule("at least one edge, finite and strictly increasing", lambda v: v.size > 0 and _increasing(v)),
    "table": _Rule("at least one value, none infinite", lambda v: v.size > 0 and not bool(np.isinf(v).any())),
    "equals": _Rule("one finite number", _finite(1)),
    "is_missing": _NO_PARAMETERS,
    "local_time": _Rule("k >= 1 strictly increasing finite times, then k finite offsets", _is_pairs),
    **{f"date_{part}": _NO_PARAMETERS for part in DATE_PARTS},
}


@dataclass(frozen=True, slots=True)
class ColumnValue:
    """The value of a column: any number as float64, a time as microseconds since 1970, null as NaN."""

    column: str

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the source reads its columns."""
        return (Reading(self.column, "value"),)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left` and `right` added, subtracted, multiplied or divided; NaN where either is missing."""

    operation: Operation
    left: str
    right: str

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the source reads its columns."""
        return (Reading(self.left, "value"), Reading(self.right, "value"))


@dataclass(frozen=True, slots=True)
class VocabularyId:
    """The id of a column's value in a vocabulary: 0 missing, 1 rare, 2 unseen, then the keys; never NaN."""

    column: str
    vocabulary: FittedVocabulary

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the source reads its columns."""
        return (Reading(self.column, "code"),)


Source = ColumnValue | Arithmetic | VocabularyId


@dataclass(frozen=True, slots=True)
class Expression:
    """A source followed by steps: one float64 per row.

    Raises ShapeError when a `table` step right after an id has not one value for each id.

    >>> Expression(ColumnValue("age"), (Step("impute", [30.0]),)).reads
    (Reading(column='age', how='value'),)
    """

    source: Source
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not (self.steps and self.steps[0].name == "table" and isinstance(self.source, VocabularyId)):
            return
        values, ids = self.steps[0].parameters.size, self.source.vocabulary.cardinality
        if values != ids:
            raise ShapeError(
                problem(
                    expected=f"a table of {ids} values, one for each id",
                    got=str(values),
                    where=f"expression of column `{self.source.column}`",
                    next_step="give missing, rare and unseen keys a value too",
                )
            )

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the expression reads its columns."""
        return self.source.reads

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks keys up in, if any."""
        return (self.source.vocabulary,) if isinstance(self.source, VocabularyId) else ()

    def then(self, *steps: Step) -> Expression:
        """Return this expression followed by more steps."""
        return Expression(self.source, (*self.steps, *steps))
