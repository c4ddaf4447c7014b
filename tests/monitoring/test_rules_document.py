"""Rule files: what they may say, and what is said of those that may not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from alert_cases import point, rules
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.monitoring.rules.condition import Change, Condition, Finding
from mlops_runtime.monitoring.rules.document import RuleSet, default_rules
from mlops_runtime.monitoring.rules.matching import Matcher
from mlops_runtime.monitoring.rules.stretch import Stretch, parse_duration, write_duration

FULL = """
group_by: [model]
group_wait: 30s
repeat_every: 4h
sinks:
  log: [{path: a.jsonl}]
  webhook: [{name: ours, url: "https://hooks.example.com/x", secret: {env: HOOK}, queue: 5}]
  alertmanager: [{url: "http://127.0.0.1:9093", token: {file: /run/secrets/token}}]
rules:
  - name: psi-high
    metric: psi
    labels: {column: [age, income], model: "*", tenant: {not: test}, region: {matches: "eu-.*"}}
    when: {above: 0.25, clear: 0.2, min_rows: 100, confident: true}
    for: 3 windows
    keep_firing_for: 1h
    window: 1h
    severity: critical
    cool_down: 1d
    group_by: [model, column]
    missing: {after: 2h, then: resolve}
    summary: "psi of {column} is {value}"
