"""Expressions: one float64 per row, as a source and the steps that follow it. NaN is missing.

`_native.Expression` says which steps there are, what parameters each takes and what it computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlops_runtime import _native
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
        try:
            _native.Expression([0], "column", [(name, values)])  # the one place that knows what each step takes
        except (TypeError, ValueError) as error:
            raise ShapeError(str(error)) from error

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
