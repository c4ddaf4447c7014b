"""Unit tests for generated rules, for `promtool test rules`: each rule is silent, fires in time, and ends in time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from mlops_runtime.monitoring.rules.condition import MIN_HISTORY, Condition
from mlops_runtime.monitoring.rules.matching import quoted
from mlops_runtime.monitoring.rules.prometheus import ExportedRule, PrometheusRules
from mlops_runtime.monitoring.rules.promql import gauge_name

__all__ = ["promtool_tests"]

_STEP = timedelta(minutes=1)
_SERVED = {"psi": "mlrt_drift_psi", "drifted": "mlrt_drift_drifted"}
_MODEL = {"model": "claims", "version": "1"}
_SERVER = {"job": "mlrt", "instance": "server:8000"}


@dataclass(frozen=True, slots=True)
class _Course:
    """How long a metric is well, in breach, and well again, in minutes."""

    quiet: int
    breach: int
    after: int

    def constant(self, well: float, ill: float) -> str:
        """Return the values of a gauge, as promtool writes series."""
        return f"{well!r}+0x{self.quiet - 1} {ill!r}+0x{self.breach - 1} {well!r}+0x{self.after}"

    def growing(self, well: int, ill: int) -> str:
        """Return the values of a counter that grows by so much a minute."""
        first, second = well * self.quiet, well * self.quiet + ill * self.breach
        return f"0+{well}x{self.quiet - 1} {first}+{ill}x{self.breach - 1} {second}+{well}x{self.after}"


@dataclass(frozen=True, slots=True)
class _Example:
    """Series in which a rule fires. labels: of the alert. value: what it then says."""

    labels: dict[str, str]
    value: float
    series: dict[str, str]


def promtool_tests(rules: PrometheusRules, file_name: str) -> str:
    """Return a file of unit tests for the rule file `file_name`; rules of which no example is known have none."""
    tests = [test for rule in rules.rules if (test := _test(rule)) is not None]
    document = {"rule_files": [file_name], "evaluation_interval": "1m", "tests": tests}
    return yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)


def _test(exported: ExportedRule) -> dict[str, Any] | None:
    ramp, lasting, keep = (_minutes(time) for time in (exported.metric.ramp, exported.lasting, exported.keep))
    past = _minutes(exported.past_begins + MIN_HISTORY * exported.window) if exported.rule.when.is_relative else 0
    course = _Course(quiet=10 + ramp + keep + past, breach=lasting + ramp + 3, after=keep + ramp + 3)
    example = _example(exported, course)
    if example is None:
        return None
    alert = {
        "exp_labels": {**example.labels, "severity": exported.rule.severity},
        "exp_annotations": {"summary": _summary(exported, example)},
    }
    ends = course.quiet + course.breach
    moments: list[tuple[int, list[Any]]] = [(course.quiet - 1, []), (ends - 1, [alert]), (ends + course.after, [])]
    if lasting and not ramp:
        moments.insert(1, (course.quiet + lasting - 1, []))
    checks = [
        {"eval_time": f"{minute}m", "alertname": exported.rule.name, "exp_alerts": alerts} for minute, alerts in moments
    ]
    series = [{"series": name, "values": values} for name, values in example.series.items()]
    return {"name": exported.rule.name, "interval": "1m", "input_series": series, "alert_rule_test": checks}


def _minutes(time: timedelta) -> int:
    return math.ceil(time / _STEP)


def _example(exported: ExportedRule, course: _Course) -> _Example | None:
    metric = exported.rule.metric
    if metric == "rows":
        return _rows(exported, course)
    if metric == "server_error_share":
        return _errors(exported, course)
    if metric == "share_drifted":
        return _share(exported, course)
    return _gauge(exported, course)


def _gauge(exported: ExportedRule, course: _Course) -> _Example | None:
    rule = exported.rule
    labels = _labels(exported, {**_MODEL, "column": "age"})
    well, ill = _values(rule.when)
    if labels is None:
        return None
    name = _SERVED.get(rule.metric, gauge_name(rule.metric))
    series = {name: course.constant(well, ill)}
    if rule.when.confident:
        series[f"{name}_{'low' if rule.when.sign > 0 else 'high'}"] = course.constant(well, ill)
    written = {_written(one, labels): values for one, values in series.items()}
    return _Example(labels, ill, written | _enough_rows(exported, labels, course))


def _share(exported: ExportedRule, course: _Course) -> _Example | None:
    labels, when = _labels(exported, _MODEL), exported.rule.when
    limits = when.limits(())
    ill = float(when.sign > 0)
    if labels is None or limits is None or not 0 <= limits[0] < 1:
        return None
    series = {_written(_SERVED["drifted"], {**labels, "column": "age"}): course.constant(1.0 - ill, ill)}
    return _Example(labels, ill, series | _enough_rows(exported, labels, course))


def _rows(exported: ExportedRule, course: _Course) -> _Example | None:
    labels, limits = _labels(exported, _MODEL), exported.rule.when.limits(())
    if labels is None or limits is None or exported.rule.when.sign > 0:
        return None
    enough = 2 * math.ceil(max(1.0, limits[1]))
    return _Example(labels, 0.0, {_written("nv_inference_count", labels): course.growing(enough, 0)})


def _errors(exported: ExportedRule, course: _Course) -> _Example | None:
    limits = exported.rule.when.limits(())
    if exported.rule.labels or exported.rule.when.sign < 0 or limits is None or not 0 <= limits[1] <= limits[0] < 1:
        return None
    by_code = {"200": course.growing(600, 0), "500": course.growing(0, 600)}
    name = "mlrt_http_responses_total"
    series = {_written(name, {**_SERVER, "method": "POST", "code": code}): by_code[code] for code in by_code}
    return _Example(_SERVER, 1.0, series)


def _labels(exported: ExportedRule, usual: dict[str, str]) -> dict[str, str] | None:
    """Return labels that the rule matches; None where that would be a guess (regular expressions)."""
    labels = dict(usual)
    for name, matcher in exported.rule.labels.items():
        if not matcher.accepts(labels.setdefault(name, "example")):
            if matcher.kind != "is":
                return None
            labels[name] = matcher.values[0]
    return {name: value for name, value in labels.items() if value}


def _values(when: Condition) -> tuple[float, float]:
    """Return a value that is well and one in breach; for changes, of a past of 1."""
    if when.is_relative:
        return 1.0, 1.0 + when.sign * 2.0 * when.changes[0].of(1.0)
    limits = when.limits(())
    assert limits is not None
    breach, well = (
        limit + side * when.sign * max(0.25, abs(limit) / 2) for limit, side in zip(limits, (1, -1), strict=True)
    )
    return well, breach


def _enough_rows(exported: ExportedRule, labels: dict[str, str], course: _Course) -> dict[str, str]:
    rule = exported.rule
    if not rule.when.min_rows:
        return {}
    is_served = exported.metric.labels is not None
    name = "mlrt_drift_rows" if is_served else f"{gauge_name(rule.metric)}_n"
    own = {label: value for label, value in labels.items() if not is_served or label != "column"}
    return {_written(name, own): course.constant(rule.when.min_rows, rule.when.min_rows)}


def _summary(exported: ExportedRule, example: _Example) -> str:
    rule = exported.rule
    named = {"metric": rule.metric, "rule": rule.name, "severity": rule.severity, "value": f"{example.value:.4g}"}
    return rule.summarise({**example.labels, **named}, lacking="")


def _written(name: str, labels: dict[str, str]) -> str:
    inner = ", ".join(f"{label}={quoted(value)}" for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}"
