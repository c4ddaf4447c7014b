"""What a rule's metric is in PromQL: one of the server's `/metrics`, or a gauge of `mlrt monitor check --textfile`.

The server has `psi`, `drifted`, `share_drifted`, `rows` and `server_error_share`; everything else that rules judge is
exposed as `mlrt_monitor_METRIC`, with `_low`, `_high` and `_n` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mlops_runtime.core.errors import UnsupportedExport
from mlops_runtime.monitoring.rules.document import Rule
from mlops_runtime.monitoring.rules.stretch import write_duration

__all__ = ["Exposed", "exposed", "gauge_name"]

_OF_MODELS = ("model", "version")
_ERROR_SPAN = "5m"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A metric as Prometheus sees it.

    value: PromQL of the value. selector: of the series behind it, whose absence is missing data. labels: that values
    of one of the server's have; None for a gauge of ours, whose labels are the point's. low, high: of the ends of its
    interval. rows: of how many rows it rests on. ramp: how long a change takes to show in full.
    """

    value: str
    selector: str
    labels: tuple[str, ...] | None
    low: str | None = None
    high: str | None = None
    rows: str | None = None
    ramp: timedelta = timedelta(0)


def gauge_name(metric: str) -> str:
    """Return the name under which `mlrt monitor check --textfile` exposes a metric."""
    return f"mlrt_monitor_{metric}"


def exposed(rule: Rule, window: timedelta) -> Exposed:
    """Return a rule's metric. window: how long its windows are. Raises UnsupportedExport for labels it lacks."""
    known = {"psi": ("column",), "drifted": ("column",), "share_drifted": (), "rows": ()}
    if rule.metric == "server_error_share":
        found = _error_share(rule)
    elif rule.metric in known:
        found = _of_server(rule, (*_OF_MODELS, *known[rule.metric]), window)
    else:
        return _of_gauge(rule)
    lacking = sorted(set(rule.labels) - set(found.labels or ()))
    if lacking:
        raise UnsupportedExport(f"`{rule.metric}` of the server has no label {', '.join(lacking)}")
    return found


def _select(name: str, rule: Rule, more: str = "") -> str:
    matchers = ", ".join([more] * bool(more) + [match.to_promql(label) for label, match in sorted(rule.labels.items())])
    return f"{name}{{{matchers}}}" if matchers else name


def _of_server(rule: Rule, labels: tuple[str, ...], window: timedelta) -> Exposed:
    names: Mapping[str, str] = {
        "psi": "mlrt_drift_psi",
        "drifted": "mlrt_drift_drifted",
        "share_drifted": "mlrt_drift_drifted",
        "rows": "nv_inference_count",
    }
    selector = _select(names[rule.metric], rule)
    rows = "mlrt_drift_rows"
    if rule.metric == "share_drifted":
        return Exposed(f"avg by (model, version) ({selector})", selector, labels, rows=rows)
    if rule.metric == "rows":
        value = f"sum by (model, version) (increase({selector}[{write_duration(window)}]))"
        return Exposed(value, selector, labels, ramp=window)
    return Exposed(selector, selector, labels, rows=rows)


def _error_share(rule: Rule) -> Exposed:
    every = _select("mlrt_http_responses_total", rule)
    errors = _select("mlrt_http_responses_total", rule, 'code=~"5.."')
    rates = (f"sum by (job, instance) (rate({one}[{_ERROR_SPAN}]))" for one in (errors, every))
    value = " / ".join(rates)
    return Exposed(value, every, ("job", "instance"), ramp=timedelta(minutes=5))


def _of_gauge(rule: Rule) -> Exposed:
    name = gauge_name(rule.metric)
    low, high, n = (_select(name + part, rule) for part in ("_low", "_high", "_n"))
    return Exposed(_select(name, rule), _select(name, rule), None, low, high, n)
