"""The model card: what a reader must know before using the model, in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from mlops_runtime.training.evaluation import RESAMPLES
from mlops_runtime.training.outcome import Outcome

__all__ = ["write_card"]

_TEMPLATE = Path(__file__).with_name("card.md.j2")


def write_card(outcome: Outcome) -> str:
    """Return the card as Markdown."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)  # noqa: S701, it writes Markdown
    environment.filters |= {"number": _number, "cell": _cell}
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(_values(outcome))


def _values(outcome: Outcome) -> dict[str, Any]:
    config, prepared, evaluation = outcome.config, outcome.prepared, outcome.evaluation
    schema = prepared.program.schema
    return {
        "name": config.bundle_name,
        "model_kind": outcome.chosen.kind,
        "task": evaluation.task,
        "target": config.target,
        "classes": prepared.target.classes,
        "threshold": evaluation.threshold,
        "threshold_origin": "best macro F1 on the validation rows" if config.threshold is None else "as asked for",
        "created": outcome.facts["created"],
        "version": outcome.facts["versions"]["mlops_runtime"],
        "source": prepared.dataset.manifest.files[0],
        "split": outcome.facts["split"],
        "sensitive": config.sensitive,
        "inputs": schema.names,
        "weight": config.weight,
        "class_weight": config.class_weight,
        "notes": outcome.notes,
        "metrics": evaluation.metrics,
        "resamples": RESAMPLES,
        "groups": evaluation.groups,
        "gates": outcome.gates.results,
        "facts": outcome.chosen.facts,
        "export_difference": outcome.chosen.export_difference,
        "candidates": outcome.candidates,
        "columns": schema.columns,
    }


def _number(value: float | None) -> str:
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _cell(text: object) -> str:
    """Keep a value from the data inside its table cell."""
    return " ".join(str(text).replace("|", "\\|").split())
