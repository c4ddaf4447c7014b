"""NAME=VALUE on the command line."""

from __future__ import annotations

import click

__all__ = ["read_labels"]


def read_labels(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read what an option of NAME=VALUE was given, however often; the last of one name holds."""
    pairs = [value.partition("=") for value in values]
    wrong = [value for value, (name, sign, _) in zip(values, pairs, strict=True) if not (name and sign)]
    if wrong:
        raise click.BadParameter(f"expected NAME=VALUE, got {wrong[0]!r}", context, parameter)
    return {name: value for name, _, value in pairs}
