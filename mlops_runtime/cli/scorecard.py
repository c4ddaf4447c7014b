"""How metrics, groups and gates are drawn; shared by `mlrt train` and `mlrt evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from mlops_runtime.cli.output import refuse, table
from mlops_runtime.core.errors import PolicyError

if TYPE_CHECKING:  # the training layer loads numpy and pyarrow
    from mlops_runtime.training import Evaluation, GateReport

__all__ = ["print_evaluation", "print_gates", "refuse_if_failed"]

_HEADINGS = {  # what fits in 80 columns; the JSON and the card have the rest
    "n": "n",
    "base_rate": "base",
    "positive_rate": "called",
    "true_positive_rate": "TPR",
    "false_positive_rate": "FPR",
    "roc_auc": "AUC",
    "calibration_gap": "gap",
    "log_loss": "log loss",
    "macro_f1": "macro F1",
    "roc_auc_ovr": "AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "mean_error": "mean error",
    "r2": "R2",
}


def print_evaluation(console: Console, evaluation: Evaluation, *, title: str) -> None:
    """Draw metrics with intervals, then each sensitive column's groups."""
    rows = [(name, number(m.value), number(m.low), number(m.high)) for name, m in evaluation.metrics.items()]
    console.print(table(title, ("metric", "value", "95 % low", "95 % high"), rows))
    if evaluation.threshold is not None:
        console.print(f"threshold {evaluation.threshold:.4g}", style="dim")
    for column, report in evaluation.groups.items():
        _print_groups(console, column, report)


def _print_groups(console: Console, column: str, report: dict[str, Any]) -> None:
    groups: dict[str, dict[str, Any]] = report["groups"]
    keys = [key for key in _HEADINGS if key in next(iter(groups.values()))]
    rows = [
        (name + ("" if record["enough_rows"] else " (few rows)"), *(number(record[key]) for key in keys))
        for name, record in groups.items()
    ]
    console.print(table(f"By {column}", ("group", *(_HEADINGS[key] for key in keys)), rows))
    for name, value in report.items():
        if name.endswith("_difference"):
            console.print(f"{name.replace('_', ' ')} {number(value)}", style="dim")


def print_gates(console: Console, gates: GateReport) -> None:
    """Draw one line a gate."""
    for result in gates.results:
        mark = "[green]passed[/]" if result.passed else "[red]refused[/]"
        console.print(f"gate {mark} {escape(str(result))}")


def refuse_if_failed(gates: GateReport, consequence: str) -> None:
    """End with exit code 3 when a gate failed, naming those that did and what that means."""
    if gates.passed:
        return
    failures = "; ".join(str(failure) for failure in gates.failures)
    refuse(PolicyError(f"gates: {failures} — {consequence}"))


def number(value: float | None) -> str:
    """Write a number for a table: counts whole, the rest with four digits."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"
