"""What the multivariate statistics say of the rows a monitor has seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.statistics.result import Statistic

__all__ = ["FLOORS", "LEVEL", "MIN_ROWS", "MultivariateReport"]

LEVEL = 0.05
MIN_ROWS = 30
FLOORS = {"reconstruction_error": 0.1, "mmd": 0.05, "domain_auc": 0.05}


@dataclass(frozen=True, slots=True)
class MultivariateReport:
    """statistics: by name. effects: how large each is, held against its floor in `FLOORS`. rows: the current ones.

    The effect of the reconstruction error is its change in standard deviations of a row's; of the MMD, its share of the
    reference's spread in the same features, under a root; of the AUC, what it is over 0.5. level: the chance, at most,
    that it says drift where there is none.
    """

    rows: int
    statistics: dict[str, Statistic]
    effects: dict[str, float]
    level: float = LEVEL

    @property
    def drifted(self) -> bool:
        """Whether one statistic is both significant (at `level` over the three: Bonferroni) and above its floor."""
        return bool(self.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The statistics that are both."""
        return tuple(name for name in self.statistics if self.verdict(name) == "drift")

    def verdict(self, name: str) -> str:
        """Return `drift`, `stable`, or `significant, but too small to matter`, of one statistic."""
        p_value = self.statistics[name].p_value
        if p_value is None or p_value > self.level / len(self.statistics):
            return "stable"
        return "drift" if self.effects[name] >= FLOORS[name] else "significant, but too small to matter"

    def points(self, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return each statistic and its `<name>_p_value`, then `multivariate_drifted` as 0 or 1, for rules to read."""
        shared, points = dict(labels or {}), []
        for name, one in self.statistics.items():
            points.append(Point(name, one.value, span, one.m, one.low, one.high, shared))
            if one.p_value is not None:
                points.append(Point(f"{name}_p_value", one.p_value, span, one.m, labels=shared))
        return [*points, Point("multivariate_drifted", float(self.drifted), span, self.rows, labels=shared)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; an effect without limit (a reference that never varies) is None."""
        entries = {}
        for name, one in self.statistics.items():
            effect = self.effects[name] if math.isfinite(self.effects[name]) else None
            judged = {"effect": effect, "floor": FLOORS[name], "drifted": name in self.reasons}
            entries[name] = {**asdict(one), **judged}
        verdict = {"drifted": self.drifted, "level": self.level, "reasons": list(self.reasons)}
        return {"rows": self.rows, **verdict, "statistics": entries}
