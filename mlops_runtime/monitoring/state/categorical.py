"""The summary of a categorical column: counts of the reference's categories, and what came beside them.

Merging adds integers, so merge(a, b) equals the summary of the concatenated rows bit for bit, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.monitoring.state.consistency import require, require_total
from mlops_runtime.monitoring.state.unseen import (
    Distinct,
    Sample,
    count_distinct,
    merge_unseen,
    most_frequent,
    unseen_from_list,
    unseen_to_list,
)

__all__ = ["CategoricalSummary", "Holds"]

Holds = Literal["string", "integer"]


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalSummary:
    """A column of categories. `counts[i]` rows hold `categories[i]`, integers written in decimal (`holds`).

    other: rows with a value beyond the kept categories, when the reference had more of them than it keeps
    (`truncated`; new categories cannot be told from those then). new: rows with a category the reference did not
    have. unseen: a sample of the categories of `other` and `new`. singletons, doubletons: how many categories occurred
    once and twice (reference only), from which the expected share of unseen categories follows.
    """

    kind: ClassVar[Literal["categorical"]] = "categorical"
    rows: int
    missing: int
    categories: tuple[str, ...]
    counts: NDArray[np.int64]
    other: int
    new: int
    truncated: bool
    singletons: int
    doubletons: int
    unseen: Sample = ()
    holds: Holds = "string"

    @property
    def present(self) -> int:
        """How many rows are not missing."""
        return self.rows - self.missing

    @property
    def new_examples(self) -> tuple[str, ...]:
        """The most frequent new categories; none when the reference was truncated."""
        return () if self.truncated else most_frequent(self.unseen)

    @property
    def distinct(self) -> Distinct:
        """How many different categories these rows hold."""
        unseen = count_distinct(self.unseen)
        return Distinct(unseen.value + int((self.counts > 0).sum()), unseen.standard_error)

    def merge(self, other: CategoricalSummary) -> CategoricalSummary:
        """Return the summary of both parts. Raises SchemaError when the categories differ."""
        if (self.categories, self.holds) != (other.categories, other.holds):
            raise SchemaError("merge: expected two summaries over the same categories, got others — use one baseline")
        return replace(
            self,
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            counts=self.counts + other.counts,
            other=self.other + other.other,
            new=self.new + other.new,
            unseen=merge_unseen(self.unseen, other.unseen),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "kind": self.kind,
            "rows": self.rows,
            "missing": self.missing,
            "holds": self.holds,
            "categories": list(self.categories),
            "counts": self.counts.tolist(),
            "other": self.other,
            "new": self.new,
            "unseen": unseen_to_list(self.unseen),
            "truncated": self.truncated,
            "singletons": self.singletons,
            "doubletons": self.doubletons,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> CategoricalSummary:
        """Read what `to_dict` wrote, also before it knew `holds` and `unseen`. SchemaError when not consistent."""
        other, new, holds = int(values["other"]), int(values["new"]), values.get("holds", "string")
        require(holds in ("string", "integer"), where, "categories that are string or integer", str(holds))
        summary = cls(
            rows=int(values["rows"]),
            missing=int(values["missing"]),
            categories=tuple(str(category) for category in values["categories"]),
            counts=np.array(values["counts"], np.int64),
            other=other,
            new=new,
            truncated=bool(values["truncated"]),
            singletons=int(values["singletons"]),
            doubletons=int(values["doubletons"]),
            unseen=unseen_from_list(values.get("unseen", ()), other + new, where=where),
            holds=holds,
        )
        distinct = len(set(summary.categories)) == len(summary.categories) == len(summary.counts)
        require(distinct, where, "distinct categories with a count each", "others")
        require_total(summary.counts, summary.missing + other + new, summary.rows, where)
        return summary
