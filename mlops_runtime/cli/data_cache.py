"""`mlrt data cache`: what cached rows take, and whose they are."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, table

if TYPE_CHECKING:
    from mlops_runtime.data.rows import Collected, Entry, RowCache

__all__ = ["cache"]

_SHOWN_DIGITS = 12
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@click.command(epilog="Example: mlrt data cache 'claims/*.parquet' --program program --target fraud")
@click.argument("files", metavar="[FILE...]", nargs=-1)
@click.option("--program", type=click.Path(path_type=Path), help="Folder of the feature program that makes the rows.")
@click.option("--target", metavar="COLUMN", help="Column of numbers to keep beside what the program makes.")
@click.option("--gc", is_flag=True, help="Remove what interrupted builders left, then the longest unused rows.")
@json_option
def cache(files: tuple[str, ...], program: Path | None, target: str | None, gc: bool, as_json: bool) -> None:
    """Show what rows are cached, what they take, and the limit (MLRT_CACHE_GIB), the longest unused first.

    With FILES and a program, cache their rows first, as a loader would when it finds none. With --gc, remove what
    nobody has open until the limit is kept; caching rows does the same.
    """
    from mlops_runtime.data.rows import Collected, RowCache

    if bool(files) != (program is not None) or (target and not files):
        raise click.UsageError("expected FILES and --program together, or neither; --target only with them")
    if program is not None:
        _build(files, program, target)
    rows = RowCache()
    collected = rows.collect() if gc else Collected((), 0, tuple(rows.entries()))
    lines = [_described(rows, entry) for entry in collected.kept]
    payload = {
        "folder": str(rows.root),
        "limit_bytes": rows.limit_bytes,
        "taken_bytes": collected.kept_bytes,
        "rows": lines,
        "evicted": [{"digest": entry.digest, "bytes": entry.bytes} for entry in collected.evicted],
        "remains_bytes": collected.remains_bytes,
    }
    emit(payload, as_json=as_json, render=lambda console: _print(console, rows, collected, lines))


def _build(files: tuple[str, ...], folder: Path, target: str | None) -> None:
    from mlops_runtime.data import open_source
    from mlops_runtime.features.folder import read_program_folder
    from mlops_runtime.features.loading import rows_of

    program = read_program_folder(folder)
    schema = program.schema
    if target is not None and target not in schema.names:
        schema = replace(schema, columns=(*schema.columns, open_source(files).schema.column(target)))
    rows_of(program, open_source(files, schema=schema), target=target)


def _described(rows: RowCache, entry: Entry) -> dict[str, Any]:
    from mlops_runtime.core.errors import IntegrityError

    used = dt.datetime.fromtimestamp(entry.used, dt.UTC).isoformat(timespec="seconds")
    line = {"digest": entry.digest, "bytes": entry.bytes, "used": used, "in_use": entry.in_use}
    try:
        manifest = rows.manifest(entry.digest)
    except IntegrityError as error:
        return line | {"damaged": str(error)}
    return line | {"rows": manifest.rows, "parts": manifest.parts}


def _print(console: Console, rows: RowCache, collected: Collected, lines: list[dict[str, Any]]) -> None:
    title = f"{_size(collected.kept_bytes)} of {_size(rows.limit_bytes)} in {rows.root}"
    drawn = table(title, ("rows of", "rows", "size", "last opened", "open", "digest"), map(_cells, lines))
    console.print(drawn)
    for entry in collected.evicted:
        console.print(f"evicted {entry.digest[:_SHOWN_DIGITS]}, {_size(entry.bytes)}")
    if collected.remains_bytes:
        console.print(f"removed {_size(collected.remains_bytes)} that interrupted builders left")
    if collected.kept_bytes > rows.limit_bytes:
        reason = "all of it is open" if all(entry.in_use for entry in collected.kept) else "mlrt data cache --gc"
        console.print(f"above the limit: {reason}", style="yellow")


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    parts = ", ".join(f"{name} {value[:_SHOWN_DIGITS]}" for name, value in line.get("parts", {}).items() if value)
    counted = f"{line['rows']:,}" if "rows" in line else "damaged"
    shown = line["used"].partition("+")[0].replace("T", " ")
    is_open = "yes" if line["in_use"] else "no"
    return parts, counted, _size(line["bytes"]), shown, is_open, line["digest"][:_SHOWN_DIGITS]


def _size(count: float) -> str:
    """Write bytes for people.

    >>> _size(1536)
    '1.5 KiB'
    """
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} {_UNITS[-1]}"
