"""`mlrt data`: look into a data file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, table

if TYPE_CHECKING:
    from mlops_runtime.data.profile import ColumnProfile

__all__ = ["data"]

_BARS = "▁▂▃▄▅▆▇█"


@click.group()
def data() -> None:
    """Look into data files."""


@data.command(epilog="Example: mlrt data inspect customers.csv")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def inspect(file: Path, as_json: bool) -> None:
    """Show every column of a CSV, Parquet or Arrow FILE.

    Kind, missing share and distinct values; of numbers a small histogram, the least, the mean and the greatest; of
    texts the most frequent.
    """
    from mlops_runtime.data import read_dataset
    from mlops_runtime.data.profile import profile

    dataset = read_dataset(file)
    profiles = profile(dataset.table, dataset.schema)
    payload = {
        "file": str(file),
        "manifest": dataset.manifest.to_dict(),
        "columns": [column.to_dict() for column in profiles],
        "notes": list(dataset.notes),
    }

    def render(console: Console) -> None:
        headers = ("column", "kind", "missing", "distinct", "values")
        rows = [
            (c.name, c.kind, f"{c.missing_share:.1%}" if c.missing else "-", f"{c.distinct:,}", _values(c))
            for c in profiles
        ]
        drawn = table(f"{file}: {dataset.manifest.rows:,} rows", headers, rows)
        for column in drawn.columns[1:-1]:
            column.no_wrap = True
        drawn.columns[-1].justify = "left"
        console.print(drawn)
        for note in dataset.notes:
            console.print(f"note: {note}", style="yellow", markup=False)
        console.print(f"data set {dataset.manifest.digest}", style="dim", soft_wrap=True)

    emit(payload, as_json=as_json, render=render)


def _values(column: ColumnProfile) -> str:
    if column.kind not in ("number", "timestamp"):
        return ", ".join(f"{value} {count:,}" for value, count in column.top)
    if column.kind == "timestamp":
        limits = " … ".join(str(limit)[:10] for limit in (column.minimum, column.maximum) if limit is not None)
    else:
        limits = " · ".join(_short(v) for v in (column.minimum, column.mean, column.maximum) if isinstance(v, float))
    return f"{_sparkline(column.histogram)} {limits}".strip()


def _short(value: float) -> str:
    """Write a number in at most eight characters or so: 1,484,705 is 1.48M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if limit <= abs(value) < 1e12:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    return f"{value:.4g}"


def _sparkline(counts: tuple[int, ...]) -> str:
    """Draw counts as bars; a slice with anything in it is never blank."""
    highest = max(counts, default=0)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // highest)] if count else " " for count in counts)
