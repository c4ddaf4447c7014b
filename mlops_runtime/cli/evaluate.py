"""`mlrt evaluate`: metrics of a bundle on a labelled file."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from mlops_runtime.cli.bundles import open_bundle
from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.cli.scorecard import print_evaluation, print_gates, refuse_if_failed

__all__ = ["evaluate"]


@click.command(epilog="Example: mlrt evaluate claims-bundle july.csv --sensitive sex --json")
@click.argument("bundle")
@click.argument("data")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="Report by group (repeatable).")
@click.option("--strict-labels", is_flag=True, help="Refuse labels that match a class only without a final dot.")
@click.option("--gates", type=click.Path(path_type=Path), help="Gates in YAML; exit code 3 when one refuses.")
@json_option
def evaluate(
    bundle: str, data: str, sensitive: tuple[str, ...], strict_labels: bool, gates: Path | None, as_json: bool
) -> None:
    """Score DATA with BUNDLE (a directory, or NAME@ALIAS of the registry) and compare with its labels.

    DATA is a file, a folder, a glob in quotes or a URL of CSV, Parquet or Arrow.

    A label that is no class, but is exactly one without outer spaces and one final dot, is read as that class; every
    such reading is noted and counted in `label_mapping`.
    """
    from mlops_runtime.registry import Model
    from mlops_runtime.training import check_gates, load_gates, read_labelled
    from mlops_runtime.training import evaluate as run_evaluation

    limits = () if gates is None else load_gates(gates)
    model = Model.load(open_bundle(bundle))
    dataset = read_labelled(data, model, sensitive=sensitive)
    result = run_evaluation(model, dataset, sensitive=sensitive, strict_labels=strict_labels)
    report = check_gates(limits, result)
    for note in result.notes:
        click.echo(f"note: {note}", err=True)

    def render(console: Console) -> None:
        print_evaluation(console, result, title=f"{model.bundle.manifest.name} on {result.n} rows")
        print_gates(console, report)

    emit(result.to_dict() | {"gates": report.to_dict()}, as_json=as_json, render=render)
    refuse_if_failed(report, "the bundle is unchanged; train a better one or review the limits")
