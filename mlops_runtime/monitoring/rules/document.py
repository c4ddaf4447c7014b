"""A rule file: what to watch, when it is a problem, for how long, how serious it is, and whom to tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from mlops_runtime.core.document import Strict, YamlDocument
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.rules.condition import Condition
from mlops_runtime.monitoring.rules.matching import MatcherField, accepts
from mlops_runtime.monitoring.rules.sinks import AlertmanagerSettings, LogSettings, SinkSettings, WebhookSettings
from mlops_runtime.monitoring.rules.stretch import Duration, Stretch, StretchField

__all__ = ["SUMMARY_FIELD", "Missing", "Rule", "RuleSet", "Severity", "Sinks", "default_rules"]

Severity = Literal["info", "warning", "critical"]

_NAME = r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$"
_METRIC = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
SUMMARY_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DRIFTED = Condition(above=0.5)


class Missing(Strict):
    """What to do about a series of which no value came for `after`: keep its state, end the alert, or raise one.

    after: a duration, or a number of windows, as long as the last one was.
    """

    after: StretchField
    then: Literal["keep", "resolve", "fire"] = "fire"

    def allowed(self, window: timedelta) -> timedelta:
        """Return how long values may stay away. window: how long the last one was."""
        return self.after.duration or self.after.windows * window


class Rule(Strict):
    """One rule over one metric: each series of points (each set of labels) that it matches has a state of its own.

    when: may be left out for `drifted`, which is 1 or 0. for: how long a breach must last before the alert fires.
    keep_firing_for: how long it must have been well before the alert ends. cool_down: at most one notification of a
    firing alert of a series in this time; what fires earlier waits, and is told if it still fires then. window: only
    points over spans of this length. group_by: instead of the rule file's. summary: `{value}`, `{metric}` and the names
    of labels are filled in.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_alias=True)

    name: str = Field(pattern=_NAME)
    metric: str = Field(pattern=_METRIC)
    labels: dict[str, MatcherField] = Field(default_factory=dict)
    when: Condition = _DRIFTED
    for_: StretchField = Field(default=Stretch(), alias="for")
    keep_firing_for: StretchField = Stretch()
    window: Duration | None = None
    severity: Severity = "warning"
    cool_down: Duration = timedelta(0)
    group_by: tuple[str, ...] | None = None
    missing: Missing | None = None
    summary: str = "{metric} is {value}"

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if "when" not in self.model_fields_set and self.metric != "drifted":
            raise ValueError("expected `when:` with a condition; only the metric `drifted` needs none")
        return self

    @field_validator("window")
    @classmethod
    def _is_a_length(cls, window: timedelta | None) -> timedelta | None:
        if window == timedelta(0):
            raise ValueError("expected a window longer than 0s")
        return window

    @field_validator("summary")
    @classmethod
    def _has_known_braces(cls, text: str) -> str:
        left = SUMMARY_FIELD.sub("", text)
        if "{" in left or "}" in left:
            raise ValueError(f"expected only names in braces, such as {{value}} and {{column}}, got {text!r}")
        return text

    def matches(self, point: Point) -> bool:
        """Return whether the rule is about this point."""
        if point.metric != self.metric or not accepts(self.labels, point.labels):
            return False
        return self.window is None or point.span.end - point.span.start == self.window

    def summarise(self, values: Mapping[str, str], *, lacking: str = "-") -> str:
        """Return the summary with the names in braces replaced. lacking: for a label that is not there."""
        return SUMMARY_FIELD.sub(lambda found: values.get(found[1], lacking), self.summary)


class Sinks(Strict):
    """Whom to tell. Names are unique; by default a file of JSON lines beside the state."""

    log: tuple[LogSettings, ...] = ()
    webhook: tuple[WebhookSettings, ...] = ()
    alertmanager: tuple[AlertmanagerSettings, ...] = ()

    @property
    def all(self) -> tuple[SinkSettings, ...]:
        """Every sink."""
        return (*self.log, *self.webhook, *self.alertmanager)

    @model_validator(mode="after")
    def _have_names_of_their_own(self) -> Self:
        _require_unique([sink.name for sink in self.all], "sink")
        return self


class RuleSet(YamlDocument, form="`rules:` with at least one rule", next_step="see docs/alerts.md"):
    """A whole rule file.

    group_by: alerts with the same values of these labels (`rule` and `severity` are labels here, too) go into one
    notification. group_wait: how long one waits for more of its group. repeat_every: how often a firing alert is told
    again.
    """

    version: Literal[1] = 1
    group_by: tuple[str, ...] = ("model", "tenant")
    group_wait: Duration = timedelta(0)
    repeat_every: Duration = timedelta(hours=12)
    sinks: Sinks = Field(default_factory=lambda: Sinks(log=(LogSettings(),)))
    rules: tuple[Rule, ...] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _have_names_of_their_own(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        _require_unique([rule.name for rule in rules], "rule")
        return rules

    @classmethod
    def place(cls, location: tuple[int | str, ...], values: Any) -> str:
        """Name the rule at fault, not only its number."""
        match location:
            case ("rules", int(number), *rest):
                rule = values["rules"][number]
                name = rule.get("name") if isinstance(rule, dict) else None
                words = f"rule `{name}`" if isinstance(name, str) else f"rules.{number}"
                return ", ".join([words, ".".join(map(str, rest))] if rest else [words])
        return super().place(location, values)


def _require_unique(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected every {what} to have a name of its own, got {', '.join(twice)} twice")


@lru_cache(maxsize=1)
def default_rules() -> RuleSet:
    """Return the rules that ship with the package."""
    return RuleSet.load(Path(__file__).with_name("defaults.yaml"))
