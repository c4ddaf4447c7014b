"""Looking after every window: the level holds over all looks, drift is found soon, and state survives a restart."""

from __future__ import annotations

import copy
import functools
import json
import math
import operator
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.special
import scipy.stats

from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.monitoring.statistics.sequential import SequentialVerdict, sequential_points
from mlops_runtime.monitoring.statistics.special import log_gamma
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor


class Stream:
    """Windows of one column, drawn as counts from the true masses of the reference's bins.

    Standard normal values; `rounded` ones are -2, -1, 0, 1 and 2, so that nothing can lie beyond the reference.
    """

    def __init__(self, seed: int, *, reference_rows: int = 100_000, rounded: bool = False) -> None:
        self.rng, self.rounded = np.random.default_rng(seed), rounded
        values = self.rng.standard_normal(reference_rows)
        self.baseline = Baseline.fit(pa.table({"x": np.clip(np.round(values), -2, 2) if rounded else values}))
        column = self.baseline.columns["x"]
        assert isinstance(column, NumericSummary)
        self.column = column

    def window(self, rows: int, shift: float = 0.0) -> dict[str, NumericSummary]:
        x = np.concatenate([[-np.inf], self.column.edges, [np.inf]])
        if self.rounded:
            x = np.where(x < -2, -np.inf, np.where(x >= 2, np.inf, np.floor(x) + 0.5))
        counts = self.rng.multinomial(rows, np.diff(scipy.stats.norm.cdf(x - shift)))
        return {"x": replace(self.column, rows=rows, counts=counts)}


def test_log_gamma_agrees_with_scipy() -> None:
    x = np.geomspace(1e-3, 1e12, 2000)
    exact = scipy.special.gammaln(x)
    assert np.all(np.abs(log_gamma(x) - exact) <= 1e-13 * np.maximum(1.0, np.abs(exact)))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize(("reference_rows", "rows"), [(100_000, 100), (100_000, 10_000), (300, 300)])
def test_a_thousand_looks_without_drift_reach_the_threshold_in_at_most_six_percent(
    reference_rows: int, rows: int, rounded: bool, soak_factor: int
) -> None:
    runs = 2 * soak_factor
    reached = 0
    for run in range(runs):
        stream = Stream(run, reference_rows=reference_rows, rounded=rounded)
        verdict = SequentialVerdict(stream.baseline.columns)
        evidence = (verdict.update(stream.window(rows))["x"].log_e for _ in range(1000))
        reached += any(log_e >= math.log(20.0) for log_e in evidence)
    assert reached <= 0.06 * runs


@pytest.mark.parametrize("quiet", [0, 200])
def test_half_a_deviation_is_found_within_a_few_windows_early_or_late(quiet: int) -> None:
    delays = []
    for run in range(7):
        stream = Stream(run)
        verdict = SequentialVerdict(stream.baseline.columns)
        assert not any(verdict.update(stream.window(100))["x"].drifted for _ in range(quiet))
        delays.append(next(n for n in range(1, 50) if verdict.update(stream.window(100, 0.5))["x"].drifted))
    assert np.median(delays) <= (2 if quiet == 0 else 4)


def test_the_evidence_names_the_window_since_when() -> None:
    stream = Stream(1)
    verdict = SequentialVerdict(stream.baseline.columns)
    for _ in range(40):
        verdict.update(stream.window(100))
    for _ in range(3):
        found = verdict.update(stream.window(100, 2.0))["x"]
    assert found.drifted
    assert found.since == 41
    assert (found.rows, found.reason) == (300, "major shift")


def test_a_tiny_shift_is_significant_in_the_end_but_too_small_to_matter() -> None:
    stream = Stream(2, reference_rows=1_000_000)
    verdict = SequentialVerdict(stream.baseline.columns)
    for _ in range(20):
        found = verdict.update(stream.window(100_000, 0.05))["x"]
    assert (found.drifted, found.reason) == (False, "significant, but too small to matter")


