"""`mlrt monitor fit`: what reference data looks like, stored for every later comparison."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, stage_progress
from mlops_runtime.cli.reference import BASELINE_FILE, categorical_option, fit_reference, open_declared

__all__ = ["fit"]


@click.command(epilog="Example: mlrt monitor fit 'last-year/*.parquet' -o baseline.json")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--columns", help="Fit only these columns, separated by commas.")
@categorical_option
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write (JSON).")
@json_option
def fit(files: tuple[str, ...], columns: str | None, categorical: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Fit a baseline on FILES, which later data is compared with: `mlrt drift`, `mlrt monitor update`.

    A bundle holds the baseline of the data that its model learned from; this one is for data without a model. It holds
    counts, extremes and the texts of frequent categories: guard it as you guard the data.
    """
    from mlops_runtime.core.durable import durable_write

    with stage_progress("monitor fit") as progress:
        wanted = columns.split(",") if columns else None
        source = open_declared(files, columns=wanted, categorical=categorical)
        fitted = fit_reference(source, progress, categorical=categorical)
    baseline = fitted.baseline
    durable_write(output, baseline.to_files()[BASELINE_FILE])
    notes = [*fitted.notes, *(f"column `{name}`: its type is not monitored" for name in baseline.skipped)]
    payload = {
        "output": str(output),
        "digest": baseline.digest,
        "rows": baseline.rows,
        "columns": list(baseline.names),
        "notes": notes,
    }

    def render(console: Console) -> None:
        console.print(f"{output}: {len(baseline.names)} columns of {baseline.rows:,} rows", markup=False)
        for note in notes:
            console.print(f"note: {note}", markup=False)

    emit(payload, as_json=as_json, render=render)
