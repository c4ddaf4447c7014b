"""Lengths of time and moments on the command line: callbacks of options."""

from __future__ import annotations

import datetime as dt

import click

__all__ = ["read_duration", "read_moment"]


def read_duration(context: click.Context, parameter: click.Parameter, value: str | None) -> dt.timedelta | None:
    """Read `15m`, `1h30m`, `1d`, as in rules."""
    from mlops_runtime.monitoring.rules.stretch import parse_duration

    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def read_moment(context: click.Context, parameter: click.Parameter, value: str | None) -> dt.datetime | None:
    """Read an ISO 8601 date or time, in UTC when it has no zone."""
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError as error:
        expected = "a date or time such as 2026-01-31 or 2026-01-31T12:00Z"
        raise click.BadParameter(f"expected {expected}, got {value!r}", context, parameter) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
