"""`mlrt predict`: score a file with a bundle."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from mlops_runtime.cli.bundles import open_bundle
from mlops_runtime.cli.output import emit, json_option, stage_progress, table

__all__ = ["predict"]


@click.command(epilog="Example: mlrt predict claims-bundle july.csv --id claim -o scores.parquet")
@click.argument("bundle")
@click.argument("data")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .csv or .parquet file.")
@click.option("--id", "ids", multiple=True, metavar="COLUMN", help="A column of DATA to carry over (repeatable).")
@json_option
def predict(bundle: str, data: str, output: Path, ids: tuple[str, ...], as_json: bool) -> None:
    """Score DATA with BUNDLE (a directory, or NAME@ALIAS of the registry): label, and a probability for each class.

    DATA is a file, a folder, a glob in quotes or a URL of CSV, Parquet or Arrow; it is streamed.
    """
    from mlops_runtime.registry import Model
    from mlops_runtime.training import predict as run_prediction

    model = Model.load(open_bundle(bundle))
    with stage_progress("predict") as report:
        result = run_prediction(model, data, output, ids=ids, progress=report)

    def render(console: Console) -> None:
        for note in result.notes:
            console.print(f"note: {escape(note)}", style="dim")
        if result.labels:
            console.print(table("Labels", ("label", "rows"), result.labels.items()))
        console.print(f"{result.rows} rows written to [bold]{escape(str(result.path))}[/]", soft_wrap=True)

    emit(result.to_dict(), as_json=as_json, render=render)
