"""What the tests of reports share: two files in which one region's amounts grow, and names that would be markup."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime.monitoring.report import drift

HOSTILE = "</script><img src=x onerror=document.title='PWNED'>"
START = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)

SCHEMA = json.loads(Path(drift.__file__).with_name("drift-report.schema.json").read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """Return the schema with no room for what it does not name: readers must allow more keys, we must describe all."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | {"additionalProperties": False} if "properties" in schema and "required" in schema else inner


def check(document: Any) -> None:
    """Raise unless a document is what the schema says, no key more and none less."""
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(json.loads(json.dumps(document, allow_nan=False)))


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
