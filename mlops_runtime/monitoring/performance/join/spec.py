"""What is joined: the columns of predictions and labels, the windows, and how long labels are waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.monitoring.performance.scoring import Scoring
from mlops_runtime.monitoring.points import Span

__all__ = ["DAY_S", "JoinSpec"]

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class JoinSpec:
    """How predictions meet their labels. Times are whole seconds.

    window_s: predictions are measured in windows of this length by their own time, which begin at its multiples since
    1970, so that windows of a day begin at midnight UTC. delay_s: a window closes when the latest time seen, of either
    side, is this much past its end. horizon_s: so much after that its rows are forgotten; what still comes is counted.
    points_s: so much after it, at least the horizon, its points are forgotten too; may be another when opened again.
    id, time, scores, value, groups: names of columns; `id` and `time` are those of both sides. labels: of every point.
    Raises ConfigError for lengths or names that cannot be.
    """

    scoring: Scoring
    window_s: int = DAY_S
    delay_s: int = 0
    horizon_s: int = 30 * DAY_S
    points_s: int = 730 * DAY_S
    id: str = "id"
    time: str = "time"
    scores: tuple[str, ...] = ("score",)
    value: str = "label"
    groups: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.window_s < 1 or self.delay_s < 0 or self.horizon_s < 0:
            got = f"window_s={self.window_s}, delay_s={self.delay_s}, horizon_s={self.horizon_s}"
            _refuse("a window of 1 s or more, a delay and a horizon of 0 or more", got, "give whole seconds")
        if self.points_s < self.horizon_s:
            _refuse(f"points_s of the horizon, {self.horizon_s}, or more", str(self.points_s), "keep points longer")
        if len(self.scores) != self.scoring.width:
            got = ", ".join(self.scores) or "none"
            _refuse(f"{self.scoring.width} score column(s)", got, "name one for each class, in their order")
        names = (self.id, self.time, *self.scores, *self.groups)
        if len(set(names)) != len(names):
            _refuse("columns that are all different", ", ".join(names), "name each once")

    @property
    def window_us(self) -> int:
        """The length of a window in microseconds."""
        return self.window_s * 1_000_000

    def span(self, start_us: int) -> Span:
        """Return the window that begins at `start_us` microseconds since 1970."""
        return Span.of_seconds(start_us / 1e6, start_us / 1e6 + self.window_s)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: what a file must have been made for."""
        values = {**asdict(self), "labels": dict(self.labels)}
        del values["points_s"]
        return values


def _refuse(expected: str, got: str, next_step: str) -> None:
    raise ConfigError(problem(expected=expected, got=got, where="JoinSpec", next_step=next_step))
