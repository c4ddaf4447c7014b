"""`mlrt monitor gc`: a store of windows within limits, and nothing in it that no window needs."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import click

from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.cli.times import read_duration
from mlops_runtime.core import clock

__all__ = ["gc"]

_NO_LIMIT = 1 << 62


@click.command(epilog="Example: mlrt monitor gc --store windows --max-age 90d --compact 1d --older-than 7d")
@click.option("--store", type=click.Path(path_type=Path), required=True, help="Folder of the windows.")
@click.option("--max-age", callback=read_duration, help="Remove files of windows last written so long ago: 90d.")
@click.option(
    "--max-gib", type=click.FloatRange(min=0, min_open=True), help="Remove the oldest files beyond this size."
)
@click.option("--compact", "window", callback=read_duration, help="Add windows up into those of this length: 1d.")
@click.option(
    "--older-than", callback=read_duration, default="7d", show_default=True, help="Only those that ended so long ago."
)
@json_option
def gc(
    store: Path,
    max_age: dt.timedelta | None,
    max_gib: float | None,
    window: dt.timedelta | None,
    older_than: dt.timedelta,
    as_json: bool,
) -> None:
    """Remove what a store of windows holds beyond its limits, and baselines that no window refers to any more.

    Without limits no window is removed. Others may write and read meanwhile: the files that they write stay.
    """
    from mlops_runtime.monitoring.windows import Tumbling, WindowStore

    opened = WindowStore(store, max_age=max_age, max_bytes=int(max_gib * (1 << 30)) if max_gib else _NO_LIMIT)
    joined = opened.compact(Tumbling(window), before=clock.now() - older_than) if window else 0
    done, left = opened.collect(), opened.state()
    payload = {"store": str(store), "compacted": joined, **asdict(done), "left": asdict(left)}
    words = f"{done.segments} files of windows and {done.baselines} baselines removed, {joined} files joined"
    emit(
        payload,
        as_json=as_json,
        render=lambda console: console.print(f"{store}: {words}; {left.bytes:,} bytes of windows left", markup=False),
    )
