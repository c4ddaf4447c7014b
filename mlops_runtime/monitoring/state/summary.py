"""What a column's counts come to: plain, frozen, mergeable and serialisable; the baseline is made of these.

Merging adds integers, so merge(a, b) equals the summary of the concatenated rows bit for bit, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.state.categorical import CategoricalSummary
from mlops_runtime.monitoring.state.consistency import REFIT, require, require_total

__all__ = [
    "CategoricalSummary",
    "ColumnSummary",
    "NumericSummary",
    "summary_from_dict",
]

_SUM_UNIT = 1074


@dataclass(frozen=True, slots=True, eq=False)
class NumericSummary:
    """A numeric column. `counts[i]` finite values lie in (edges[i-1], edges[i]]; the two ends are open.

    edges: float64; int64 or uint64 when the reference has integers that float64 would round, which are counted exactly.
    minimum, maximum: of the finite values; an int where float64 would round it, NaN where there is none.
    total, total_of_squares: exact sums, integers in units of 2**-1074 and 2**-2148 (`_native.Moments.sums`).
    is_time: the numbers are microseconds since 1970, UTC.
    """

    kind: ClassVar[Literal["numeric"]] = "numeric"
    rows: int
    missing: int
    positive_infinite: int
    negative_infinite: int
    edges: NDArray[Any]
    counts: NDArray[np.int64]
    minimum: float
    maximum: float
    total: int
    total_of_squares: int
    is_time: bool = False

    @classmethod
    def blank(cls, edges: NDArray[Any], *, is_time: bool = False) -> NumericSummary:
        """Return the summary of no row over these edges."""
        return cls(0, 0, 0, 0, edges, np.zeros(len(edges) + 1, np.int64), math.nan, math.nan, 0, 0, is_time)

    @property
    def finite(self) -> int:
        """How many values the histogram holds."""
        return int(self.counts.sum())

    @property
    def origin(self) -> int:
        """Where float64 can measure the edges from without loss: 0, or the first edge when they are integers."""
        return 0 if self.edges.dtype.kind == "f" else int(self.edges[0])

    @property
    def mean(self) -> float:
        """Mean of the finite values, rounded once; NaN when there is none."""
        return float(self.exact_mean) if self.finite else math.nan

    @property
    def exact_mean(self) -> Fraction:
        """Mean of the finite values, of which there has to be one."""
        return Fraction(self.total, self.finite << _SUM_UNIT)

    @property
    def standard_deviation(self) -> float:
        """Population standard deviation of the finite values, from exact sums; NaN when there is none."""
        n = self.finite
        if n == 0:
            return math.nan
        above, below = n * self.total_of_squares - self.total**2, n * n << (2 * _SUM_UNIT)
        return math.isqrt(above * below) / below

    def merge(self, other: NumericSummary) -> NumericSummary:
        """Return the summary of both parts. Raises SchemaError when the edges differ."""
        if not np.array_equal(self.edges, other.edges):
            raise SchemaError(
                "merge: expected two summaries over the same edges, got different ones — use one baseline"
            )
        return NumericSummary(
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            positive_infinite=self.positive_infinite + other.positive_infinite,
            negative_infinite=self.negative_infinite + other.negative_infinite,
            edges=self.edges,
            counts=self.counts + other.counts,
            minimum=_extreme(min, self.minimum, other.minimum),
            maximum=_extreme(max, self.maximum, other.maximum),
            total=self.total + other.total,
            total_of_squares=self.total_of_squares + other.total_of_squares,
            is_time=self.is_time,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: floats as C99 hex, large integers as decimal strings."""
        return {
            "kind": self.kind,
            "rows": self.rows,
            "missing": self.missing,
            "positive_infinite": self.positive_infinite,
            "negative_infinite": self.negative_infinite,
            "edge_type": self.edges.dtype.name,
            "edges": [_text(edge) for edge in self.edges.tolist()],
            "counts": self.counts.tolist(),
            "minimum": _text(self.minimum),
            "maximum": _text(self.maximum),
            "total": str(self.total),
            "total_of_squares": str(self.total_of_squares),
            "is_time": self.is_time,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> NumericSummary:
        """Read what `to_dict` wrote. Raises SchemaError when it is not consistent."""
        summary = cls(
            rows=int(values["rows"]),
            missing=int(values["missing"]),
            positive_infinite=int(values["positive_infinite"]),
            negative_infinite=int(values["negative_infinite"]),
            edges=_edges(values, where),
            counts=np.array(values["counts"], np.int64),
            minimum=_number(values["minimum"]),
            maximum=_number(values["maximum"]),
            total=int(values["total"]),
            total_of_squares=int(values["total_of_squares"]),
            is_time=bool(values["is_time"]),
        )
        edges, special = summary.edges, summary.positive_infinite + summary.negative_infinite
        ordered = len(edges) > 0 and bool(np.isfinite(edges).all()) and bool((edges[:-1] < edges[1:]).all())
        require(ordered, where, "finite, strictly increasing edges", "others")
        require(len(summary.counts) == len(edges) + 1, where, f"{len(edges) + 1} counts", str(len(summary.counts)))
        require_total(summary.counts, summary.missing + special, summary.rows, where)
        return summary


ColumnSummary = NumericSummary | CategoricalSummary


def summary_from_dict(values: Mapping[str, Any], *, where: str) -> ColumnSummary:
    """Read a summary of either kind. Raises SchemaError naming `where` for anything `to_dict` did not write."""
    kinds = {kind.kind: kind for kind in (NumericSummary, CategoricalSummary)}
    try:
        return kinds[values["kind"]].from_dict(values, where=where)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SchemaError):
            raise
        got = f"{type(error).__name__}: {error}"
        raise SchemaError(problem(expected="a column summary", got=got, where=where, next_step=REFIT)) from error


_EDGE_TYPES = ("float64", "int64", "uint64")


def _edges(values: Mapping[str, Any], where: str) -> NDArray[Any]:
    kind = values.get("edge_type", "float64")  # the only one there was at first
    require(kind in _EDGE_TYPES, where, f"edges of {', '.join(_EDGE_TYPES)}", str(kind))
    return np.array([_number(edge) for edge in values["edges"]], kind)


def _extreme(choose: Callable[[float, float], float], one: float, other: float) -> float:
    """Return the lesser or greater; NaN stands for none."""
    if math.isnan(one) or math.isnan(other):
        return other if math.isnan(one) else one
    return choose(one, other)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else hex_float(value)


def _number(text: str) -> float:
    return int(text) if text.removeprefix("-").isdigit() else from_hex_float(text)
