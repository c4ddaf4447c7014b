"""`mlrt monitor fit`: what reference data looks like, stored for every later comparison."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, stage_progress
from mlops_runtime.cli.reference import categorical_option, fit_reference, open_declared

__all__ = ["fit"]


@click.command(epilog="Example: mlrt monitor fit 'last-year/*.parquet' -o baseline.json")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--columns", help="Fit only these columns, separated by commas.")
@categorical_option
@click.option("--multivariate", is_flag=True, help="Also fit what all columns together are told by.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write (JSON).")
@json_option
def fit(
    files: tuple[str, ...],
    columns: str | None,
    categorical: tuple[str, ...],
    multivariate: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Fit a baseline on FILES, which later data is compared with: `mlrt drift`, `mlrt monitor update`.

    A bundle holds the baseline of the data that its model learned from; this one is for data without a model. It holds
    counts, extremes and the texts of frequent categories; with --multivariate also 2,048 rows, in standard deviations:
    guard it as you guard the data.
    """
    from mlops_runtime.core.durable import durable_write
    from mlops_runtime.monitoring.multivariate import MultivariateReference, TableSample
    from mlops_runtime.monitoring.reference_file import ReferenceFile

    with stage_progress("monitor fit") as progress:
        wanted = columns.split(",") if columns else None
        source = open_declared(files, columns=wanted, categorical=categorical)
        sample = TableSample()
        look = sample.offer if multivariate else None
        fitted = fit_reference(source, progress, categorical=categorical, look=look)
        baseline, together = fitted.baseline, None
        if multivariate:
            names = [name for name, summary in baseline.columns.items() if summary.kind == "categorical"]
            together = MultivariateReference.of_sample(sample.table(), categorical=names)
    durable_write(output, ReferenceFile(baseline, together).to_bytes())
    notes = [*fitted.notes, *(f"column `{name}`: its type is not monitored" for name in baseline.skipped)]
    payload = {
        "output": str(output),
        "digest": baseline.digest,
        "rows": baseline.rows,
        "columns": list(baseline.names),
        "multivariate": together is not None,
        "notes": notes,
    }

    def render(console: Console) -> None:
        console.print(f"{output}: {len(baseline.names)} columns of {baseline.rows:,} rows", markup=False)
        for note in notes:
            console.print(f"note: {note}", markup=False)

    emit(payload, as_json=as_json, render=render)
