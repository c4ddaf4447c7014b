"""`mlrt monitor update`: count files into the windows of a store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
from rich.console import Console

from mlops_runtime.cli.labels import read_labels
from mlops_runtime.cli.output import emit, json_option, stage_progress
from mlops_runtime.cli.times import read_duration
from mlops_runtime.core.digest import canonical_json, sha256_bytes

__all__ = ["update"]

_STREAM_DIGITS = 16  # of hex: 64 bits


@click.command(
    epilog="Example: mlrt monitor update today.csv --baseline baseline.json --store windows --time filed --window 1d"
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--baseline", required=True, help="A bundle (directory, or NAME@VERSION), or what `monitor fit` wrote.")
@click.option("--store", type=click.Path(path_type=Path), required=True, help="Folder of the windows; made if absent.")
@click.option("--time", required=True, metavar="COLUMN", help="The column of each row's time.")
@click.option(
    "--window", callback=read_duration, default="1d", show_default=True, help="How long a window is: 15m, 6h, 1d."
)
@click.option(
    "--segment", "segments", multiple=True, metavar="COLUMN", help="Tell rows apart by its values; may be repeated."
)
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", callback=read_labels, help="Say whose rows these are."
)
@click.option(
    "--lateness", callback=read_duration, help="Close a window this long after its end; later rows are then left out."
)
@click.option("--multivariate", is_flag=True, help="Also count all columns together: what no single one shows.")
@json_option
def update(  # noqa: PLR0913 - a command's options
    files: tuple[str, ...],
    baseline: str,
    store: Path,
    time: str,
    window: dt.timedelta,
    segments: tuple[str, ...],
    labels: dict[str, str],
    lateness: dt.timedelta | None,
    multivariate: bool,
    as_json: bool,
) -> None:
    """Count the rows of FILES over a baseline, into windows by their time, and add these to a store.

    Rows may come in any order unless --lateness is given. Windows that the store has already are added to: count no
    file twice. Nothing is stored when a file cannot be read.

    With --multivariate, of a bundle or of what `monitor fit --multivariate` wrote, a window also keeps 512 of its rows,
    in standard deviations.
    """
    from mlops_runtime.cli.current import open_current
    from mlops_runtime.cli.reference import Batches, require_multivariate, require_stored
    from mlops_runtime.cli.windowing import Cut, left_out
    from mlops_runtime.monitoring.multivariate import RowEncoder
    from mlops_runtime.monitoring.windows import WindowStore

    with stage_progress("monitor update") as progress, WindowStore(store) as windows:
        current = open_current(files, require_stored(baseline), time=time, segments=segments)
        judged = current.reference.baseline
        together = require_multivariate(current.reference, where=baseline) if multivariate else None
        encoder = None if together is None else RowEncoder(together, stream=_stream(files, labels))
        monitor = Cut(time, window, segments, lateness, labels).monitor(judged, encoder)
        batches = Batches(current.source, progress, "counting")
        closed = [one for table in batches for one in monitor.update(table, time=time)]
        closed += monitor.close()
        windows.append(closed, judged, together)
    notes = (*current.source.notes, *current.notes, *left_out(monitor))
    payload = {
        "store": str(store),
        "windows": len(closed),
        "rows": monitor.rows,
        "late": monitor.late,
        "undated": monitor.undated,
        "notes": list(notes),
    }

    def render(console: Console) -> None:
        console.print(f"{store}: {monitor.rows:,} rows in {len(closed):,} windows", markup=False)
        for note in notes:
            console.print(f"note: {note}", markup=False)

    emit(payload, as_json=as_json, render=render)


def _stream(files: tuple[str, ...], labels: dict[str, str]) -> int:
    """Return a number of these files: other files' rows are sampled otherwise, the same command's alike."""
    places = [str(Path(file).absolute()) for file in files]
    return int(sha256_bytes(canonical_json([places, labels]))[:_STREAM_DIGITS], 16)
