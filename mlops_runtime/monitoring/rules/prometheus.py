"""Rules of Prometheus (2.42 or later), generated from a rule file, for teams that alert from there.

`for`, `keep_firing_for` and the hysteresis of `clear` mean what they mean here; a number of windows becomes the time
they take. The past of `rises_by` and `falls_by` ends a window and the rule's `for` ago, one value a window; PromQL
cannot leave breaches out of it, so that a change that stays is the past after half of `over`, and its alert ends.
Cool-down, grouping and repetition are Alertmanager's there. What PromQL cannot say is listed, not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from mlops_runtime.core.errors import UnsupportedExport
from mlops_runtime.monitoring.rules.condition import MIN_HISTORY
from mlops_runtime.monitoring.rules.document import SUMMARY_FIELD, Rule, RuleSet
from mlops_runtime.monitoring.rules.matching import quoted
from mlops_runtime.monitoring.rules.promql import Exposed, exposed
from mlops_runtime.monitoring.rules.stretch import Stretch, write_duration

__all__ = ["ExportedRule", "PrometheusRules", "export_rules", "time_of"]

_OWN_LABELS = "alertname, alertstate, severity"


@dataclass(frozen=True, slots=True)
class ExportedRule:
    """A rule that Prometheus can hold. window: how long its windows are."""

    rule: Rule
    metric: Exposed
    window: timedelta

    @property
    def lasting(self) -> timedelta:
        """How long a breach must last."""
        return time_of(self.rule.for_, self.window)

    @property
    def keep(self) -> timedelta:
        """How long it must have been well before the alert ends."""
        return time_of(self.rule.keep_firing_for, self.window)

    def to_dict(self) -> dict[str, Any]:
        """Return the alerting rule."""
        times = {"for": self.lasting, "keep_firing_for": self.keep}
        return {
            "alert": self.rule.name,
            "expr": self._expression(),
            **{name: write_duration(time) for name, time in times.items() if time},
            "labels": {"severity": self.rule.severity},
            "annotations": {"summary": self._summary()},
        }

    def _expression(self) -> str:
        when, metric = self.rule.when, self.metric
        limit, clear = self._limits()
        mark = ">" if when.sign > 0 else "<"
        nearest = (metric.low if when.sign > 0 else metric.high) if when.confident else metric.value
        breach = f"{nearest} {mark} {limit}"
        if when.is_relative:
            breach = f"({breach} and count_over_time({self._past()}) >= {MIN_HISTORY})"
        if when.min_rows and metric.rows is not None:
            on = "on (model, version) " if metric.labels is not None else ""
            breach = f"({breach} and {on}{metric.rows} >= {when.min_rows})"
        if when.clear is not None or when.confident:
            fires = f'ALERTS{{alertname={quoted(self.rule.name)}, alertstate="firing"}}'
            breach = f"{breach} or ({metric.value} {mark} {clear} and ignoring ({_OWN_LABELS}) {fires})"
        return breach

    def _limits(self) -> tuple[str, str]:
        """Return PromQL of the values beyond which it is a breach and up to which it is well."""
        when = self.rule.when
        if not when.is_relative:
            limits = when.limits(())
            assert limits is not None
            return repr(limits[0]), repr(limits[1])
        level, mark = f"quantile_over_time(0.5, {self._past()})", "+" if when.sign > 0 else "-"
        shares = (f" * abs({level})" if change.is_share else "" for change in when.changes)
        breach, well = (
            f"({level} {mark} {change.amount!r}{share})" for change, share in zip(when.changes, shares, strict=True)
        )
        return breach, well

    @property
    def past_begins(self) -> timedelta:
        """How long ago the past ends that changes are judged by: what lasts for `for` does not reach it before."""
        return self.lasting + self.window

    def _past(self) -> str:
        """Return PromQL of the metric's past, one value a window."""
        value = self.metric.value if self.metric.value == self.metric.selector else f"({self.metric.value})"
        length, step = write_duration(self.rule.when.over * self.window), write_duration(self.window)
        return f"{value}[{length}:{step}] offset {write_duration(self.past_begins)}"

    def _summary(self) -> str:
        rule = self.rule
        constant = {"metric": rule.metric, "rule": rule.name, "severity": rule.severity}

        def filled(found: re.Match[str]) -> str:
            if found[1] == "value":
                return '{{ $value | printf "%.4g" }}'
            return constant.get(found[1], f"{{{{ $labels.{found[1]} }}}}")

        return SUMMARY_FIELD.sub(filled, rule.summary)

    def absence(self) -> dict[str, Any] | None:
        """Return the rule that fires where no values come, if this one asks for it."""
        missing = self.rule.missing
        if missing is None or missing.then != "fire":
            return None
        after = write_duration(missing.allowed(self.window))
        return {
            "alert": f"{self.rule.name}-no-data",
            "expr": f"absent_over_time({self.metric.selector}[{after}])",
            "labels": {"severity": self.rule.severity},
            "annotations": {"summary": f"no values of {self.rule.metric} for {after}"},
        }


@dataclass(frozen=True, slots=True)
class PrometheusRules:
    """rules: those that could be exported. left_out: the names of the others, and why."""

    rules: tuple[ExportedRule, ...]
    left_out: dict[str, str]

    def to_yaml(self) -> str:
        """Return the rule file, for `rule_files:` of Prometheus."""
        written = [one for rule in self.rules for one in (rule.to_dict(), rule.absence()) if one is not None]
        text = yaml.safe_dump(
            {"groups": [{"name": "mlrt", "rules": written}]}, sort_keys=False, width=1000, allow_unicode=True
        )
        notes = "".join(f"# not here: {name}: {reason}\n" for name, reason in self.left_out.items())
        return f"# Generated by `mlrt monitor rules --prometheus`: change the rule file, not this one.\n{notes}{text}"


def export_rules(rules: RuleSet, *, window: timedelta) -> PrometheusRules:
    """Export what PromQL can say. window: how long windows are for rules that do not say."""
    exported, left_out = [], {}
    for rule in rules.rules:
        try:
            exported.append(_export(rule, rule.window or window))
        except UnsupportedExport as error:
            left_out[rule.name] = str(error)
    return PrometheusRules(tuple(exported), left_out)


def _export(rule: Rule, window: timedelta) -> ExportedRule:
    metric = exposed(rule, window)
    if rule.when.confident and (metric.low is None or metric.high is None):
        raise UnsupportedExport(f"the server exposes no interval of `{rule.metric}`")
    return ExportedRule(rule, metric, window)


def time_of(stretch: Stretch, window: timedelta) -> timedelta:
    """Return the time from the end of the first of its windows to the end of the last.

    >>> time_of(Stretch(windows=3), timedelta(minutes=5))
    datetime.timedelta(seconds=600)
    """
    return stretch.duration + (stretch.windows - 1) * window
