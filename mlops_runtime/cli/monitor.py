"""`mlrt monitor`: live data counted into windows, and what came of them."""

from __future__ import annotations

import click

from mlops_runtime.cli.lazy import Entry, LazyGroup

__all__ = ["monitor"]

_VERBS = {  # each lives in cli/monitor_<verb>.py
    "anomalies": Entry("monitor_anomalies", "Values that are out of the ordinary; missing traffic."),
    "behaviour": Entry("monitor_behaviour", "How a model's behaviour changed: scores, calibration, fairness."),
    "check": Entry("monitor_check", "Judge what is new by rules; tell alerts."),
    "estimate": Entry("monitor_estimate", "How good a model is, before labels arrive."),
    "fit": Entry("monitor_fit", "A baseline from reference data."),
    "gc": Entry("monitor_gc", "Keep a store of windows small."),
    "labels": Entry("monitor_labels", "Join labels to predictions; measure these."),
    "report": Entry("monitor_report", "What the windows of a store say."),
    "rows": Entry("monitor_rows", "Single rows that are unlike the reference."),
    "rules": Entry("monitor_rules", "Show, check and export rules."),
    "update": Entry("monitor_update", "Count files into the windows of a store."),
}


@click.group(cls=LazyGroup, entries=_VERBS)
def monitor() -> None:
    """Count live data into windows, report on them, check them against rules."""
