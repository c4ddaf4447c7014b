"""Options that say what the columns of scored rows hold: shared by `mlrt monitor labels` and `behaviour`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlops_runtime.monitoring.performance.scoring import Scoring

__all__ = ["scoring_of", "scoring_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


def scoring_options(command: _F) -> _F:
    """Add `--task`, `--score`, `--classes`, `--threshold` and `--group`."""
    for option in (
        click.option("--group", "groups", multiple=True, metavar="COLUMN", help="Compare its groups, too; repeatable."),
        click.option(
            "--threshold", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Positive from here on."
        ),
        click.option(
            "--classes", help="What labels are called, separated by commas, the positive one last. [default: 0,1]"
        ),
        click.option(
            "--score", "scores", multiple=True, default=("score",), help="The score's column; one of each of several."
        ),
        click.option(
            "--task",
            type=click.Choice(["binary", "multiclass", "regression"]),
            default="binary",
            show_default=True,
            help="What is predicted.",
        ),
    ):
        command = option(command)
    return command


def scoring_of(task: str, classes: str | None, threshold: float) -> Scoring:
    """Return what these options say. Raises ConfigError for classes that the task cannot have."""
    from mlops_runtime.monitoring.performance.scoring import Scoring

    return Scoring(task, tuple(classes.split(",")) if classes else (), threshold)  # type: ignore[arg-type]
