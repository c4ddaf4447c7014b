"""The values that rules judge, as Prometheus text, for the textfile collector of node_exporter.

One is a gauge such as `mlrt_monitor_auc{model="claims"}`, with `_low` and `_high` beside it where there is an interval,
and `_n`, the rows it rests on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from mlops_runtime.core.durable import durable_write
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.rules.promql import gauge_name

__all__ = ["write_textfile"]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


def write_textfile(points: Iterable[Point], path: Path) -> None:
    """Replace a file by the gauges of these points; values that could not be computed are left out.

    Raises ConfigError or CapacityError when the file cannot be written.
    """
    registry = CollectorRegistry()
    registry.register(_Gauges(list(points)))
    durable_write(path, generate_latest(registry))


class _Gauges:
    def __init__(self, points: list[Point]) -> None:
        self._points = points

    def collect(self) -> Iterable[Metric]:
        """Give one family a metric and part."""
        families: dict[str, GaugeMetricFamily] = {}
        for point in self._points:
            labels = {_NOT_IN_NAMES.sub("_", name): value for name, value in point.labels.items()}
            parts = {"": point.value, "_low": point.low, "_high": point.high, "_n": float(point.n)}
            for part, value in parts.items():
                if value is None or math.isnan(value):
                    continue
                name = gauge_name(point.metric) + part
                family = families.setdefault(name, GaugeMetricFamily(name, f"`{point.metric}` as rules judge it"))
                family.add_sample(name, labels, value)
        return families.values()
