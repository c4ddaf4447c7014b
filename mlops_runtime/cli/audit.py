"""`mlrt audit`: verify the audit log, list it, and prove that an entry is in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mlops_runtime.cli.output import emit, json_option, table
from mlops_runtime.governance import audit as log

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """The append-only record of every change, a Merkle tree (RFC 6962)."""


@audit.command(epilog="Example: mlrt audit verify --root 5f1c…  (a root you wrote down earlier)")
@click.option("--root", help="A root kept elsewhere: the log must have passed through it.")
@json_option
def verify(root: str | None, as_json: bool) -> None:
    """Recompute the whole log and compare it with every recorded head."""
    state = log.verify(root)
    text = f"[green]verified[/] {state.size} entries, root {state.root}"
    emit(
        asdict(state) | {"verified": True}, as_json=as_json, render=lambda console: console.print(text, soft_wrap=True)
    )


@audit.command("list", epilog="Example: mlrt audit list --newest 10")
@click.option("--newest", type=click.IntRange(min=1), default=50, show_default=True, help="How many entries.")
@json_option
def list_(newest: int, as_json: bool) -> None:
    """List the newest entries: when, what, about what, who."""
    found = log.entries(newest=newest)
    rows = [(entry.index, *_summary(entry.event)) for entry in found]
    drawn = table("Audit log", ("entry", "when (UTC)", "what", "about", "who"), rows)
    empty = "the audit log is empty — every change of the registry adds an entry"
    emit(
        {"entries": [asdict(entry) for entry in found]},
        as_json=as_json,
        render=lambda console: console.print(drawn if rows else empty),
    )


@audit.command(epilog="Example: mlrt audit prove 0 --json")
@click.argument("index", type=click.IntRange(min=0))
@json_option
def prove(index: int, as_json: bool) -> None:
    """Print the proof that entry INDEX is in the log; anyone can check it against the root alone."""
    proof = log.prove(index)
    rows = [("root", proof.root), ("size", str(proof.size)), ("leaf", proof.leaf)]
    rows += [(f"path {height}", node) for height, node in enumerate(proof.path)]
    drawn = table(f"Entry {index} is in the log: {proof.holds()}", ("", "value"), rows)
    drawn.columns[1].justify = "left"
    emit(proof.to_dict() | {"holds": proof.holds()}, as_json=as_json, render=lambda console: console.print(drawn))


def _summary(event: dict[str, Any]) -> tuple[str, str, str, str]:
    return event["time"][:19], event["type"].removeprefix("mlops_runtime."), event["subject"], event["actor"]
