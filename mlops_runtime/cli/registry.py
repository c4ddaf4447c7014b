"""`mlrt registry`: versions, aliases and their history."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from mlops_runtime.cli.output import emit, json_option, table
from mlops_runtime.core.settings import settings
from mlops_runtime.registry import AliasMove, Bundle, Registry

__all__ = ["registry"]

_SHOWN_DIGEST = 12


@click.group()
def registry() -> None:
    """Versions of models, the aliases that point at them, and every move they made."""


@registry.command(epilog="Example: mlrt registry push claims-bundle --name claims --alias production")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--name", help="Register under this name (default: the bundle's own).")
@click.option("--alias", help="Point this alias at the version, for example production.")
@click.option("--reason", default="", help="Why, for the alias's history.")
@json_option
def push(bundle: Path, name: str | None, alias: str | None, reason: str, as_json: bool) -> None:
    """Verify BUNDLE, copy it into the registry and give it a version number."""
    version = Registry().push(Bundle.open(bundle), name, alias=alias, reason=reason)
    pointed = f", `{alias}` points at it" if alias else f"; serve it with `mlrt serve {version}`"
    emit(
        version.to_dict() | {"alias": alias},
        as_json=as_json,
        render=lambda console: console.print(f"[bold]{version}[/] sha256 {version.digest[:_SHOWN_DIGEST]}{pointed}"),
    )


@registry.command("list", epilog="Example: mlrt registry list --json")
@json_option
def list_(as_json: bool) -> None:
    """List every model with its newest version and its aliases."""
    models = Registry().list()
    payload = [{"name": n, "newest": newest.to_dict(), "aliases": aliases} for n, (newest, aliases) in models.items()]
    rows = [
        (name, newest.version, newest.task, newest.model_kind, _aliases(aliases), newest.created[:19])
        for name, (newest, aliases) in models.items()
    ]
    empty = f"no models in {settings().home} yet — push one with `mlrt registry push BUNDLE`"
    drawn = table("Models", ("name", "newest", "task", "kind", "aliases", "created (UTC)"), rows)
    emit({"models": payload}, as_json=as_json, render=lambda console: console.print(drawn if rows else empty))


@registry.command(epilog="Example: mlrt registry show claims@production")
@click.argument("reference")
@json_option
def show(reference: str, as_json: bool) -> None:
    """Show a version: NAME (newest), NAME@VERSION or NAME@ALIAS."""
    store = Registry()
    bundle, version = store.open(reference), store.resolve(reference)
    manifest = bundle.manifest
    aliases = [alias for alias, number in store.aliases(version.name).items() if number == version.version]
    facts = {
        "aliases": ", ".join(aliases) or "none",
        "digest": version.digest,
        "signed by key": version.key_id,
        "pushed": f"{version.created} by {version.actor}",
        "task": f"{manifest.task}, target `{manifest.target}`, {manifest.model_kind}",
        "classes": ", ".join(manifest.classes) or "none",
        "inputs": ", ".join(column.name for column in manifest.inputs),
        "learned from": ", ".join(f"{s.name} {s.digest[:_SHOWN_DIGEST]}" for s in manifest.datasets) or "unrecorded",
        "size": f"{sum(entry.size for entry in manifest.files):,} bytes in {len(manifest.files)} files, all verified",
    }
    payload = version.to_dict() | {"aliases": aliases, "manifest": manifest.to_dict()}
    drawn = table(str(version), ("", "value"), facts.items())
    drawn.columns[1].justify = "left"
    emit(payload, as_json=as_json, render=lambda console: console.print(drawn))


@registry.command(epilog="Example: mlrt registry alias claims production 3 --reason 'better recall'")
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--reason", default="", help="Why, for the history.")
@json_option
def alias(name: str, alias: str, version: int, reason: str, as_json: bool) -> None:
    """Point ALIAS of NAME at VERSION; servers that follow it switch."""
    target = Registry().alias(name, alias, version, reason=reason)
    payload = {"name": name, "alias": alias, "version": target.version}
    emit(payload, as_json=as_json, render=lambda console: console.print(f"{name}@{alias} is now version {version}"))


@registry.command(epilog="Example: mlrt registry history claims production")
@click.argument("name")
@click.argument("alias", required=False)
@json_option
def history(name: str, alias: str | None, as_json: bool) -> None:
    """Show every move of ALIAS, or of all aliases of NAME: when, who, from, to, why."""
    moves = Registry().history(name, alias)
    drawn = history_table(f"History of {name}" + (f"@{alias}" if alias else ""), moves)
    payload = {"name": name, "alias": alias, "history": [move.to_dict() for move in moves]}
    emit(payload, as_json=as_json, render=lambda console: console.print(drawn))


@registry.command(epilog="Example: mlrt registry verify claims@production")
@click.argument("subject")
@json_option
def verify(subject: str, as_json: bool) -> None:
    """Check signature and every byte of SUBJECT: a bundle directory, or a registered NAME@VERSION or NAME@ALIAS."""
    path = Path(subject)
    bundle = Bundle.open(path) if path.is_dir() else Registry().open(subject)
    files, key = len(bundle.manifest.files), bundle.signature.key_id
    evidence = f"{files} files, sha256 {bundle.digest[:_SHOWN_DIGEST]}, signed by key {key}"
    text = f"[green]verified[/] {escape(subject)}: {evidence}"
    payload = {"verified": True, "digest": bundle.digest, "key_id": key, "files": files}
    emit(payload, as_json=as_json, render=lambda console: console.print(text))


def history_table(title: str, moves: tuple[AliasMove, ...]) -> Table:
    """Draw the moves of aliases, oldest first."""
    rows = ((m.time[:19], m.alias, m.action, m.from_version or "–", m.to_version, m.actor, m.reason) for m in moves)
    return table(title, ("when (UTC)", "alias", "action", "from", "to", "who", "why"), rows)


def _aliases(aliases: dict[str, int]) -> str:
    return ", ".join(f"{alias} → {version}" for alias, version in aliases.items()) or "none"
