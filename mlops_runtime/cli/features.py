"""`mlrt features`: fit feature programs, apply them, prove that the executors agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mlops_runtime.cli.export import export
from mlops_runtime.cli.features_join import join
from mlops_runtime.cli.features_leaks import leaks
from mlops_runtime.cli.features_online import lookup, materialise
from mlops_runtime.cli.output import emit, json_option, stage_progress, table
from mlops_runtime.cli.parity import parity

if TYPE_CHECKING:
    from mlops_runtime.data import Source
    from mlops_runtime.features import FeatureProgram, FeatureSpec

__all__ = ["features"]

_SPEC = "spec.yaml"


@click.group()
def features() -> None:
    """Fit feature programs, apply them, prove that the executors agree."""


features.add_command(export)
features.add_command(join)
features.add_command(leaks)
features.add_command(lookup)
features.add_command(materialise)
features.add_command(parity)


@features.command(epilog="Example: mlrt features fit 'claims/*.parquet' --target fraud -o program")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--target", help="The column to predict: no feature is made of it.")
@click.option("--exclude", multiple=True, help="A column to leave out; may be repeated.")
@click.option("--spec", type=click.Path(path_type=Path), help="A feature specification (YAML); then nothing is chosen.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to create.")
@json_option
def fit(
    files: tuple[str, ...],
    target: str | None,
    exclude: tuple[str, ...],
    spec: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Fit a feature program on FILES and write it, with its specification, to a new folder.

    FILES are CSV, Parquet or Arrow, several of them or a glob, read batch by batch: twice when the features are chosen
    too, once with --spec.
    """
    from mlops_runtime.features.folder import write_program

    with stage_progress("features fit") as report:
        if spec is None:
            source, chosen, notes = _choose(files, target, exclude, report)
        else:
            source, chosen, notes = _as_told(files, spec)
        program = _fit(chosen, source, report, start=0.0 if spec else 0.5)
        write_program(output, program, {_SPEC: chosen.to_yaml().encode()})
    payload = {
        "program": str(output),
        "digest": program.digest,
        "dataset": source.manifest().digest,
        "rows": program.rows,
        "outputs": program.describe(),
        "notes": list(notes),
    }
    emit(payload, as_json=as_json, render=lambda console: _render_program(console, program, output, notes))


def _choose(
    files: tuple[str, ...], target: str | None, exclude: tuple[str, ...], report: Callable[[str, float], None]
) -> tuple[Source, FeatureSpec, tuple[str, ...]]:
    """Open the files and choose a feature for every useful column, in a pass over them."""
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.data import open_source
    from mlops_runtime.features import infer_spec

    source = open_source(files)
    for name in (*([target] if target else []), *exclude):
        source.schema.column(name)
    tables = (batch.table for batch in watched(source, report, "choosing features", end=0.5))
    inferred = infer_spec(tables, source.schema, target=target, exclude=exclude)
    return source, inferred.spec, (*source.notes, *inferred.notes)


def _as_told(files: tuple[str, ...], path: Path) -> tuple[Source, FeatureSpec, tuple[str, ...]]:
    """Open those columns of the files that a specification reads."""
    from mlops_runtime.data import open_source
    from mlops_runtime.features import FeatureSpec

    spec = FeatureSpec.load(path)
    source = open_source(files, columns=list(dict.fromkeys((*spec.columns, *spec.target_columns))))
    return source, spec, source.notes


def _fit(spec: FeatureSpec, source: Source, report: Callable[[str, float], None], *, start: float) -> FeatureProgram:
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.features import FitState

    state = FitState(spec, source.schema)
    for batch in watched(source, report, "fitting", start=start):
        state.update(batch.table, first_row=batch.first_row, ordinals=batch.ordinals)
    return state.finish()


@features.command(epilog="Example: mlrt features apply program 'claims/*.parquet' -o features.parquet")
@click.argument("program_folder", metavar="PROGRAM", type=click.Path(path_type=Path))
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Parquet file to write.")
@json_option
def apply(program_folder: Path, files: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Run the program in folder PROGRAM on FILES and write its matrices as Parquet columns, batch by batch."""
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.data import open_source
    from mlops_runtime.features.folder import read_program_folder, write_matrices

    with stage_progress("features apply") as report:
        program = read_program_folder(program_folder)
        source = open_source(files, schema=program.schema)
        batches = watched(source, report, "transforming")
        rows = write_matrices(output, program, (batch.table for batch in batches))
    names = {"dense": program.dense_names, "sparse": program.sparse_names, "bags": program.bag_names}
    payload = {"output": str(output), "rows": rows, "digest": program.digest, **names}
    width = ", ".join(f"{len(of_kind)} {kind}" for kind, of_kind in names.items() if of_kind)
    emit(
        payload,
        as_json=as_json,
        render=lambda console: console.print(f"{output}: {rows:,} rows; columns: {width}", markup=False),
    )


@features.command(epilog="Example: mlrt features show program")
@click.argument("program_folder", metavar="PROGRAM", type=click.Path(path_type=Path))
@json_option
def show(program_folder: Path, as_json: bool) -> None:
    """Say what the program in folder PROGRAM makes of which column, step by step."""
    from mlops_runtime.features.folder import read_program_folder

    program = read_program_folder(program_folder)
    payload = {"digest": program.digest, "rows": program.rows, "outputs": program.describe()}
    emit(payload, as_json=as_json, render=lambda console: _render_program(console, program, program_folder, ()))


def _render_program(console: Console, program: FeatureProgram, output: Path, notes: tuple[str, ...]) -> None:
    rows = [
        (
            entry["name"],
            entry["source"],
            f"{entry['missing_share']:.1%}" if "missing_share" in entry else "",
            "; ".join(entry["steps"]),
        )
        for entry in program.describe()
    ]
    title = f"{output}: fitted on {program.rows:,} rows"
    drawn = table(title, ("output", "source", "missing", "what it does"), rows)
    drawn.columns[-1].justify = "left"
    console.print(drawn)
    for note in notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    console.print(f"program {program.digest}", style="dim", soft_wrap=True)
