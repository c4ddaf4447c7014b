"""How every command prints: one JSON object on stdout with `--json`, else tables; progress always on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console, ConsoleRenderable
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mlops_runtime.core.errors import PolicyError

__all__ = ["emit", "json_option", "refuse", "stage_progress", "stdout_console", "table"]

_FILE_COLUMNS = 120

_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(command: _F) -> _F:
    """Add the `--json` flag (parameter `as_json`) that every command has."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")(command)


def emit(payload: Mapping[str, Any], *, as_json: bool, render: Callable[[Console], None]) -> None:
    """Print a command's result: `payload` as one JSON object, or what `render` draws on a stdout console."""
    if as_json:
        click.echo(json.dumps(payload, allow_nan=False, sort_keys=True))
    else:
        render(stdout_console())


def stdout_console() -> Console:
    """Return a console for results: as wide as the terminal, or `_FILE_COLUMNS` wide in a pipe or a file."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _FILE_COLUMNS
    return Console(highlight=False, width=width)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Build a table: the first column left-aligned, the others right-aligned.

    Title, headers and cells are shown as they are, brackets included; a cell may be a rich renderable to be more.
    """
    drawn = Table(title=Text(title, "bold"), title_justify="left", header_style="bold", show_edge=False)
    for position, name in enumerate(columns):
        drawn.add_column(Text(name), justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, ConsoleRenderable) else Text(str(cell)) for cell in row))
    return drawn


def refuse(error: PolicyError) -> NoReturn:
    """End a command whose result is printed already: the reason on stderr, and the exit code of a refusal."""
    click.echo(f"{type(error).__name__}: {error}", err=True)
    raise click.exceptions.Exit(error.exit_code)


@contextmanager
def stage_progress(title: str) -> Iterator[Callable[[str, float], None]]:
    """Show a bar on stderr; yields `report(stage, fraction)` with a fraction of the whole in 0..1."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0)

        def report(stage: str, fraction: float) -> None:
            bar.update(task, description=f"{title}: {stage}", completed=fraction)

        yield report