def test_missing_values_and_new_categories_are_seen() -> None:
    rng = np.random.default_rng(3)
    baseline = Baseline.fit(pa.table({"x": rng.standard_normal(5000), "c": rng.choice(["a", "b"], 5000)}))
    verdict = SequentialVerdict(baseline.columns)
    for _ in range(5):
        values = rng.standard_normal(100)
        values[:20] = math.nan
        words = np.array([*rng.choice(["a", "b"], 80), *["new"] * 20])
        found = verdict.update(Monitor(baseline).update(pa.table({"x": values, "c": words})).summaries())
    assert found["x"].reason == "missing share 0 % -> 20 %"
    assert json.loads(json.dumps(asdict(found["x"])))["drifted"] is True
    assert (found["x"].drifted, found["c"].drifted) == (True, True)


def test_one_drifted_column_among_many_is_the_one_that_is_named() -> None:
    rng = np.random.default_rng(4)
    baseline = Baseline.fit(pa.table({f"c{n}": rng.standard_normal(5000) for n in range(30)}))
    verdict = SequentialVerdict(baseline.columns)
    for _ in range(5):
        batch = {f"c{n}": rng.standard_normal(200) + (n == 7) for n in range(30)}
        found = verdict.update(Monitor(baseline).update(pa.table(batch)).summaries())
    assert [name for name, one in found.items() if one.drifted] == ["c7"]


def test_state_written_and_read_goes_on_as_if_nothing_had_happened() -> None:
    stream = Stream(5)
    through, restarted = (SequentialVerdict(stream.baseline.columns, level=0.01) for _ in range(2))
    for number in range(30):
        window = stream.window(100, 0.1)
        assert through.update(window) == restarted.update(window)
        if number == 20:
            document = json.loads(json.dumps(restarted.to_dict(), allow_nan=False))
            restarted = SequentialVerdict.from_dict(document, stream.baseline.columns)
    assert through.to_dict() == restarted.to_dict()


def test_state_stays_small_however_many_windows_have_come() -> None:
    stream = Stream(6)
    verdict = SequentialVerdict(stream.baseline.columns)
    for _ in range(300):
        verdict.update(stream.window(50))
    assert len(verdict.to_dict()["columns"]["x"]["before"]) < 40


def test_state_of_another_reference_is_refused() -> None:
    stream = Stream(7)
    state = SequentialVerdict(stream.baseline.columns).to_dict()
    other = Baseline.fit(pa.table({"y": [1.0, 2.0]})).columns
    with pytest.raises(SchemaError, match="start afresh"):
        SequentialVerdict.from_dict(state, other)
    state["columns"]["x"]["total"] = [0]
    with pytest.raises(SchemaError, match="cells"):
        SequentialVerdict.from_dict(state, stream.baseline.columns)


NEVER = (None, True, -1, 1.5, math.nan, 1 << 70, "", "x", [], [-1], [None], {}, {"0": 1}, {"-1": []}, {"1e3": []})


