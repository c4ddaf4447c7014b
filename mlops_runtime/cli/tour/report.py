"""The tour's HTML page: small, self-contained, readable offline."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from mlops_runtime.core.clock import timestamp
from mlops_runtime.core.durable import durable_write
from mlops_runtime.registry import Bundle

__all__ = ["write_report"]


def write_report(path: Path, outcome: dict[str, Any], bundles: tuple[Bundle, ...], *, planted: str) -> None:
    """Write the page to `path`. outcome: `Outcome.to_dict()`; planted: the shift in words."""
    shown = [{"kind": bundle.manifest.model_kind, "metrics": _metrics(bundle)} for bundle in bundles]
    common = [name for name in shown[0]["metrics"] if all(name in bundle["metrics"] for bundle in shown)]
    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(template)
    text = page.render(
        outcome,
        model=bundles[0].manifest.name,
        time=timestamp(),
        bundles=shown,
        metrics=common,
        requests=sum(outcome["canary"].values()),
        planted=planted,
        home=str(path.resolve().parent / "home"),
    )
    durable_write(path, text.encode())


def _metrics(bundle: Bundle) -> dict[str, dict[str, float]]:
    """Return the metrics that have an interval within 0..1, with where to draw them, in percent."""
    recorded = bundle.read_json("metrics.json")["metrics"]
    return {
        name: metric
        | {
            "left": 100 * metric["low"],
            "width": 100 * (metric["high"] - metric["low"]),
            "middle": 100 * metric["value"],
        }
        for name, metric in recorded.items()
        if metric["low"] is not None and 0 <= metric["low"] <= metric["high"] <= 1
    }
