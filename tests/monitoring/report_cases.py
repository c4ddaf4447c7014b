"""What the tests of reports share: two files in which one region's amounts grow, and names that would be markup."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOSTILE = "</script><img src=x onerror=document.title='PWNED'>"
START = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)


def table(rows: int, *, days: int, growth: float, seed: int) -> pa.Table:
    """Return rows over `days`, in order of time; by then the south's amounts are 1 + growth * days times as large."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.random(rows)) * days
    region = rng.choice(np.array(["north", "south", "east"]), rows, p=[0.5, 0.3, 0.2])
    return pa.table(
        {
            "filed": pa.array([START + dt.timedelta(days=float(one)) for one in day], pa.timestamp("us", "UTC")),
            "region": region,
            "amount": rng.lognormal(0, 1, rows) * np.where(region == "south", 1.0 + growth * day, 1.0),
            "age": pa.array(rng.integers(18, 90, rows), mask=rng.random(rows) < 0.02 * day / days),
        }
    )


def files(folder: Path) -> tuple[str, str]:
    """Write a reference and ten drifting days; return both paths."""
    reference, current = folder / "reference.parquet", folder / "current.parquet"
    pq.write_table(table(6_000, days=30, growth=0.0, seed=1), reference)
    pq.write_table(table(4_000, days=10, growth=1.0, seed=2), current, row_group_size=1_000)
    return str(reference), str(current)


def hostile(rows: int, *, shift: float, seed: int) -> pa.Table:
    """Return rows over four days whose names and values would be markup."""
    rng = np.random.default_rng(seed)
    times = [START + dt.timedelta(hours=96 * place / rows) for place in range(rows)]
    return pa.table(
        {
            "t": pa.array(times, pa.timestamp("us", "UTC")),
            HOSTILE: rng.standard_normal(rows) + shift,
            "[red]w|ords*": rng.choice(np.array([HOSTILE, "[bold]b[/bold]", "{{ 7 * 7 }}", "![x](http://x)"]), rows),
            "part`": rng.choice(np.array([HOSTILE, "| a | b |", "# title"]), rows),
        }
    )
