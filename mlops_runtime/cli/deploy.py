"""`mlrt deploy`: canary, promote, roll back."""

from __future__ import annotations

import click
from rich.table import Table

from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.cli.registry import history_table
from mlops_runtime.core.errors import RegistryError
from mlops_runtime.deploy import Rollout, rollout
from mlops_runtime.registry import Registry
from mlops_runtime.registry.records import Reference

__all__ = ["deploy"]

_alias_option = click.option("--alias", default="production", show_default=True, help="The alias that servers follow.")
_reason_option = click.option("--reason", default="", help="Why, for the history.")


@click.group()
def deploy() -> None:
    """Change what an alias serves. Servers that follow the alias notice by themselves."""


@deploy.command(epilog="Example: mlrt deploy canary claims@7 --weight 0.1")
@click.argument("reference", metavar="NAME@VERSION")
@click.option("--weight", type=click.FloatRange(0, 1, min_open=True), required=True, help="Share of requests, 0 to 1.")
@_alias_option
@json_option
def canary(reference: str, weight: float, alias: str, as_json: bool) -> None:
    """Send a share of an alias's requests to NAME@VERSION."""
    parsed = Reference.parse(reference)
    if parsed.version is None:
        raise RegistryError(f"canary: expected NAME@VERSION, got {reference!r} — see `mlrt registry list`")
    _print(rollout.canary(Registry(), parsed.name, parsed.version, alias=alias, weight=weight), as_json)


@deploy.command(epilog="Example: mlrt deploy promote claims")
@click.argument("name")
@_alias_option
@_reason_option
@json_option
def promote(name: str, alias: str, reason: str, as_json: bool) -> None:
    """Make NAME's canary the version that everybody gets."""
    _print(rollout.promote(Registry(), name, alias=alias, reason=reason), as_json)


@deploy.command(epilog="Example: mlrt deploy rollback claims --reason 'precision fell'")
@click.argument("name")
@_alias_option
@_reason_option
@json_option
def rollback(name: str, alias: str, reason: str, as_json: bool) -> None:
    """Stop NAME's canary, or else restore the version before."""
    _print(rollout.rollback(Registry(), name, alias=alias, reason=reason), as_json)


@deploy.command(epilog="Example: mlrt deploy status claims --json")
@click.argument("name")
@_alias_option
@json_option
def status(name: str, alias: str, as_json: bool) -> None:
    """Show what NAME's alias serves now and how it came to that."""
    outcome = rollout.status(Registry(), name, alias=alias)
    _print(outcome, as_json, history_table("History", outcome.history))


def _print(outcome: Rollout, as_json: bool, *more: Table) -> None:
    route = outcome.route
    line = f"[bold]{outcome.name}@{outcome.alias}[/] serves {route.stable}"
    if route.canary is not None:
        line += f" ({1 - route.weight:.1%}) and canary {route.canary} ({route.weight:.1%})"
    emit(
        outcome.to_dict(),
        as_json=as_json,
        render=lambda console: console.print(line, *more, sep="\n"),
    )