def paths(document: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        yield from paths(value, (*at, key))


def replaced(document: Any, path: tuple[str | int, ...], value: object) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    holder = functools.reduce(operator.getitem, path[:-1], changed)
    if value is KeyError:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return changed


def test_a_document_changed_anywhere_is_read_as_itself_or_refused_in_one_way() -> None:
    stream = Stream(10, reference_rows=1000)
    verdict = SequentialVerdict(stream.baseline.columns)
    for _ in range(6):
        verdict.update(stream.window(50))
    whole = json.loads(json.dumps(verdict.to_dict()))
    refusals = []
    for path in paths(whole):
        for value in (*NEVER, *((KeyError,) if path else ())):
            changed = replaced(whole, path, value)
            try:
                read = SequentialVerdict.from_dict(changed, stream.baseline.columns)
            except SchemaError as error:
                refusals.append(str(error))
            else:
                assert read.to_dict() == changed
                read.update(stream.window(50))
    assert len(refusals) > 500
    assert all("start afresh" in one and len(one) < 600 for one in refusals)


def test_an_alarm_ends_with_the_drift_and_the_next_drift_is_found_again() -> None:
    stream = Stream(11)
    verdict = SequentialVerdict(stream.baseline.columns)
    course = [0.0] * 20 + [1.0] * 10 + [0.0] * 20 + [1.0] * 5
    drifted = [verdict.update(stream.window(200, shift))["x"].drifted for shift in course]
    assert not any(drifted[:20])
    assert all(drifted[22:30])
    assert not any(drifted[33:50])
    assert all(drifted[52:])


def test_a_running_window_may_be_looked_at_after_every_row_and_is_not_remembered() -> None:
    stream = Stream(12)
    looked, blind = (SequentialVerdict(stream.baseline.columns) for _ in range(2))
    for shift in (0.0, 0.0, 1.0):
        window = stream.window(400, shift)
        for share in (0.0, 0.01, 0.1, 0.5):
            part = replace(window["x"], counts=(window["x"].counts * share).astype(np.int64))
            looked.verdicts({"x": replace(part, rows=int(part.counts.sum()))})
        assert looked.verdicts(window) == blind.update(window)
        looked.update(window)
    assert looked.to_dict() == blind.to_dict()


def test_looking_after_every_tenth_row_keeps_the_level(soak_factor: int) -> None:
    """Windows of 200 rows, twenty looks while each is counted: the supremum over all of them."""
    runs, alarms = 5 * soak_factor, 0
    for run in range(runs):
        stream = Stream(1000 + run, reference_rows=2000)
        verdict, highest = SequentialVerdict(stream.baseline.columns), 0.0
        for _ in range(20):
            so_far = np.zeros_like(stream.column.counts)
            for _ in range(20):
                so_far = so_far + stream.window(10)["x"].counts
                window = {"x": replace(stream.column, rows=int(so_far.sum()), counts=so_far)}
                highest = max(highest, verdict.verdicts(window)["x"].log_e)
            verdict.update(window)
        alarms += highest >= math.log(20.0)
    assert alarms <= 0.06 * runs


def test_a_column_that_counts_none_of_a_windows_rows_has_drifted_until_it_is_back() -> None:
    baseline = Baseline.fit(pa.table({"x": np.arange(500.0) % 7, "y": np.arange(500.0) % 5}))
    verdict = SequentialVerdict(baseline.columns)
    verdict.update(
        Monitor(baseline).update(pa.table({"x": np.arange(100.0) % 7, "y": np.arange(100.0) % 5})).summaries()
    )
    gone = verdict.update(Monitor(baseline).update(pa.table({"x": np.arange(100.0) % 7})).summaries())["y"]
    assert (gone.drifted, gone.reason) == (True, "absent from the current data")
    nothing = verdict.verdicts(Monitor(baseline).summaries())
    assert not any(one.drifted for one in nothing.values())
    back = Monitor(baseline).update(pa.table({"x": np.arange(100.0) % 7, "y": np.arange(100.0) % 5})).summaries()
    assert not verdict.update(back)["y"].drifted


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 < level < 1"):
        SequentialVerdict({}, level=1.0)


def test_a_column_absent_from_a_window_keeps_its_verdict() -> None:
    stream = Stream(8)
    verdict = SequentialVerdict(stream.baseline.columns)
    before = verdict.update(stream.window(100))
    assert verdict.update({}) == before


def test_closed_windows_are_judged_as_they_come() -> None:
    rng = np.random.default_rng(9)
    baseline = Baseline.fit(pa.table({"x": rng.standard_normal(5000)}))
    live, watch = WindowedMonitor(baseline, windows=Tumbling(100)), SequentialVerdict(baseline.columns)
    alarms = []
    for number in range(20):
        batch = pa.table({"x": rng.standard_normal(100) + (number >= 12)})
        alarms += [window.number for window in live.update(batch) if watch.update(window.summaries)["x"].drifted]
    assert alarms[0] in (12, 13)
    points = sequential_points(watch.verdicts(), Span.of_seconds(0, 60), {"model": "claims"})
    assert [(point.metric, dict(point.labels)) for point in points] == [
        ("log_e", {"model": "claims", "column": "x"}),
        ("sequential_drifted", {"model": "claims", "column": "x"}),
    ]
    assert points[0].value > np.log(20.0)
    assert points[1].value == 1.0
