"""Gates: limits an evaluation must keep. A failed gate refuses the model (exit code 3); it deletes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mlops_runtime.core.document import Strict, YamlDocument
from mlops_runtime.training.evaluation import Evaluation
from mlops_runtime.training.models.base import Task

__all__ = ["Gate", "GateReport", "GateResult", "check_gates", "default_gates", "load_gates"]


class Gate(Strict):
    """One limit: a metric (or, with `column`, a difference between that sensitive column's groups) within bounds.

    bound: which end of the metric's interval must keep the limit; `value` is the point estimate.
    """

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    column: str | None = None
    bound: Literal["value", "low", "high"] = "value"

    @model_validator(mode="after")
    def _has_a_limit(self) -> Gate:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"gate on {self.metric} needs a minimum or a maximum")
        if self.column is not None and self.bound != "value":
            raise ValueError(f"gate on {self.metric} of {self.column}: group differences have no interval")
        return self

    @property
    def label(self) -> str:
        """The metric's name, with the end of the interval or the column it is taken from."""
        source = f" by {self.column}" if self.column else ""
        return f"{self.metric}{source}" + (f" ({self.bound})" if self.bound != "value" else "")

    @property
    def limit(self) -> str:
        """The limit in words, for example `≥ 0.8`."""
        parts = [f"{sign} {limit:g}" for sign, limit in (("≥", self.minimum), ("≤", self.maximum)) if limit is not None]
        return " and ".join(parts)


class _GateFile(
    YamlDocument,
    form="`gates:` with a list of metric, minimum, maximum, column and bound",
    next_step="write `gates: [{metric: roc_auc, minimum: 0.8}]`",
):
    gates: tuple[Gate, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate and what was observed; None when the evaluation has no such number, which fails the gate."""

    gate: Gate
    observed: float | None

    @property
    def passed(self) -> bool:
        """Whether the observed value is there and within the limits."""
        if self.observed is None:
            return False
        above = self.gate.minimum is None or self.observed >= self.gate.minimum
        return above and (self.gate.maximum is None or self.observed <= self.gate.maximum)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return self.gate.model_dump() | {"observed": self.observed, "passed": self.passed}

    def __str__(self) -> str:
        observed = "not measured" if self.observed is None else f"{self.observed:.4g}"
        return f"{self.gate.label}: expected {self.gate.limit}, got {observed}"


@dataclass(frozen=True, slots=True)
class GateReport:
    """All gates of one evaluation."""

    results: tuple[GateResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(result.passed for result in self.results)

    @property
    def failures(self) -> tuple[GateResult, ...]:
        """The gates that refused."""
        return tuple(result for result in self.results if not result.passed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as `gates.json` holds them."""
        return {"passed": self.passed, "gates": [result.to_dict() for result in self.results]}


_DEFAULTS: dict[Task, Gate] = {
    "binary": Gate(metric="roc_auc", minimum=0.55),
    "multiclass": Gate(metric="roc_auc_ovr", minimum=0.55),
    "regression": Gate(metric="r2", minimum=0.0),
}


def default_gates(task: Task) -> tuple[Gate, ...]:
    """Return the gates used when none are given: the model must be better than guessing."""
    return (_DEFAULTS[task],)


def load_gates(path: Path) -> tuple[Gate, ...]:
    """Read gates from a YAML file: `gates:` with a list of metric, minimum and/or maximum, column, bound.

    Raises ConfigError naming the first entry that cannot be used.
    """
    return _GateFile.load(path).gates


def check_gates(gates: Sequence[Gate], evaluation: Evaluation) -> GateReport:
    """Hold an evaluation against gates."""
    return GateReport(tuple(GateResult(gate, _observed(gate, evaluation)) for gate in gates))


def _observed(gate: Gate, evaluation: Evaluation) -> float | None:
    if gate.column is not None:
        value: float | None = evaluation.groups.get(gate.column, {}).get(gate.metric)
        return value
    interval = evaluation.metrics.get(gate.metric)
    return None if interval is None else interval.to_dict()[gate.bound]
