"""`mlrt features join`: training sets without a look into the future."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, stage_progress, table

if TYPE_CHECKING:
    from mlops_runtime.data import Source
    from mlops_runtime.features.join import JoinReport, Naming

__all__ = ["join"]


@click.command(
    epilog="Example: mlrt features join 'claims/*.parquet' --tables tables.yaml --time filed -o train.parquet"
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--tables", type=click.Path(path_type=Path), required=True, help="The feature tables (YAML).")
@click.option("--time", required=True, help="The column of the moment that each row asks about.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help=".parquet, .arrow or .csv.")
@click.option(
    "--names",
    type=click.Choice(["full", "plain"]),
    default="full",
    show_default=True,
    help="What features are called: TABLE__FEATURE, or as in their table.",
)
@click.option("--block-rows", type=click.IntRange(1), default=1 << 21, show_default=True, help="Rows joined at a time.")
@json_option
def join(
    files: tuple[str, ...], tables: Path, time: str, output: Path, names: str, block_rows: int, as_json: bool
) -> None:
    """Add to each row of FILES the features that were known of its keys at its time; see docs/join.md.

    Every row comes out once, in its order, with nulls where nothing was known. A feature row counts from the later of
    its event and its known time on, and until its time to live is over. Memory is bounded: it grows with --block-rows.
    """
    from mlops_runtime.features.join import join_to_file
    from mlops_runtime.features.table_spec import FeatureTables

    with stage_progress("features join") as report:
        opened = FeatureTables.open(tables)
        done = join_to_file(
            output,
            _entities(files, time),
            opened,
            entity_time=time,
            names=cast("Naming", names),
            block_rows=block_rows,
            progress=report,
        )
    payload = {"output": str(output), **done.to_dict()}
    emit(payload, as_json=as_json, render=lambda console: _render(console, output, done))


def _entities(files: tuple[str, ...], time: str) -> Source:
    """Open the entity rows, their time being one however it is written."""
    from mlops_runtime.data import Column, Schema, open_source

    found = open_source(files)
    found.schema.column(time)
    return open_source(files, schema=Schema((Column(time, "timestamp"),)), columns=found.schema.names)


def _render(console: Console, output: Path, done: JoinReport) -> None:
    fates = ("matched", "expired", "too_early", "no_key", "missing_time", "missing_key")
    rows = [(each.name, *(f"{getattr(each, fate):,}" for fate in fates), f"{each.rows:,}") for each in done.tables]
    headers = ("table", *(fate.replace("_", " ") for fate in fates), "feature rows")
    console.print(table(f"{output}: {done.rows:,} rows", headers, rows))
    for each in done.tables:
        if each.rows_missing_key or each.rows_missing_time:
            missing = f"{each.rows_missing_key:,} rows without a key and {each.rows_missing_time:,} without a time"
            console.print(f"note: {each.name} has {missing}: they match nobody", style="yellow", markup=False)
    for note in done.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
