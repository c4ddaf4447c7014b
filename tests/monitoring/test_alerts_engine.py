"""Rounds over points: what fires, what is told, what is remembered."""

from __future__ import annotations

import math
import random
import threading

import pytest
from alert_cases import hour, point, rules
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.monitoring.alerts.board import Board
from mlops_runtime.monitoring.alerts.engine import AlertEngine
from mlops_runtime.monitoring.points import Point, Span

HIGH = "name: high, metric: psi, when: {above: 0.25, clear: 0.2}"


def _said(round_):
    return [(alert.state, alert.labels.get("column")) for note in round_.notifications for alert in note.alerts]


def _told(round_):
    return [alert for note in round_.notifications for alert in note.alerts]


def _run(engine, values, *, start=0, **labels):
    """One round an hour; what each told."""
    return [
        _said(engine.observe([point(start + i, value, **labels)], now=hour(start + i + 1)))
        for i, value in enumerate(values)
    ]


def test_an_alert_is_told_when_it_fires_and_when_it_ends_and_not_in_between(tmp_path):
    engine = AlertEngine(rules(HIGH + ", for: 2 windows"), tmp_path)
    told = _run(engine, [0.1, 0.3, 0.3, 0.22, 0.3, 0.1, 0.1], column="age")
    assert told == [[], [], [("firing", "age")], [], [], [("resolved", "age")], []]


