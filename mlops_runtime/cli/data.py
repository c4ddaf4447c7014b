"""`mlrt data`: look into data files, check them against a contract, compare them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from rich.console import Console

from mlops_runtime.cli.data_cache import cache
from mlops_runtime.cli.output import emit, json_option, stage_progress

if TYPE_CHECKING:
    from mlops_runtime.data import Source
    from mlops_runtime.data.dataset_manifest import DatasetManifest

__all__ = ["data"]

_REFUSED = 3
_ICEBERG = ".metadata.json"
_Command = TypeVar("_Command", bound=Callable[..., object])


def _data_set(command: _Command) -> _Command:
    """Take what `open_source` takes: FILE..., and the version of a table."""
    help_text = "Of a Delta table, or the snapshot of an Iceberg table; by default the latest."
    option = click.option("--version", type=int, help=help_text)
    return click.argument("files", metavar="FILE...", nargs=-1, required=True)(option(command))


@click.group()
def data() -> None:
    """Look into data sets: files, folders, patterns with wildcards, URLs; a Delta or an Iceberg table."""


data.add_command(cache)


@data.command(epilog="Example: mlrt data inspect 'claims/**/*.parquet'")
@_data_set
@json_option
def inspect(files: tuple[str, ...], version: int | None, as_json: bool) -> None:
    """Show every column of FILES, which are one data set.

    Kind, missing share and distinct values; of numbers a small histogram, the least, the mean and the greatest; of
    texts the most frequent.
    """
    from mlops_runtime.data import open_source

    source = open_source(files, version=version)
    seen = _describe(source, "data inspect")
    title = files[0] if len(files) == 1 else f"{len(source.files)} files"
    payload = {
        "paths": list(files),
        "manifest": seen.manifest.to_dict(),
        "columns": [column.to_dict() for column in seen.columns],
        "notes": list(source.notes),
    }

    def render(console: Console) -> None:
        from mlops_runtime.cli.data_tables import columns_table, print_notes

        console.print(columns_table(f"{title}: {seen.rows:,} rows", seen.columns))
        print_notes(console, source.notes)
        console.print(f"data set {seen.manifest.digest}", style="dim", soft_wrap=True)
        if source.table is not None:
            version_of = f"{source.table.format} table {source.table.id}, version {source.table.version}"
            console.print(version_of, style="dim", soft_wrap=True)

    emit(payload, as_json=as_json, render=render)


@data.command(epilog="Example: mlrt data check today.csv --contract contract.yaml --quarantine bad.parquet")
@_data_set
@click.option("--contract", "contract_path", type=click.Path(path_type=Path), required=True, help="YAML file.")
@click.option("--quarantine", type=click.Path(path_type=Path), help="Write bad rows, as read, with reasons (.parquet).")
@click.option("--good", type=click.Path(path_type=Path), help="Write good rows, cleaned (.parquet, .arrow or .csv).")
@json_option
def check(
    files: tuple[str, ...],
    version: int | None,
    contract_path: Path,
    quarantine: Path | None,
    good: Path | None,
    as_json: bool,
) -> int:
    """Check FILES against a contract, in one pass; exit with 3 when a rule is broken.

    Rows that break a rule about rows, or cannot be read at all, go to the quarantine file; rules about the whole data
    set break it as a whole. Both files appear when the check has ended, or not at all.
    """
    from mlops_runtime.cli.data_tables import print_report
    from mlops_runtime.cli.streaming import counted
    from mlops_runtime.data import open_source
    from mlops_runtime.data.contract import Contract
    from mlops_runtime.data.contract import check as check_contract

    source = open_source(files, version=version)
    promise = Contract.load(contract_path)
    with stage_progress("data check") as bar:
        stream = counted(source.decoded(), source, bar, "checking")
        report = check_contract(source, promise, stream=stream, quarantine=quarantine, good=good)
    emit(report.to_dict(), as_json=as_json, render=lambda console: print_report(console, report))
    return 0 if report.passed else _REFUSED


@data.command(epilog="Example: mlrt data contract good.csv -o contract.yaml")
@_data_set
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write it; else it is printed.")
@json_option
def contract(files: tuple[str, ...], version: int | None, output: Path | None, as_json: bool) -> None:
    """Propose a contract from FILES, which are known to be good, or from their manifest; a person should read it.

    Kinds, missing shares, ranges with a margin, the values of categories, uniqueness where it was proved.
    """
    from mlops_runtime.data.contract import infer_contract

    seen = _seen(files, "data contract", version)
    proposed = infer_contract(seen.schema, seen.columns)
    if output is not None:
        proposed.save(output)

    def render(console: Console) -> None:
        if output is None:
            console.print(proposed.to_yaml(), markup=False, soft_wrap=True, end="")
        else:
            console.print(f"contract for {len(proposed.columns)} columns: {output}", markup=False)

    emit({"contract": proposed.model_dump(mode="json"), "digest": proposed.digest}, as_json=as_json, render=render)


@data.command(epilog="Example: mlrt data manifest 'year=2026/*.parquet' -o 2026.json")
@_data_set
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write it (JSON).")
@json_option
def manifest(files: tuple[str, ...], version: int | None, output: Path, as_json: bool) -> None:
    """Write the manifest of FILES: files by hash, schema, and a sketch of every column.

    `mlrt data diff` compares manifests without the data. A manifest holds values of the data (extremes, frequent keys).
    """
    from mlops_runtime.data import open_source

    seen = _describe(open_source(files, version=version), "data manifest")
    seen.save(output)
    payload = {"version": seen.digest, "dataset": seen.manifest.digest, "rows": seen.rows, "output": str(output)}

    def render(console: Console) -> None:
        console.print(f"{seen.rows:,} rows, {len(seen.columns)} columns: {output}", markup=False)
        console.print(f"data set {seen.manifest.digest}\nversion  {seen.digest}", style="dim", soft_wrap=True)

    emit(payload, as_json=as_json, render=render)


@data.command(epilog="Example: mlrt data diff last-month.json today.csv --fail-on schema --fail-on drift")
@click.argument("before")
@click.argument("after")
@click.option(
    "--threshold",
    default=0.1,
    show_default=True,
    help="A column has drifted when its distance less the error, or the change of its missing share, is above this.",
)
@click.option(
    "--fail-on", type=click.Choice(("schema", "drift")), multiple=True, help="Exit with 3 when there is such a change."
)
@json_option
def diff(before: str, after: str, threshold: float, fail_on: tuple[str, ...], as_json: bool) -> int:
    """Say what changed from BEFORE to AFTER, each a data file or the manifest (.json) of one.

    Files by hash, columns and their kinds, rows; per column missing share, range, mean, a distance of the distributions
    with its error, and frequent values that came or went. Manifests alone are enough: no data file is opened then.
    """
    from mlops_runtime.cli.data_tables import print_diff
    from mlops_runtime.data.diff import diff as compare

    result = compare(_seen((before,), "data diff"), _seen((after,), "data diff"), threshold=threshold)
    emit(result.to_dict(), as_json=as_json, render=lambda console: print_diff(console, result))
    changed = {"schema": bool(result.schema), "drift": bool(result.drifted)}
    return _REFUSED if any(changed[kind] for kind in fail_on) else 0


def _seen(files: tuple[str, ...], title: str, version: int | None = None) -> DatasetManifest:
    """What is known of a data set, or of the one whose manifest is named alone."""
    from mlops_runtime.data import open_source
    from mlops_runtime.data.dataset_manifest import DatasetManifest

    if len(files) == 1 and files[0].endswith(".json") and not files[0].endswith(_ICEBERG):
        return DatasetManifest.load(Path(files[0]))
    return _describe(open_source(files, version=version), title)


def _describe(source: Source, title: str) -> DatasetManifest:
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.data.dataset_manifest import DatasetManifest

    with stage_progress(title) as report:
        return DatasetManifest.of(source, watched(source, report, "reading"))
