"""How `mlrt drift` and `mlrt monitor report` give a timeline: on stdout, as a page, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from mlops_runtime.cli.output import emit
from mlops_runtime.monitoring.report.timeline import Timeline

__all__ = ["DRIFTED_EXIT_CODE", "give", "report_options"]

DRIFTED_EXIT_CODE = 3

_F = TypeVar("_F", bound=Callable[..., Any])


def report_options(command: _F) -> _F:
    """Add `--html`, `--markdown` and `--fail-on-drift`."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--fail-on-drift", is_flag=True, help="Exit with 3 when a column has drifted, or all together."),
        click.option("--markdown", "markdown_path", type=path, help="Also write the report as Markdown."),
        click.option("--html", "html_path", type=path, help="Also write a page with plots; opens offline."),
    ):
        command = option(command)
    return command


def give(
    timeline: Timeline,
    *,
    title: str,
    html_path: Path | None,
    markdown_path: Path | None,
    fail_on_drift: bool,
    as_json: bool,
) -> int:
    """Write what was asked for, print the rest; return the exit code."""
    written = []
    if html_path is not None:
        from mlops_runtime.monitoring.report.html import render_html

        render_html(timeline, html_path, title=title)
        written.append(f"page with plots: {html_path}")
    if markdown_path is not None:
        from mlops_runtime.monitoring.report.markdown import render_markdown

        render_markdown(timeline, markdown_path, title=title)
        written.append(f"Markdown: {markdown_path}")

    def render(console: Console) -> None:
        from mlops_runtime.monitoring.report.tables import timeline_tables

        for drawn in timeline_tables(timeline):
            console.print(drawn)
        for note in timeline.total.notes:
            console.print(f"note: {note}", markup=False)
        for line in written:
            console.print(line, markup=False)

    emit(timeline.to_dict(), as_json=as_json, render=render)
    return DRIFTED_EXIT_CODE if fail_on_drift and timeline.any_drifted else 0
