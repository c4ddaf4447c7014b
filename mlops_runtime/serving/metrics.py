"""Prometheus metrics: Triton's `nv_inference_*` counters under their own names, and ours under `mlrt_*`.

Triton's counters carry no `_total` suffix, which prometheus_client would add; so their text is written here.
Counters are changed from the event loop alone; the drift gauges are computed when somebody looks.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from mlops_runtime.serving.inference import Outcome
from mlops_runtime.serving.models import ModelTable
from mlops_runtime.serving.online import Lookup
from mlops_runtime.serving.routing import Split
from mlops_runtime.serving.versions import ServedVersion

__all__ = ["FailureReason", "Metrics"]

_TRITON = {
    "nv_inference_request_success": "Number of successful inference requests",
    "nv_inference_request_failure": "Number of failed inference requests",
    "nv_inference_count": "Number of inferences performed: rows, not requests",
    "nv_inference_exec_count": "Number of model executions performed",
    "nv_inference_request_duration_us": "Cumulative inference request duration in microseconds",
    "nv_inference_queue_duration_us": "Cumulative inference queuing duration in microseconds",
    "nv_inference_compute_input_duration_us": "Cumulative compute input duration in microseconds",
    "nv_inference_compute_infer_duration_us": "Cumulative compute inference duration in microseconds",
    "nv_inference_compute_output_duration_us": "Cumulative inference compute output duration in microseconds",
}
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MICROSECONDS = 1_000_000

FailureReason = Literal["OTHER", "REJECTED", "CANCELED", "BACKEND"]  # bad input, overload, client gone, our fault

_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """All metrics of one server. table: asked for the routing in force, which some gauges describe."""

    def __init__(self, table: ModelTable) -> None:
        self._triton: dict[str, Tally[_Labels]] = {name: Tally() for name in _TRITON}
        self._registry = CollectorRegistry()
        self._registry.register(_RoutingCollector(table))
        ProcessCollector(registry=self._registry)
        self._responses = Counter("mlrt_http_responses", "HTTP responses", ["method", "code"], registry=self._registry)
        self._latency = Histogram(
            "mlrt_request_seconds",
            "Answered inference requests, from the whole body read to the answer ready",
            ["model", "version"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._online_rows = Counter(
            "mlrt_online_rows",
            "Rows asked of online stores, by whether they were found, missing or expired",
            ["model", "version", "view", "result"],
            registry=self._registry,
        )
        self._online_reads = Histogram(
            "mlrt_online_read_seconds",
            "Reads of online stores, one a request and view",
            ["model", "version", "view"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

    def answered(self, outcome: Outcome) -> None:
        """Count one answered inference request."""
        timings = outcome.timings
        total_s = timings.queue_s + timings.input_s + timings.infer_s + timings.output_s
        labels = _labels(outcome.served)
        for name, amount in (
            ("request_success", 1),
            ("count", outcome.rows),
            ("exec_count", 1),
            ("request_duration_us", round(total_s * _MICROSECONDS)),
            ("queue_duration_us", round(timings.queue_s * _MICROSECONDS)),
            ("compute_input_duration_us", round(timings.input_s * _MICROSECONDS)),
            ("compute_infer_duration_us", round(timings.infer_s * _MICROSECONDS)),
            ("compute_output_duration_us", round(timings.output_s * _MICROSECONDS)),
        ):
            self._triton[f"nv_inference_{name}"][labels] += amount
        self._latency.labels(outcome.served.name, outcome.served.version).observe(total_s)
        for lookup in outcome.lookups:
            self._looked_up((outcome.served.name, outcome.served.version, lookup.view), lookup)

    def _looked_up(self, labels: tuple[str, str, str], lookup: Lookup) -> None:
        missing = lookup.rows - lookup.found - lookup.expired
        for result, rows in (("found", lookup.found), ("missing", missing), ("expired", lookup.expired)):
            self._online_rows.labels(*labels, result).inc(rows)
        self._online_reads.labels(*labels).observe(lookup.seconds)

    def failed(self, served: ServedVersion, reason: FailureReason) -> None:
        """Count one failed inference request, against the version that was asked for, else the stable one."""
        self._triton["nv_inference_request_failure"][(*_labels(served), ("reason", reason))] += 1

    def responded(self, method: str, status: int) -> None:
        """Count one HTTP response of any kind."""
        self._responses.labels(method, str(status)).inc()

    def render(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return "".join(self._triton_lines()).encode() + generate_latest(self._registry)

    def _triton_lines(self) -> Iterator[str]:
        for name, tally in self._triton.items():
            yield f"# HELP {name} {_TRITON[name]}\n# TYPE {name} counter\n"
            for labels, value in list(tally.items()):
                written = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
                yield f"{name}{{{written}}} {value}\n"


class _RoutingCollector:
    """Gauges of the routing in force: they vanish with the version they describe."""

    def __init__(self, table: ModelTable) -> None:
        self._table = table

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, computing each version's drift now."""
        weight = GaugeMetricFamily("mlrt_model_weight", "Share of requests a version gets", labels=["model", "version"])
        rows = GaugeMetricFamily("mlrt_drift_rows", "Rows the drift is computed on", labels=["model", "version"])
        columns = ["model", "version", "column"]
        psi = GaugeMetricFamily("mlrt_drift_psi", "Population stability index against the baseline", labels=columns)
        words = "1 when the column is judged to have drifted, at a level that holds over all scrapes together"
        drifted = GaugeMetricFamily("mlrt_drift_drifted", words, labels=columns)
        words = "The metric that the labels of the rows the drift is computed on will give; with 95 % from low to high"
        kinds = ["model", "version", "metric", "bound"]
        estimate = GaugeMetricFamily("mlrt_performance_estimate", words, labels=kinds)
        for split in self._table.models.values():
            for served in split.versions:
                labels = [served.name, served.version]
                weight.add_metric(labels, float(_weight(split, served)))
                report = served.watch.report()
                rows.add_metric(labels, report.dataset.n_current)
                for column in report.columns:
                    if column.psi is not None:
                        psi.add_metric([*labels, column.name], column.psi)
                    drifted.add_metric([*labels, column.name], float(column.drifted))
                for one in served.estimates(report):
                    for bound, value in (("value", one.value), ("low", one.low), ("high", one.high)):
                        if value is not None:
                            estimate.add_metric([*labels, one.metric, bound], value)
        yield from (weight, rows, psi, drifted, estimate)


def _weight(split: Split, served: ServedVersion) -> Fraction:
    return split.weight if served is split.canary else 1 - split.weight


def _labels(served: ServedVersion) -> _Labels:
    return (("model", served.name), ("version", served.version))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