"""


def test_a_rule_file_that_says_everything_is_written_as_it_was_read():
    found = RuleSet.from_yaml(FULL)
    assert RuleSet.from_yaml(found.to_yaml()) == found
    (rule,) = found.rules
    assert (rule.for_, rule.window) == (Stretch(windows=3), timedelta(hours=1))
    assert [sink.name for sink in found.sinks.all] == ["log", "ours", "alertmanager"]


def test_the_default_rules_are_written_as_they_were_read():
    found = default_rules()
    assert RuleSet.from_yaml(found.to_yaml()) == found
    watched = {rule.metric for rule in found.rules}
    assert {"drifted", "missing_share", "auc", "rows", "server_error_share"} <= watched


def _broken(place: str, entry: str) -> str:
    return FULL.replace(place, entry)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: []", "line 1, rules: "),
        (_broken("severity: critical", "severity: loud"), "line 17, rule `psi-high`, severity: "),
        (_broken("for: 3 windows", "for: soon"), "line 14, rule `psi-high`, for: expected a duration such as `15m`"),
        (_broken("for: 3 windows", "for: 0 windows"), "expected at least 1 window, got 0"),
        (_broken("window: 1h", "window: 0s"), "expected a window longer than 0s"),
        (_broken("above: 0.25, ", ""), "expected one of above, below, rises_by, falls_by, got none"),
        (_broken("above: 0.25", "above: 0.25, below: 0.1"), "got above and below"),
        (_broken("clear: 0.2", "clear: 0.3"), "expected `clear` on the good side of above: 0.25, got 0.3"),
        (_broken("clear: 0.2", "clear: 5%"), "expected `clear` to be a number"),
        (_broken("above: 0.25, clear: 0.2", "rises_by: 5%, clear: 0.01"), "expected `clear` to be a smaller change"),
        (_broken("above: 0.25, clear: 0.2", "rises_by: -1"), "expected a number above 0, or a share"),
        (_broken("min_rows: 100", "over: 10"), "`over` goes with rises_by or falls_by"),
        (_broken("above: 0.25", "above: .nan"), "finite number"),
        (_broken('matches: "eu-.*"', 'matches: "("'), "expected a regular expression, got '('"),
        (_broken("not: test", "nor: test"), 'expected a text, "*" for any'),
        (_broken("{value}", "{value:.3f}"), "expected only names in braces"),
        (_broken("https://hooks", "http://hooks"), "line 7, sinks.webhook.0.url: expected https beyond this machine"),
        (_broken("https://hooks", "https://me:pass@hooks"), "without a user"),
        (_broken("secret: {env: HOOK}", "secret: {}"), "expected `env:` with a variable's name or `file:`"),
        (_broken("name: ours", "name: log"), "expected every sink to have a name of its own, got log twice"),
        (FULL + "  - {name: psi-high, metric: drifted}", "expected every rule to have a name of its own"),
        (FULL + "  - {name: b, metric: ks}", "line 22, rule `b`: expected `when:` with a condition"),
        (_broken("metric: psi", "metric: psi\n    metrik: ks"), "line 12, rule `psi-high`, metrik: "),
        (_broken("metric: psi", "metric: psi\n    metric: ks"), "'metric' is given twice"),
    ],
)
def test_a_mistake_in_a_rule_file_is_named_with_its_place(text, message):
    with pytest.raises(ConfigError, match=r"alerts\.yaml: expected `rules:`") as caught:
        RuleSet.from_yaml(text, where="alerts.yaml")
    assert message in str(caught.value)


@given(st.integers(0, 10**8))
def test_a_duration_is_read_as_it_was_written(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(write_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "5", "5 m", "1.5h", "m", "-5m", "5m1h", "9999999999s", None, 5])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("plain", "accepted", "refused"),
    [
        ("a", ["a"], ["b", ""]),
        (["a", "b"], ["a", "b"], ["c", ""]),
        ("*", ["a"], [""]),
        ({"not": "a"}, ["b", ""], ["a"]),
        ({"not": ["a", "b"]}, ["c"], ["a", "b"]),
        ({"matches": "a.c"}, ["abc"], ["abcd", "xabc", ""]),
    ],
)
def test_a_matcher_accepts_what_it_says(plain, accepted, refused):
    matcher = Matcher.parse(plain)
    assert Matcher.parse(matcher.to_plain()) == matcher
    assert [value for value in [*accepted, *refused] if matcher.accepts(value)] == accepted


def test_labels_that_a_rule_does_not_name_are_free():
    (rule,) = rules("name: a, metric: psi, labels: {column: age}, when: {above: 1}").rules
    assert rule.matches(point(0, 1.0, column="age", tenant="t"))
    assert not rule.matches(point(0, 1.0, column="income"))
    assert not rule.matches(point(0, 1.0, metric="ks", column="age"))


def test_a_summary_is_filled_in_and_nothing_else_of_it_is_read():
    (rule,) = rules("name: a, metric: psi, when: {above: 1}, summary: '{value} of {column} %s {absent}'").rules
    assert rule.summarise({"value": "0.3", "column": "{x}"}) == "0.3 of {x} %s -"


def _judged(condition, value, *, low=None, high=None, history=()):
    one = point(0, value)
    return condition.judge(type(one)(one.metric, value, one.span, one.n, low, high), history)


def test_a_confident_condition_waits_until_chance_cannot_explain_it():
    condition = Condition(above=0.25, confident=True)
    assert _judged(condition, 0.3, low=0.2, high=0.4) is Finding.WITHIN
    assert _judged(condition, 0.3, low=0.26, high=0.4) is Finding.BREACH
    assert _judged(condition, 0.3) is Finding.BREACH
    assert _judged(Condition(below=0.7, confident=True), 0.65, low=0.5, high=0.72) is Finding.WITHIN


@given(st.lists(st.floats(0.5, 1.0), min_size=5, max_size=30), st.floats(0.0, 1.5), st.floats(0.01, 0.2))
def test_a_fall_is_measured_from_the_median_of_the_past(history, value, change):
    ordered = sorted(history)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    found = _judged(Condition(falls_by=change), value, history=history)
    assert (found is Finding.BREACH) == (value < middle - change)
    share = _judged(Condition(rises_by=f"{100 * change:.4f}%"), value, history=history)
    assert (share is Finding.BREACH) == (value > middle + float(f"{100 * change:.4f}") / 100 * middle)


def test_nothing_is_said_of_changes_before_there_is_a_past():
    assert _judged(Condition(rises_by=0.1), 9.0, history=[1.0] * 4) is Finding.UNKNOWN
    assert _judged(Condition(rises_by=0.1), 9.0, history=[1.0] * 5) is Finding.BREACH


@pytest.mark.parametrize("plain", ["0", "five%", "-5%", 0, True, None, float("inf")])
def test_what_is_no_change_is_refused(plain):
    with pytest.raises(ValueError, match=re.escape("expected a number above 0")):
        Change.parse(plain)


def test_the_rule_file_of_the_documentation_can_be_used(repository):
    text = (repository / "docs" / "alerts.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert RuleSet.from_yaml(block).rules[0].name == "psi-high"


@pytest.mark.parametrize(
    "condition", [Condition(above=0.25), Condition(below=0.25), Condition(above=0.25, confident=True)]
)
def test_a_value_at_the_threshold_is_well(condition):
    assert _judged(condition, 0.25) is Finding.CLEAR


def test_a_value_at_its_clear_is_well():
    assert _judged(Condition(above=0.25, clear=0.2), 0.2) is Finding.CLEAR
    assert _judged(Condition(below=0.7, clear=0.75), 0.75) is Finding.CLEAR
