"""`mlrt train`: from a data file to a model bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.markup import escape

from mlops_runtime.cli.output import emit, json_option, stage_progress, table
from mlops_runtime.cli.scorecard import print_evaluation, print_gates, refuse_if_failed

__all__ = ["train"]


@click.command(
    epilog="Example: mlrt train claims.csv --target fraud --time submitted --sensitive sex -o claims-bundle",
)
@click.argument("data")
@click.option("--target", required=True, help="The column to predict.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write; must not exist."
)
@click.option(
    "--model",
    type=click.Choice(["gbdt", "linear", "mlp", "auto"]),
    default="gbdt",
    show_default=True,
    help="Model kind; auto tries all that are installed and keeps the best on the validation rows.",
)
@click.option("--name", default="", help="The model's name (default: made from the output's).")
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="What the target is; auto looks at its values.",
)
@click.option("--time", metavar="COLUMN|@row", help="Split by time instead of at random; @row: rows are in time order.")
@click.option("--id", "ids", multiple=True, metavar="COLUMN", help="An identifier: no feature (repeatable).")
@click.option("--exclude", multiple=True, metavar="COLUMN", help="Keep a column out of the features (repeatable).")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="Report by group; stays a feature unless excluded.")
@click.option("--weight", metavar="COLUMN", help="Row weights for training.")
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Give every class the same total weight.")
@click.option("--threshold", type=float, help="Of the positive class (default: best macro F1 on the validation rows).")
@click.option("--spec", type=click.Path(path_type=Path), help="A feature spec in YAML instead of an inferred one.")
@click.option("--gates", type=click.Path(path_type=Path), help="Gates in YAML (default: better than guessing).")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
def train(
    spec: Path | None, gates: Path | None, class_weight: Literal["balanced"] | None, as_json: bool, **options: Any
) -> None:
    """Learn from DATA and write a bundle: features, model, baseline, evidence.

    DATA is a file, a folder, a glob in quotes or a URL of CSV, Parquet or Arrow.

    70 % of the rows are learned from, 15 % decide (early stopping, threshold, which model), 15 % are reported on.
    Exit code 3 when a gate refuses the model; the bundle is written all the same.
    """
    from mlops_runtime.features import FeatureSpec
    from mlops_runtime.training import TrainConfig, TrainResult, load_gates
    from mlops_runtime.training import train as run_training

    config = TrainConfig(
        spec=None if spec is None else FeatureSpec.load(spec),
        gates=None if gates is None else load_gates(gates),
        class_weight=class_weight,
        **options,
    )
    with stage_progress("train") as report:
        result: TrainResult = run_training(config, progress=report)
    emit(result.to_dict(), as_json=as_json, render=lambda console: _print_result(console, result))
    refuse_if_failed(result.gates, f"the bundle is written all the same: {result.bundle_path}")


def _print_result(console: Console, result: Any) -> None:
    for note in result.notes:
        console.print(f"note: {escape(note)}", style="dim")
    if len(result.candidates) > 1:
        rows = [(kind, f"{loss:.5g}") for kind, loss in sorted(result.candidates.items(), key=lambda item: item[1])]
        console.print(table("Validation loss", ("model", "loss"), rows))
    print_evaluation(console, result.evaluation, title=f"{result.model_kind} on {result.evaluation.n} test rows")
    print_gates(console, result.gates)
    console.print(
        f"bundle [bold]{escape(str(result.bundle_path))}[/] sha256 {result.bundle.digest[:12]}", soft_wrap=True
    )
