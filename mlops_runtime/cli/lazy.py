"""Command groups that import a command's module only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

__all__ = ["Entry", "LazyGroup"]


class Entry(NamedTuple):
    """Where a command is: a module of this package that defines it by its name; help: one sentence for the list."""

    module: str
    help: str


class LazyGroup(click.Group):
    """A group that lists its commands, sorted, without importing them. Make one with `cls=LazyGroup, entries=…`."""

    def __init__(self, *arguments: Any, entries: Mapping[str, Entry], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return sorted(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command; None for a name that is not in the list."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"mlops_runtime.cli.{entry.module}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in sorted(self.entries.items())])
