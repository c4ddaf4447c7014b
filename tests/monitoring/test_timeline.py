"""Windows and segments: sums of what was counted, nothing twice, and the segment that makes the drift is found."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from report_cases import table

from mlops_runtime.core.errors import EmptyInputError, SchemaError
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.report.timeline import Timeline, build_timeline
from mlops_runtime.monitoring.windows import Sliding, Tumbling, Window, WindowedMonitor
from mlops_runtime.monitoring.windows.spec import WindowKind

DAY = dt.timedelta(days=1)
REFERENCE = table(6_000, days=30, growth=0.0, seed=1).drop_columns(["filed"])
CURRENT = table(4_000, days=10, growth=1.0, seed=2)
BASELINE = Baseline.fit(REFERENCE)


def windows(kind: WindowKind, rows: pa.Table = CURRENT) -> list[Window]:
    monitor = WindowedMonitor(BASELINE, kind, keys=("region",))
    return [*monitor.update(rows, time="filed"), *monitor.close()]


def timeline() -> Timeline:
    return build_timeline(windows(Tumbling(DAY)), BASELINE)


def test_windows_and_segments_add_up_to_what_one_monitor_counts() -> None:
    found, whole = timeline(), Monitor(BASELINE).update(CURRENT)
    assert {one.name: one.current.to_dict() for one in found.total.columns} == {
        name: summary.to_dict() for name, summary in whole.summaries().items()
    }
    assert found.total.dataset.n_current == 4_000
    assert sum(one.report.dataset.n_current for one in found.windows) == 4_000
    assert sum(one.report.dataset.n_current for one in found.segments) == 4_000
    assert sum(one.share for one in found.segments) == pytest.approx(1.0)


def test_the_order_of_windows_does_not_matter() -> None:
    every = windows(Tumbling(DAY))
    shuffled = [every[place] for place in np.random.default_rng(3).permutation(len(every))]
    assert build_timeline(shuffled, BASELINE).to_dict() == timeline().to_dict()


def test_drift_shows_in_the_windows_from_which_on_it_is_there() -> None:
    strengths = [one.report.column("amount").strength for one in timeline().windows]
    assert len(strengths) == 10
    assert strengths[0] < 1.0 < strengths[-1]
    assert max(strengths[:3]) < min(strengths[-3:])


def test_the_segment_that_moved_makes_the_drift() -> None:
    first = timeline().contributors[0]
    assert (first.column, first.name, first.value) == ("amount", "region", "south")
    assert first.contribution > 0.5
    assert first.share == pytest.approx(0.3, abs=0.05)


def test_a_contribution_is_what_goes_when_the_segment_is_not_there() -> None:
    others = CURRENT.filter(pa.compute.field("region") != "south")
    without = Monitor(BASELINE).update(others).report().column("amount")
    whole = timeline().total.column("amount")
    south = next(one for one in timeline().contributions if (one.value, one.column) == ("south", "amount"))
    loudest = max(without.strength, without.ks / 0.1 if without.ks else 0.0)
    assert south.contribution == pytest.approx(1.0 - loudest / whole.strength, abs=0.02)


def test_the_column_that_tells_segments_apart_is_not_judged_in_them() -> None:
    (south,) = [one for one in timeline().segments if one.value == "south"]
    assert {column.name for column in south.report.columns} == {"amount", "age"}


def test_windows_that_overlap_count_no_row_twice_in_the_total() -> None:
    sliding = build_timeline(windows(Sliding(2 * DAY, DAY)), BASELINE)
    assert len(sliding.windows) > 9
    assert sliding.total.dataset.n_current <= 4_000


def test_one_value_alone_is_no_segment() -> None:
    alone = CURRENT.filter(pa.compute.field("region") == "south")
    found = build_timeline(windows(Tumbling(DAY), alone), BASELINE)
    assert (found.segments, found.contributions) == ((), ())


def test_windows_of_another_baseline_are_refused_and_none_is_an_error() -> None:
    with pytest.raises(SchemaError, match="expected baseline"):
        build_timeline(windows(Tumbling(DAY)), Baseline.fit(CURRENT))
    with pytest.raises(EmptyInputError, match="expected a window"):
        build_timeline([], BASELINE)
