"""`mlrt drift`: compare two data files column by column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pyarrow as pa
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.core.errors import DataError
from mlops_runtime.data import DataPath, Dataset, conform, read_dataset, short_name
from mlops_runtime.monitoring import DriftReport, compare

__all__ = ["drift"]

_DRIFTED_EXIT_CODE = 3


@click.command(epilog="Example: mlrt drift last-month.csv today.csv --html drift.html")
@click.argument("reference")
@click.argument("current")
@click.option(
    "--html", "html_path", type=click.Path(path_type=Path), help="Also write a page with plots; opens offline."
)
@click.option("--columns", help="Compare only these columns, separated by commas.")
@click.option("--fail-on-drift", is_flag=True, help="Exit with 3 when a column has drifted.")
@json_option
def drift(
    reference: str, current: str, html_path: Path | None, columns: str | None, fail_on_drift: bool, as_json: bool
) -> int:
    """Compare the data CURRENT with REFERENCE column by column.

    Each is a file, a folder, a glob in quotes or a URL of CSV, Parquet or Arrow.

    A column has drifted when the change is significant and large enough to matter: distribution, missing and infinite
    shares, new categories. Exit code 0 either way, unless --fail-on-drift is given.
    """
    report = compare_files(reference, current, columns=columns.split(",") if columns else None)
    if html_path is not None:
        from mlops_runtime.monitoring.report.html import render_html

        render_html(report, html_path, title=f"Drift: {short_name(reference)} → {short_name(current)}")

    def render(console: Console) -> None:
        for drawn in report.tables():
            console.print(drawn)
        for note in report.notes:
            console.print(f"note: {note}", markup=False)
        if html_path is not None:
            console.print(f"page with plots: {html_path}", markup=False)

    emit(report.to_dict(), as_json=as_json, render=render)
    return _DRIFTED_EXIT_CODE if fail_on_drift and report.dataset.drifted else 0


def compare_files(reference: DataPath, current: DataPath, *, columns: Sequence[str] | None = None) -> DriftReport:
    """Read both data sets, the current one by the reference's schema, and compare them.

    Columns of the current one that are missing, extra, or unreadable as the reference's kind become notes.
    """
    before = read_dataset(reference, columns=columns)
    now = read_dataset(current)
    table, notes = _readable(now, before, where=str(current), extra=columns is None)
    report = compare(before.table, table)
    notes = tuple(dict.fromkeys((*report.notes, *before.notes, *now.notes, *notes)))
    return DriftReport(report.dataset, report.columns, notes)


def _readable(now: Dataset, before: Dataset, *, where: str, extra: bool) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the current table by the reference's schema, without the columns that cannot be read so."""
    columns: dict[str, pa.ChunkedArray] = {}
    notes = []
    for name in now.table.column_names:
        if name not in before.schema.names:
            if extra:
                columns[name] = now.table.column(name)
            continue
        try:
            columns[name] = conform(now.table, before.schema.select([name]), where=where).column(0)
        except DataError as error:
            notes.append(str(error))
    return pa.table(columns), tuple(notes)
