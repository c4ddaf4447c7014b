"""The edge table: values and columns at the limits of their types, each counted exactly and seen when it drifts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, SchemaError, ShapeError
from mlops_runtime.monitoring import Baseline, Monitor, compare
from mlops_runtime.monitoring.state.edges import interpolated_cdf, quantile
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.monitoring.state.table import Layout

RNG = np.random.default_rng(7)
TINY, LARGEST = 5e-324, float(np.finfo(np.float64).max)

COLUMNS: dict[str, list[Any]] = {
    "constant": [3.5] * 100,
    "one value": [-2.0],
    "no row": [],
    "all missing": [None] * 50,
    "all NaN": [math.nan] * 50,
    "all infinite": [math.inf, -math.inf] * 20,
    "zeros of both signs": [0.0, -0.0] * 50,
    "denormals": [TINY, -TINY, 0.0, 2 * TINY, 3 * TINY] * 20,
    "largest": [LARGEST, -LARGEST, 0.0] * 20,
    "90 % at 0": [0.0] * 900 + RNG.normal(size=100).tolist(),
    "ties": np.repeat(np.arange(300.0), 3).tolist(),
    "neighbours": [1.0, math.nextafter(1.0, 2.0), math.nextafter(1.0, 0.0)] * 30,
    "outlier": [*RNG.normal(size=999), 1e6],
}


def numeric(baseline: Baseline, name: str = "x") -> NumericSummary:
    summary = baseline.columns[name]
    assert isinstance(summary, NumericSummary)
    return summary


def table(values: list[Any]) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.float64())})


@pytest.mark.parametrize("name", COLUMNS)
def test_every_row_is_counted_in_the_bin_where_it_lies(name: str) -> None:
    values = COLUMNS[name]
    baseline = Baseline.fit(table(values))
    one = numeric(baseline)
    present = np.array([value for value in values if value is not None], np.float64)
    finite = present[np.isfinite(present)]
    expected = np.bincount(np.searchsorted(one.edges, finite, "left"), minlength=len(one.edges) + 1)
    assert one.counts.tolist() == expected.tolist()
    assert (one.rows, one.finite, one.missing) == (len(values), len(finite), len(values) - (present == present).sum())
    below = (finite == -LARGEST).sum()  # there is no float below the least
    assert (one.counts[0], one.counts[-1]) == (below, 0)  # the open ends are for what the reference does not hold
    again = numeric(Baseline.from_files(baseline.to_files()))
    assert again.to_dict() == one.to_dict()
    assert not compare(table(values), table(values)).dataset.drifted


@pytest.mark.parametrize("atom", [0.0, TINY, -LARGEST, 1.0])
def test_a_point_mass_has_a_bin_that_holds_nothing_else(atom: float) -> None:
    values = [atom] * 900 + [atom + step if atom > -LARGEST else step for step in RNG.normal(size=100)]
    one = numeric(Baseline.fit(table(values)))
    assert one.counts[np.searchsorted(one.edges, atom)] == 900


def test_a_share_that_moves_to_the_neighbouring_float_is_seen() -> None:
    here, there = 1.0, math.nextafter(1.0, 2.0)
    before, now = [here] * 500 + [there] * 500, [here] * 100 + [there] * 900
    assert compare(table(before), table(now)).dataset.drifted


@pytest.mark.parametrize("base", [2**53, 2**60, 2**63 - 2000, -(2**63)])
def test_ids_above_2_to_the_53_are_told_apart(base: int) -> None:
    ids = [base + step for step in (0, 1, 1, 2)] * 250
    baseline = Baseline.fit(pa.table({"x": pa.array(ids, pa.int64())}))
    one = numeric(baseline)
    assert sorted(one.counts[one.counts > 0].tolist()) == [250, 250, 500]
    assert (one.minimum, one.maximum, one.total) == (base, base + 2, sum(ids) << 1074)
    assert Baseline.from_files(baseline.to_files()).to_files() == baseline.to_files()
    moved = Monitor(baseline).update(pa.table({"x": pa.array([base + 1, base + 3], pa.int64())})).summaries()["x"]
    assert isinstance(moved, NumericSummary)
    assert moved.counts[-1] == 1  # base + 3 lies over the reference, though float64 cannot tell
    assert (moved.minimum, moved.maximum) == (base + 1, base + 3)


def test_unsigned_ids_up_to_the_last_are_told_apart() -> None:
    ids = [2**64 - 1, 2**64 - 2, 0, 2**63] * 50
    one = numeric(Baseline.fit(pa.table({"x": pa.array(ids, pa.uint64())})))
    assert (one.edges.dtype.name, one.counts[one.counts > 0].tolist()) == ("uint64", [50] * 4)
    assert (one.minimum, one.maximum) == (0.0, 2**64 - 1)


def test_a_shift_of_ids_is_measured_without_rounding() -> None:
    ids = np.arange(2**60, 2**60 + 10_000)
    one = numeric(Baseline.fit(pa.table({"x": ids})))
    ends = one.edges, one.counts, one.minimum, one.maximum
    points, shares = interpolated_cdf(*ends, origin=one.origin)
    assert (points[0], points[-1], shares[-1]) == (0.0, 10_000.0, 1.0)
    assert quantile(*ends, 0.5, origin=one.origin) == pytest.approx(5_000, abs=40)
    assert compare(pa.table({"x": ids}), pa.table({"x": ids + 5_000})).dataset.drifted
    assert not compare(pa.table({"x": ids}), pa.table({"x": ids})).dataset.drifted


def test_ids_whose_first_rows_are_no_picture_of_the_whole_are_counted_exactly() -> None:
    ids = np.sort(np.random.default_rng(1).integers(2**55, 2**56, 300_000)) * 2 + 1
    one = numeric(Baseline.fit([pa.table({"x": part}) for part in np.split(ids, 3)]))
    expected = np.bincount(np.searchsorted(one.edges, ids, "left"), minlength=len(one.edges) + 1)
    assert one.counts.tolist() == expected.tolist()
    assert (one.minimum, one.maximum, one.counts[0], one.counts[-1]) == (ids[0], ids[-1], 0, 0)
    assert one.counts.max() < 3 * len(ids) / 256


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.uint8(), pa.uint64(), pa.float16(), pa.float32()])
def test_a_monitor_takes_every_width_against_one_baseline(kind: pa.DataType) -> None:
    baseline = Baseline.fit(pa.table({"x": pa.array([0, 1, 2, 3, 100], pa.int64())}))
    values = pa.array([0, 3, None, 100, 101], pa.int64()).cast(kind)
    counted = Monitor(baseline).update(pa.table({"x": values})).summaries()["x"]
    assert isinstance(counted, NumericSummary)
    assert (counted.missing, counted.counts[-1], counted.total >> 1074) == (1, 1, 204)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_matrix_counts_as_its_columns_do(dtype: Any) -> None:
    reference = pa.table({"a": RNG.normal(size=500), "c": ["x", "y"] * 250, "b": RNG.normal(size=500)})
    baseline = Baseline.fit(reference)
    values = RNG.normal(size=(70, 6)).astype(dtype)[::-2, ::3]
    values.flags.writeable = False
    by_matrix = Monitor(baseline).update_matrix(values)
    by_table = Monitor(baseline).update(pa.table({"a": values[:, 0].copy(), "b": values[:, 1].copy()}))
    swapped = Monitor(baseline).update_matrix(values[:, ::-1], columns=("b", "a"))
    plain = [{name: one.to_dict() for name, one in m.summaries().items()} for m in (by_matrix, by_table, swapped)]
    assert plain[0] == plain[1] == plain[2]
    assert by_matrix.rows == 35


def test_bfloat16_counts_as_the_float32_it_is() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes", reason="NumPy's bfloat16: pip install ml_dtypes").bfloat16
    baseline = Baseline.fit(pa.table({"a": RNG.normal(size=500), "b": RNG.normal(size=500)}))
    values = np.array([[math.nan, 1e-40], [math.inf, -0.0], [3.0e38, -1.5]], np.float32).astype(bfloat16)[::-1]
    counted = Monitor(baseline).update_matrix(values).summaries()
    widened = Monitor(baseline).update_matrix(values.astype(np.float32)).summaries()
    assert {name: one.to_dict() for name, one in counted.items()} == {
        name: one.to_dict() for name, one in widened.items()
    }
    assert numeric(Baseline(counted), "a").missing == numeric(Baseline(counted), "a").positive_infinite == 1


def test_a_matrix_that_does_not_fit_is_refused_before_anything_is_counted() -> None:
    monitor = Monitor(Baseline.fit(pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": ["x", "y"]})))
    with pytest.raises(ShapeError, match=r"expected float\[n, 2\], got float64\[4, 3\]"):
        monitor.update_matrix(np.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"got float64\[4\]"):
        monitor.update_matrix(np.zeros(4))
    with pytest.raises(SchemaError, match="got int64"):
        monitor.update_matrix(np.zeros((4, 2), np.int64))
    with pytest.raises(SchemaError, match="distinct numeric columns of the baseline, got `c`"):
        monitor.update_matrix(np.zeros((4, 2)), columns=("a", "c"))
    with pytest.raises(SchemaError, match="a name twice"):
        monitor.update_matrix(np.zeros((4, 2)), columns=("a", "a"))
    assert monitor.rows == monitor.summaries()["a"].rows == 0


def test_counts_above_2_to_the_32_add_up() -> None:
    counts = _native.TableCounts([np.array([0.0])])
    counts.update_matrix(np.broadcast_to(np.array([[1.5]]), (1 << 20, 1)), np.array([0]))
    for _ in range(13):
        counts.merge(counts)
    rows = 1 << 33
    histogram, moments = counts.histogram(0), counts.moments(0)
    assert (histogram.counts.tolist(), moments.count) == ([0, rows], rows)
    assert moments.sums() == (3 * rows << 1073, 9 * rows << 2146)


def test_the_live_state_of_a_default_baseline_fits_in_4_kib() -> None:
    one = numeric(Baseline.fit(table(RNG.normal(size=200_000).tolist())))
    assert _native.TableCounts([one.edges]).state_bytes(0) <= 4096


def test_a_column_without_a_reference_is_counted_over_fixed_buckets_and_compared_once_there_is_one() -> None:
    blank = Baseline({}).with_blank({"x": 100.0})
    first, second = RNG.normal(100, 1, 2_000), RNG.normal(101, 1, 2_000)
    one, other = (Monitor(blank).update(pa.table({"x": part})) for part in (first, second))
    assert not one.report().dataset.drifted  # there is nothing to compare with
    reference = Baseline.from_files(one.as_baseline().to_files())
    assert not Monitor(reference).update(pa.table({"x": RNG.normal(100, 1, 2_000)})).report().dataset.drifted
    assert Monitor(reference).update(pa.table({"x": second})).report().dataset.drifted
    merged = one.merge(other).summaries()["x"]
    whole = Monitor(blank).update(pa.table({"x": np.concatenate([second, first])})).summaries()["x"]
    assert merged.to_dict() == whole.to_dict()
    assert _native.TableCounts([numeric(reference).edges]).state_bytes(0) <= 4096


@pytest.mark.parametrize("centre", [0.0, -3.7, 1e9, 1e300, -TINY])
def test_fixed_buckets_give_the_centre_a_bin_of_its_own_wherever_it_lies(centre: float) -> None:
    one = numeric(Baseline({}).with_blank({"x": centre}))
    values = [centre, centre, math.nextafter(centre, math.inf), math.nextafter(centre, -math.inf), centre + 5, LARGEST]
    counted = Monitor(Baseline({"x": one})).update(table(values)).summaries()["x"]
    assert isinstance(counted, NumericSummary)
    assert counted.counts[np.searchsorted(one.edges, centre)] == values.count(centre)
    assert len(one.edges) <= 252


@pytest.mark.parametrize("centres", [{"x": math.nan}, {"x": math.inf}, {"y": 0.0}])
def test_a_blank_column_needs_a_new_name_and_a_finite_centre(centres: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="new columns, each with a finite centre"):
        Baseline.fit(pa.table({"y": [1.0]})).with_blank(centres)


def test_times_of_many_rows_are_converted_some_at_a_time() -> None:
    seconds = RNG.integers(0, 10**9, 1_500_000)
    times = pa.table({"t": pa.array(seconds, pa.timestamp("s")), "x": seconds.astype(np.float64)})
    baseline = Baseline.fit(times.slice(0, 1000))
    layout = Layout.of(times.schema, {"t": "numeric", "x": "numeric"})
    assert [view.num_rows for view in layout.views(times)] == [1 << 20, 1_500_000 - (1 << 20)]
    assert [view.num_rows for view in layout.views(times.slice(0, 0))] == [0]
    summary = Monitor(baseline).update(times).summaries()["t"]
    assert isinstance(summary, NumericSummary)
    assert (summary.rows, summary.total) == (1_500_000, int(seconds.sum()) * 10**6 << 1074)
