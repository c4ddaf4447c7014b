"""`mlrt demo`: the whole life of a model in one minute."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from pathlib import Path

import click

from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.core.errors import ConfigError

__all__ = ["demo"]


@click.command(
    epilog="Example: mlrt demo; with your own file: mlrt demo --data customers.csv --target churned",
)
@click.option("--data", type=click.Path(path_type=Path), help="A CSV or Parquet file of your own.")
@click.option("--target", help="The column to predict; needed with --data.")
@click.option("--folder", type=click.Path(path_type=Path), help="Work folder to create (default: demo-<time>).")
@click.option("--seed", type=int, default=7, show_default=True)
@json_option
def demo(data: Path | None, target: str | None, folder: Path | None, seed: int, as_json: bool) -> None:
    """Data, features, two models, gates, bundle, registry, live endpoint, canary, planted drift, rollback, audit proof.

    Every command it stands for is printed before it runs, so the tour is also the tutorial. Nothing leaves this
    machine; everything it writes, its registry included, stays in the work folder.
    """
    if (data is None) != (target is None):
        raise ConfigError("mlrt demo: expected --data and --target together, got one of them — pass both or neither")
    from mlops_runtime.cli.tour.story import play

    chosen = folder or Path(f"demo-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S}")
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        outcome = play(chosen, data=data, target=target, seed=seed)
    if as_json:
        emit(outcome.to_dict(), as_json=True, render=lambda console: None)
