"""What the tests of windows share: a reference, rows with times, and windows as plain values to compare bit for bit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.windows import Window

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def reference() -> pa.Table:
    rng = np.random.default_rng(5)
    return pa.table({"x": rng.normal(size=400), "city": rng.choice(["Dubai", "Oslo"], 400)})


BASELINE = Baseline.fit(reference())


def rows_at(minutes: Iterable[float], *, tenant: Iterable[str | None] | None = None, seed: int = 1) -> pa.Table:
    """A row for each of `minutes` after START, with a tenant and a time."""
    at = [START + MINUTE * float(minute) for minute in minutes]
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "x": rng.normal(size=len(at)),
            "city": rng.choice(["Dubai", "Oslo", "new"], len(at)),
            "tenant": pa.array(["a"] * len(at) if tenant is None else list(tenant), pa.utf8()),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
        }
    )


def plain(windows: Iterable[Window]) -> list[dict[str, object]]:
    """Every bit of some windows, in their order."""
    return [
        {
            "span": window.span.to_dict(),
            "key": dict(window.key),
            "number": window.number,
            "rows": window.rows,
            "baseline": window.baseline,
            "weighted": window.weighted,
            **{name: summary.to_dict() for name, summary in window.summaries.items()},
        }
        for window in windows
    ]


def sizes(windows: Iterable[Window]) -> list[tuple[int, int]]:
    """When each window begins, in minutes after START, and how many rows it has."""
    return [(round((window.span.start - START) / MINUTE), window.rows) for window in windows]
