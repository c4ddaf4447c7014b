"""`mlrt features leaks`: the rows of a training set that saw the future."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, stage_progress, table

if TYPE_CHECKING:
    from mlops_runtime.features.leaks import Leak, LeakKind, LeakReport

__all__ = ["leaks"]

_REFUSED = 3
_KINDS = ("future", "late", "stale", "superseded", "missing", "unexplained")


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read FEATURE=COLUMN."""
    pairs = [value.partition("=") for value in values]
    wrong = [value for value, (feature, _, column) in zip(values, pairs, strict=True) if not (feature and column)]
    if wrong:
        raise click.BadParameter(f"expected TABLE__FEATURE=COLUMN, got {wrong[0]!r}", context, parameter)
    return {feature: column for feature, _, column in pairs}


@click.command(epilog="Example: mlrt features leaks train.parquet --tables tables.yaml --time filed")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--tables", type=click.Path(path_type=Path), required=True, help="The feature tables (YAML).")
@click.option("--time", required=True, help="The column of the moment by which a row's values had to be known.")
@click.option(
    "--column",
    "columns",
    metavar="TABLE__FEATURE=COLUMN",
    multiple=True,
    callback=_pairs,
    help="What FILE calls a feature, if neither TABLE__FEATURE nor as its table does; may be repeated.",
)
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Rows listed; all are counted.")
@click.option("--allow", type=click.Choice(_KINDS), multiple=True, help="A kind that is no reason to fail.")
@json_option
def leaks(
    files: tuple[str, ...],
    tables: Path,
    time: str,
    columns: dict[str, str],
    limit: int,
    allow: tuple[str, ...],
    as_json: bool,
) -> int:
    """Hold the training set FILE... against the join it should have come from; exit with 3 when a value is wrong.

    Every wrong value is looked up among the feature rows of its key: future and late ones were not known at the row's
    time. stale, superseded, missing and unexplained ones are wrong otherwise; see docs/training-sets.md.
    """
    from mlops_runtime.features.leaks import find_leaks
    from mlops_runtime.features.leaks.files import open_training
    from mlops_runtime.features.table_spec import FeatureTables

    with stage_progress("features leaks") as progress:
        opened = FeatureTables.open(tables)
        training = open_training(files, opened, entity_time=time, columns=columns)
        report = find_leaks(training, opened, entity_time=time, columns=columns, limit=limit, progress=progress)
    passed = report.passed(cast("tuple[LeakKind, ...]", allow))
    payload = {"paths": list(files), "passed": passed, **report.to_dict()}
    emit(payload, as_json=as_json, render=lambda console: _render(console, report))
    return 0 if passed else _REFUSED


def _render(console: Console, report: LeakReport) -> None:
    if report.listed:
        columns = ("row", "kind", "table", "key", "time", "available", "recorded → expected")
        drawn = table(f"{len(report.listed):,} of the wrong rows", columns, map(_cells, report.listed))
        for column in drawn.columns[1:]:
            column.justify = "left"
        console.print(drawn)
    title, headers = f"{report.checked:,} rows, those with wrong values by kind", ("table", "features", *_KINDS)
    counts = ((each.name, len(each.columns), *(f"{each.counts[kind]:,}" for kind in _KINDS)) for each in report.tables)
    console.print(table(title, headers, counts))
    for note in report.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    wrong = len(report.rows())
    if wrong:
        console.print(f"rows with wrong values: {wrong:,}; of these saw the future: {report.leaks:,}", style="red")
    else:
        console.print("every value is the join's", style="green")


def _cells(leak: Leak) -> tuple[str, ...]:
    shown = leak.to_dict()
    key = ", ".join(f"{value}" for value in shown["key"].values())
    pairs = [f"{name}: {shown['recorded'][name]} → {shown['expected'][name]}" for name in leak.features]
    time, available = (str(shown[name] or "-").removesuffix("+00:00") for name in ("time", "available"))
    return f"{leak.row:,}", leak.kind, leak.table, key, time, available, "\n".join(pairs)
