"""The state machine of a series against a plain reading of its definition, over whole histories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.monitoring.alerts.machine import Machine, Phase
from mlops_runtime.monitoring.rules.condition import Finding
from mlops_runtime.monitoring.rules.stretch import Stretch

START = datetime(2026, 1, 1, tzinfo=UTC)
LETTERS = {"B": Finding.BREACH, "w": Finding.WITHIN, "c": Finding.CLEAR, "?": Finding.UNKNOWN}
AT_ONCE = Stretch()

stretches = st.one_of(
    st.integers(1, 4).map(lambda windows: Stretch(windows=windows)),
    st.integers(0, 6).map(lambda minutes: Stretch(timedelta(minutes=minutes))),
)
histories = st.lists(st.tuples(st.sampled_from(list(LETTERS.values())), st.integers(1, 3)), max_size=40)


def _times(history: list[tuple[Finding, int]]) -> list[tuple[Finding, datetime]]:
    at, timed = START, []
    for finding, gap in history:
        at += timedelta(minutes=gap)
        timed.append((finding, at))
    return timed


def _lasts(known: list[tuple[Finding, datetime]], finding: Finding, stretch: Stretch) -> bool:
    """Whether the run of `finding` that ends a history is long enough, read backwards from its end."""
    run = []
    for one, at in reversed(known):
        if one is not finding:
            break
        run.append(at)
    return len(run) >= stretch.windows and bool(run) and run[0] - run[-1] >= stretch.duration


def _oracle(history: list[tuple[Finding, datetime]], lasting: Stretch, keep: Stretch) -> list[Phase]:
    """The phase after each window, by the definition: which runs of equal findings end there, since the last change."""
    phases, begin, firing, ever = [], 0, False, False
    for end in range(1, len(history) + 1):
        since = [(finding, at) for finding, at in history[begin:end] if finding is not Finding.UNKNOWN]
        changes = _lasts(since, Finding.CLEAR, keep) if firing else _lasts(since, Finding.BREACH, lasting)
        if changes and history[end - 1][0] is not Finding.UNKNOWN:
            firing, begin, ever = not firing, end, True
            phases.append(Phase.FIRING if firing else Phase.RESOLVED)
        elif firing:
            phases.append(Phase.FIRING)
        elif since and since[-1][0] is Finding.BREACH:
            phases.append(Phase.PENDING)
        else:
            was_pending = any(finding is Finding.BREACH for finding, _ in since)
            phases.append(Phase.RESOLVED if ever and not was_pending else Phase.INACTIVE)
    return phases


@given(histories, stretches, stretches)
def test_the_machine_goes_through_the_phases_its_definition_names(history, lasting, keep):
    machine, phases = Machine(), []
    for finding, at in _times(history):
        machine = machine.step(finding, at, lasting=lasting, keep=keep)
        phases.append(machine.phase)
    assert phases == _oracle(_times(history), lasting, keep)


@given(histories, stretches, stretches, st.data())
def test_windows_that_are_read_again_change_nothing(history, lasting, keep, data):
    once, twice = Machine(), Machine()
    timed = _times(history)
    for number, (finding, at) in enumerate(timed):
        once = once.step(finding, at, lasting=lasting, keep=keep)
        twice = twice.step(finding, at, lasting=lasting, keep=keep)
        for other, earlier in timed[data.draw(st.integers(0, number)) : number + 1]:
            twice = twice.step(other, earlier, lasting=lasting, keep=keep)
    assert once == twice


@given(histories, stretches, stretches, st.integers(0, 40))
def test_a_machine_goes_on_from_what_was_written_of_it(history, lasting, keep, stop):
    whole, parts = Machine(), Machine()
    for number, (finding, at) in enumerate(_times(history)):
        whole = whole.step(finding, at, lasting=lasting, keep=keep)
        parts = parts.step(finding, at, lasting=lasting, keep=keep)
        if number == stop:
            parts = Machine.from_dict(parts.to_dict())
    assert whole == parts


@pytest.mark.parametrize(
    ("history", "lasting", "keep", "expected"),
    [
        ("B", AT_ONCE, AT_ONCE, "firing"),
        ("BB", Stretch(windows=3), AT_ONCE, "pending"),
        ("BBB", Stretch(windows=3), AT_ONCE, "firing"),
        ("BBwB", Stretch(windows=3), AT_ONCE, "pending"),
        ("BB?B", Stretch(windows=3), AT_ONCE, "firing"),
        ("BB", Stretch(timedelta(minutes=2)), AT_ONCE, "pending"),
        ("BBB", Stretch(timedelta(minutes=2)), AT_ONCE, "firing"),
        ("Bw", AT_ONCE, AT_ONCE, "firing"),
        ("Bc", AT_ONCE, AT_ONCE, "resolved"),
        ("BcB", AT_ONCE, Stretch(windows=2), "firing"),
        ("BcBc", AT_ONCE, Stretch(windows=2), "firing"),
        ("Bcc", AT_ONCE, Stretch(windows=2), "resolved"),
        ("Bcwc", AT_ONCE, Stretch(windows=2), "firing"),
        ("BcBw", AT_ONCE, AT_ONCE, "firing"),
        ("Bc", Stretch(windows=2), AT_ONCE, "inactive"),
    ],
)
def test_a_history_of_windows_a_minute_each_ends_where_it_should(history, lasting, keep, expected):
    machine = Machine()
    for minute, letter in enumerate(history):
        machine = machine.step(LETTERS[letter], START + timedelta(minutes=minute), lasting=lasting, keep=keep)
    assert machine.phase == expected