def test_each_set_of_labels_has_a_state_of_its_own(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    found = engine.observe([point(0, 0.3, column="a"), point(0, 0.1, column="b")], now=hour(1))
    assert [alert.labels for alert in found.firing] == [{"column": "a"}]


def test_what_fired_and_ended_within_one_round_is_told_all_the_same(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    found = engine.observe([point(i, value) for i, value in enumerate([0.3, 0.1])], now=hour(5))
    assert [alert.state for note in found.notifications for alert in note.alerts] == ["firing", "resolved"]


def test_points_are_taken_in_the_order_of_their_windows(tmp_path):
    points = [point(i, value) for i, value in enumerate([0.3, 0.1, 0.3, 0.3])]
    random.Random(0).shuffle(points)
    found = AlertEngine(rules(HIGH + ", for: 2 windows"), tmp_path).observe(points, now=hour(5))
    assert [alert.fired_at for alert in found.firing] == [hour(4)]


def test_points_that_are_read_again_are_late_and_change_nothing(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    engine.observe([point(0, 0.3), point(1, 0.1)], now=hour(2))
    again = engine.observe([point(0, 0.3), point(1, 0.1)], now=hour(3))
    assert (again.points, again.late, again.notifications, again.firing) == (0, 2, (), ())


def test_a_firing_alert_is_repeated_with_its_id(tmp_path):
    engine = AlertEngine(rules(HIGH, "repeat_every: 3h"), tmp_path)
    told = [engine.observe([point(i, 0.3)], now=hour(i + 1)).notifications for i in range(7)]
    assert [i for i, notes in enumerate(told) if notes] == [0, 3, 6]
    alerts = [notes[0].alerts[0] for notes in told if notes]
    assert len({alert.id for alert in alerts}) == 1
    assert [alert.telling for alert in alerts] == [1, 2, 3]
    assert len({notes[0].id for notes in told if notes}) == 3


def test_within_the_cool_down_firings_wait_and_are_counted(tmp_path):
    engine = AlertEngine(rules(HIGH + ", cool_down: 6h"), tmp_path)
    told = _run(engine, [0.3, 0.1, 0.3, 0.1, 0.3, 0.3, 0.3, 0.3])
    assert [i for i, said in enumerate(told) if said] == [0, 1, 6]
    last = engine.observe([], now=hour(9)).firing
    assert last[0].fired_at == hour(5)


def test_a_notification_says_how_many_firings_were_held_back(tmp_path):
    engine = AlertEngine(rules(HIGH + ", cool_down: 6h"), tmp_path)
    _run(engine, [0.3, 0.1, 0.3, 0.1, 0.3, 0.3])
    (note,) = engine.observe([point(6, 0.3)], now=hour(7)).notifications
    assert note.alerts[0].held_back == 1


def test_alerts_with_the_same_values_of_the_grouping_labels_are_told_together(tmp_path):
    engine = AlertEngine(rules(HIGH, "group_by: [model]"), tmp_path)
    found = engine.observe([point(0, 0.3, model=m, column=c) for m in "ab" for c in "xyz"], now=hour(1))
    assert [(dict(note.group), len(note.alerts)) for note in found.notifications] == [
        ({"model": "a"}, 3),
        ({"model": "b"}, 3),
    ]


def test_a_group_waits_for_its_latecomers(tmp_path):
    engine = AlertEngine(rules(HIGH, "group_wait: 2h"), tmp_path)
    assert engine.observe([point(0, 0.3, column="a")], now=hour(1)).notifications == ()
    assert engine.observe([point(0, 0.3, column="b")], now=hour(2)).notifications == ()
    (note,) = engine.observe([], now=hour(3)).notifications
    assert [alert.labels["column"] for alert in note.alerts] == ["a", "b"]


def test_a_rule_may_group_in_its_own_way(tmp_path):
    engine = AlertEngine(rules(HIGH + ", group_by: [column, severity]"), tmp_path)
    found = engine.observe([point(0, 0.3, column=c) for c in "xy"], now=hour(1))
    assert [dict(note.group) for note in found.notifications] == [
        {"column": "x", "severity": "warning"},
        {"column": "y", "severity": "warning"},
    ]


@pytest.mark.parametrize(("policy", "phases"), [("keep", "FFF"), ("resolve", "F.."), ("fire", "FFF")])
def test_what_happens_to_a_firing_alert_without_values_is_the_rules_policy(tmp_path, policy, phases):
    engine = AlertEngine(rules(HIGH + f", missing: {{after: 2h, then: {policy}}}"), tmp_path)
    engine.observe([point(0, 0.3)], now=hour(1))
    assert "".join("F" if engine.observe([], now=hour(h)).firing else "." for h in (2, 3, 4)) == phases


def test_values_may_stay_away_for_a_number_of_windows(tmp_path):
    rule = "name: silent, metric: rows, when: {below: 1}, missing: {after: 3 windows}"
    engine = AlertEngine(rules(rule), tmp_path)
    daily = Point("rows", 9.0, Span(hour(-23), hour(1)), 9, labels={"t": "daily"})
    engine.observe([point(0, 5.0, metric="rows"), daily], now=hour(1))
    assert not engine.observe([], now=hour(3.9)).firing
    assert [alert.labels for alert in engine.observe([], now=hour(4)).firing] == [{}]
    assert len(engine.observe([], now=hour(24 * 3)).firing) == 1
    assert len(engine.observe([], now=hour(24 * 3 + 1)).firing) == 2


def test_traffic_that_stays_away_fires_and_ends_when_it_is_back(tmp_path):
    engine = AlertEngine(rules("name: silent, metric: rows, when: {below: 1}, missing: {after: 2h}"), tmp_path)
    engine.observe([point(0, 500.0, metric="rows", model="m")], now=hour(1))
    assert not engine.observe([], now=hour(2.9)).firing
    (alert,) = engine.observe([], now=hour(3)).firing
    assert (alert.missing, alert.value, alert.fired_at) == (True, None, hour(3))
    back = engine.observe([point(5, 400.0, metric="rows", model="m")], now=hour(6))
    assert [alert.state for note in back.notifications for alert in note.alerts] == ["resolved"]


def test_a_silence_in_a_backlog_is_told_as_it_would_have_been(tmp_path):
    engine = AlertEngine(rules("name: silent, metric: rows, when: {below: 1}, missing: {after: 2h}"), tmp_path)
    found = engine.observe([point(0, 5.0, metric="rows"), point(9, 5.0, metric="rows")], now=hour(10))
    told = [(alert.state, alert.fired_at) for note in found.notifications for alert in note.alerts]
    assert told == [("firing", hour(3)), ("resolved", hour(3))]


def test_a_silence_that_ends_in_a_breach_is_one_alert(tmp_path):
    engine = AlertEngine(rules("name: silent, metric: rows, when: {below: 1}, missing: {after: 2h}"), tmp_path)
    engine.observe([point(0, 500.0, metric="rows")], now=hour(1))
    before = engine.observe([], now=hour(4)).firing[0]
    after = engine.observe([point(5, 0.0, metric="rows")], now=hour(6)).firing[0]
    assert before.id == after.id
    assert (after.missing, after.value) == (False, 0.0)


@pytest.mark.parametrize("then", ["fire", "resolve"])
def test_a_backlog_that_is_read_long_after_its_time_is_not_missed(tmp_path, then):
    engine = AlertEngine(rules(HIGH + f", missing: {{after: 2h, then: {then}}}"), tmp_path)
    high = 0.9 if then == "resolve" else 0.1
    found = engine.observe([point(0, high), point(1, high)], now=hour(500))
    assert [one.fired_at for one in found.firing] == ([hour(1)] if then == "resolve" else [])
    assert len(engine.observe([], now=hour(600)).firing) == len(found.firing)


def test_what_stops_while_other_series_of_a_backlog_go_on_is_missed(tmp_path):
    engine = AlertEngine(rules("name: silent, metric: rows, when: {below: 1}, missing: {after: 2h}"), tmp_path)
    going = [point(number, 9.0, metric="rows", tenant="b") for number in range(6)]
    found = engine.observe([point(0, 9.0, metric="rows", tenant="a"), *going], now=hour(500))
    assert [dict(one.labels) for one in found.firing] == [{"tenant": "a"}]


def test_the_last_window_restated_begins_or_ends_its_alert_and_earlier_ones_do_not(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    (first,) = _told(engine.observe([point(0, 0.1), point(1, 0.9)], now=hour(2)))
    (ended,) = _told(engine.observe([point(1, 0.1)], now=hour(2.1)))
    assert (first.id, first.state, ended.id, ended.state) == (ended.id, "firing", first.id, "resolved")
    found = engine.observe([point(0, 0.9)], now=hour(2.2))
    assert (found.points, found.late, found.notifications) == (0, 1, ())
    (again,) = _told(engine.observe([point(1, 0.8)], now=hour(2.3)))
    assert (again.state, again.value, again.fired_at) == ("firing", 0.8, hour(2))
    assert engine.observe([point(1, 0.8)], now=hour(2.4)).points == 0


def test_a_restated_window_is_once_in_the_past_that_changes_are_judged_by(tmp_path):
    rule = "name: fell, metric: auc, when: {falls_by: 0.1, over: 5}"
    once, twice = (AlertEngine(rules(rule), tmp_path / name) for name in ("once", "twice"))
    for number, value in enumerate([0.80, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86]):
        once.observe([point(number, value, metric="auc")], now=hour(number + 1))
        for restated in (0.79, 0.9, value):
            twice.observe([point(number, restated, metric="auc")], now=hour(number + 1))
    histories = [next(iter(Board.load(one.folder).series.values())).history for one in (once, twice)]
    assert histories[0] == histories[1] == [0.82, 0.83, 0.84, 0.85, 0.86]


def test_values_that_could_not_be_computed_keep_the_state(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    assert _run(engine, [0.3, math.nan, math.nan, 0.1]) == [[("firing", None)], [], [], [("resolved", None)]]


def test_too_few_rows_say_nothing(tmp_path):
    engine = AlertEngine(rules("name: high, metric: psi, when: {above: 0.25, min_rows: 500}"), tmp_path)
    assert not engine.observe([point(0, 0.9, n=499)], now=hour(1)).firing
    assert engine.observe([point(1, 0.9, n=500)], now=hour(2)).firing


def test_a_fall_below_the_recent_past_fires_and_the_past_stays_what_it_was(tmp_path):
    engine = AlertEngine(rules("name: worse, metric: auc, when: {falls_by: 0.03, clear: 0.01, over: 5}"), tmp_path)
    values = [0.8, 0.81, 0.79, 0.8, 0.8, *[0.7] * 20, 0.78, 0.795]
    told = [engine.observe([point(i, v, metric="auc")], now=hour(i + 1)) for i, v in enumerate(values)]
    states = {i: note.alerts[0].state for i, one in enumerate(told) for note in one.notifications}
    assert states.pop(5) == "firing"
    assert states.pop(26) == "resolved"
    assert set(states.values()) == {"firing"}  # repetitions


def test_only_points_over_spans_of_the_rules_window_are_judged(tmp_path):
    engine = AlertEngine(rules(HIGH + ", window: 1d"), tmp_path)
    day = Point("psi", 0.3, Span(hour(0), hour(24)), 1000)
    found = engine.observe([point(23, 0.9), day], now=hour(24))
    assert (found.points, found.firing[0].value) == (1, 0.3)


def test_alerts_of_a_rule_that_was_removed_end(tmp_path):
    AlertEngine(rules(HIGH), tmp_path).observe([point(0, 0.3, column="a")], now=hour(1))
    other = AlertEngine(rules("name: other, metric: ks, when: {above: 1}"), tmp_path)
    assert _said(other.observe([], now=hour(2))) == [("resolved", "a")]
    assert _said(other.observe([], now=hour(3))) == []


def test_a_round_that_is_repeated_after_a_crash_queues_the_same_notification(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    engine.observe([point(0, 0.1)], now=hour(1))
    before = (tmp_path / "board.json").read_bytes()
    first = engine.observe([point(1, 0.3)], now=hour(2)).notifications
    (tmp_path / "board.json").write_bytes(before)  # as if it had died before it could write
    again = engine.observe([point(1, 0.3)], now=hour(2.5)).notifications
    assert [note.id for note in first] == [note.id for note in again]
    assert len(engine.outboxes["log"].waiting()) == 1


def test_monitors_that_share_a_folder_tell_an_alert_once(tmp_path):
    points = [point(i, 0.3, column=str(k)) for i in range(2) for k in range(20)]
    told = []

    def observe() -> None:
        told.extend(AlertEngine(rules(HIGH), tmp_path).observe(points, now=hour(2)).notifications)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(note.alerts) for note in told) == 20


def test_state_that_is_damaged_is_named(tmp_path):
    (tmp_path / "board.json").write_text('{"format": 7}')
    with pytest.raises(IntegrityError, match=r"board\.json: expected the state of alerts, format 1, got format 7"):
        AlertEngine(rules(HIGH), tmp_path).observe([])


def test_what_was_not_seen_for_a_month_is_forgotten(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    engine.observe([point(0, 0.1, tenant=f"t{i}") for i in range(100)], now=hour(1))
    size = (tmp_path / "board.json").stat().st_size
    engine.observe([point(24 * 31, 0.1, tenant="new")], now=hour(24 * 31 + 1))
    assert (tmp_path / "board.json").stat().st_size < size / 50


def test_what_fires_is_not_forgotten(tmp_path):
    engine = AlertEngine(rules(HIGH), tmp_path)
    engine.observe([point(0, 0.3, tenant="gone")], now=hour(1))
    found = engine.observe([point(24 * 31, 0.1, tenant="new")], now=hour(24 * 31 + 1))
    assert [alert.labels for alert in found.firing] == [{"tenant": "gone"}]


series = st.lists(st.sampled_from([0.1, 0.22, 0.3, math.nan]), min_size=1, max_size=10)


@given(st.lists(series, min_size=1, max_size=3), st.integers(1, 3), st.booleans(), st.integers(0, 5))
def test_sinks_believe_what_is_true_and_parts_of_a_stream_give_what_the_whole_gives(
    tmp_path_factory, columns, windows, at_once, cool_down
):
    """Told alerts are those that fire, less what the cool-down holds back, however the points are cut into rounds."""
    text = HIGH + f", for: {windows} windows, cool_down: {cool_down}h"
    engine = AlertEngine(rules(text), tmp_path_factory.mktemp("alerts"))
    believed: set[str] = set()
    last: dict[str, object] = {}
    longest = max(map(len, columns))
    steps = [range(longest)] if at_once else [[i] for i in range(longest)]
    for step in steps:
        points = [point(i, c[i], column=str(k)) for k, c in enumerate(columns) for i in step if i < len(c)]
        found = engine.observe(points, now=hour(step[-1] + 1))
        for note in found.notifications:
            for alert in note.alerts:
                fires = alert.state == "firing"
                assert (alert.labels["column"] in believed) != fires, "told twice"
                assert not fires or (
                    alert.labels["column"] not in last
                    or hour(step[-1] + 1) - last[alert.labels["column"]] >= hour(cool_down) - hour(0)
                )
                (believed.add if fires else believed.discard)(alert.labels["column"])
                if fires:
                    last[alert.labels["column"]] = hour(step[-1] + 1)
        firing = {alert.labels["column"] for alert in found.firing}
        assert believed <= firing
        assert cool_down or believed == firing
