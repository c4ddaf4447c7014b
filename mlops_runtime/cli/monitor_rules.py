"""`mlrt monitor rules`: show, check and export rules."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, table
from mlops_runtime.cli.times import read_duration
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import MlrtError

if TYPE_CHECKING:
    from mlops_runtime.monitoring.rules.document import RuleSet

__all__ = ["rules"]


@click.command(epilog="Example: mlrt monitor rules rules.yaml --prometheus prometheus-rules.yaml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say whether FILE can be used.")
@click.option("--prometheus", type=click.Path(path_type=Path), help="Write rules of Prometheus, and their unit tests.")
@click.option(
    "--window",
    callback=read_duration,
    default="5m",
    show_default=True,
    help="There: how long the windows are that rules count.",
)
@json_option
def rules(file: Path | None, check: bool, prometheus: Path | None, window: dt.timedelta, as_json: bool) -> None:
    """Show the rules of FILE as a table; without FILE, the rules that ship with mlrt, as YAML to start from.

    --prometheus writes FILE and, beside it, FILE's unit tests (`NAME.test.yaml`); where promtool is installed, both are
    passed through it. Rules that PromQL cannot say are named, and left out.
    """
    from mlops_runtime.monitoring.rules.document import RuleSet, default_rules

    found = RuleSet.load(file) if file is not None else default_rules()
    payload: dict[str, object] = {"file": str(file) if file else None, "rules": found.model_dump(mode="json")["rules"]}
    if prometheus is not None:
        payload |= _export(found, prometheus, window)

    def render(console: Console) -> None:
        if prometheus is not None:
            _render_export(console, payload)
        elif check:
            console.print(f"{file or 'the default rules'}: {len(found.rules)} rules, all of them usable", markup=False)
        elif file is None:
            click.echo(_default_text(), nl=False)
        else:
            _render(console, found)

    emit(payload, as_json=as_json, render=render)


def _default_text() -> str:
    """Return the default rules as they are written, comments included."""
    from mlops_runtime.monitoring.rules import document

    return Path(document.__file__).with_name("defaults.yaml").read_text(encoding="utf-8")


def _export(found: RuleSet, path: Path, window: dt.timedelta) -> dict[str, object]:
    from mlops_runtime.monitoring.rules.prometheus import export_rules
    from mlops_runtime.monitoring.rules.prometheus_tests import promtool_tests

    exported = export_rules(found, window=window)
    tests = path.with_suffix(".test.yaml")
    durable_write(path, exported.to_yaml().encode())
    durable_write(tests, promtool_tests(exported, path.name).encode())
    return {
        "prometheus": str(path),
        "prometheus_tests": str(tests),
        "exported": [one.rule.name for one in exported.rules],
        "left_out": exported.left_out,
        "promtool": _through_promtool(path, tests),
    }


def _through_promtool(path: Path, tests: Path) -> bool:
    """Check both files with promtool; return whether it is installed. Raises MlrtError with its words if it objects."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return False
    for words, one in ((("check", "rules"), path), (("test", "rules"), tests)):
        done = subprocess.run([promtool, *words, str(one)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MlrtError(
                f"{one}: promtool {' '.join(words)} refused it: {done.stdout.strip()} {done.stderr.strip()}"
            )
    return True


def _render(console: Console, found: RuleSet) -> None:
    rows = [
        (
            rule.name,
            rule.metric,
            str(rule.when),
            str(rule.for_),
            rule.severity,
            str(rule.missing.then) if rule.missing else "",
        )
        for rule in found.rules
    ]
    console.print(table(f"{len(rows)} rules", ("rule", "metric", "when", "for", "severity", "if missing"), rows))


def _render_export(console: Console, payload: dict[str, object]) -> None:
    checked = "promtool accepts both" if payload["promtool"] else "promtool is not installed here: not checked"
    console.print(f"{payload['prometheus']}, {payload['prometheus_tests']}: {checked}", markup=False)
    left_out = payload["left_out"]
    assert isinstance(left_out, dict)
    for name, reason in left_out.items():
        console.print(f"not exported: {name}: {reason}", markup=False)
