"""`mlrt monitor`: live data counted into windows, and what came of them."""

from __future__ import annotations

import click

from mlops_runtime.cli.lazy import Entry, LazyGroup

__all__ = ["monitor"]

# each verb lives in cli/monitor_<verb>.py: "verb": Entry("monitor_verb", "One sentence.")
_VERBS: dict[str, Entry] = {}


@click.group(cls=LazyGroup, entries=_VERBS)
def monitor() -> None:
    """Count live data into windows, report on them, check them against rules."""
