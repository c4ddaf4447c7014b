"""Verdicts: they hold their level, see every shift worth seeing, and stay silent where nothing can be said."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.monitoring import Baseline, Monitor, compare
from mlops_runtime.monitoring.statistics.verdict import Evidence, judge


def column(values: object) -> pa.Table:
    return pa.table({"x": values})


def drifted(before: object, now: object) -> bool:
    return compare(column(before), column(now)).dataset.drifted


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-5, 0.0), (1.0, 1e9), (1e300, 0.0), (1e-300, 0.0)])
@pytest.mark.parametrize("outlier", ["none", "reference", "current"])
@pytest.mark.parametrize("absent", [0.0, 0.5])
def test_a_shift_of_one_deviation_is_always_seen(scale: float, offset: float, outlier: str, absent: float) -> None:
    rng = np.random.default_rng(3)
    before, now = rng.standard_normal(2000) * scale + offset, (rng.standard_normal(500) + 1.0) * scale + offset
    for values in (before, now):
        values[rng.random(len(values)) < absent] = math.nan
    if outlier != "none":
        (before if outlier == "reference" else now)[0] = 1e6
    assert drifted(before, now)


def test_a_tiny_shift_of_a_million_rows_does_not_alarm() -> None:
    rng = np.random.default_rng(4)
    report = compare(column(rng.standard_normal(1_000_000)), column(rng.standard_normal(1_000_000) + 0.005))
    assert not report.dataset.drifted


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
def test_a_change_of_missing_or_infinite_share_alone_alarms(special: float) -> None:
    rng = np.random.default_rng(5)
    before, now = rng.standard_normal(1000), rng.standard_normal(1000)
    now[:100] = special
    report = compare(column(before), column(now))
    assert report.dataset.drifted
    assert "share 0 % -> 10 %" in report.column("x").reason


def test_a_new_category_alone_alarms_and_is_named() -> None:
    rng = np.random.default_rng(6)
    before = rng.choice(["a", "b"], 2000).tolist()
    now = [*rng.choice(["a", "b"], 1900).tolist(), *["surprise"] * 100]
    report = compare(column(before), column(now))
    assert report.dataset.drifted
    assert "new categories 0 % -> 5 %, for example `surprise`" in report.column("x").reason


def test_a_vanished_category_alarms() -> None:
    assert drifted(["a"] * 500 + ["b"] * 500, ["a"] * 1000)


def test_a_column_of_ids_never_repeats_and_has_not_drifted() -> None:
    assert not drifted([f"id{n}" for n in range(5000)], [f"id{n}" for n in range(5000, 9000)])


def test_a_long_tail_of_rare_categories_does_not_alarm() -> None:
    rng = np.random.default_rng(8)
    words = [f"w{rank}" for rank in rng.zipf(1.3, 20_000)]
    for draw in range(10):
        order = np.random.default_rng(draw).permutation(20_000)
        half = [words[place] for place in order]
        assert not drifted(half[:10_000], half[10_000:]), draw


NOTHING = pa.nulls(100, pa.float64())
EDGE_CASES = {
    "constant, the same": ([5.0] * 100, [5.0] * 100, False),
    "constant, another": ([5.0] * 100, [6.0] * 100, True),
    "constant, one float away": ([5.0] * 100, [float(np.nextafter(5.0, 6.0))] * 100, True),
    "constant, some differ": ([5.0] * 100, [5.0] * 70 + [6.0] * 30, True),
    "all missing on both sides": (NOTHING, NOTHING, False),
    "all missing now": ([1.0, 2.0] * 50, NOTHING, True),
    "all missing before": (NOTHING, [1.0, 2.0] * 50, True),
    "no current rows": ([1.0, 2.0] * 50, pa.array([], pa.float64()), False),
    "one current row": ([1.0, 2.0] * 50, [1e9], False),
    "no reference rows": (pa.array([], pa.float64()), [1.0, 2.0] * 50, False),
    "one reference row": ([1.0], [5.0] * 100, False),
    "negative zero is zero": ([0.0] * 100, [-0.0] * 100, False),
    "denormals": ([5e-324, 1e-323] * 50, [5e-324] * 100, True),
    "an atom at zero thins out": ([0.0] * 900 + [1.0] * 100, [0.0] * 600 + [1.0] * 400, True),
    "ids beyond 2^53": (list(range(2**60, 2**60 + 10**6, 10**4)), list(range(2**60, 2**60 + 10**6, 10**4)), False),
    "all strings missing now": (["a", "b"] * 50, pa.nulls(100, pa.utf8()), True),
    "one category": (["a"] * 100, ["a"] * 100, False),
    "booleans flip": ([True] * 90 + [False] * 10, [True] * 10 + [False] * 90, True),
}


@pytest.mark.parametrize("case", EDGE_CASES)
def test_edge_cases_are_judged_right(case: str) -> None:
    before, now, expected = EDGE_CASES[case]
    assert drifted(before, now) is expected


def test_wasserstein_is_measured_in_deviations_when_most_values_are_one() -> None:
    before, now = np.array([0.0] * 900 + [10.0] * 100), np.array([0.0] * 800 + [10.0] * 200)
    assert compare(column(before), column(now)).column("x").wasserstein == pytest.approx(1.0 / before.std(), rel=1e-9)


def test_wasserstein_from_a_constant_has_no_unit_and_is_none() -> None:
    assert compare(column([5.0] * 100), column([6.0] * 100)).column("x").wasserstein is None
    assert compare(column([5.0] * 100), column([5.0] * 100)).column("x").wasserstein == 0.0


def test_too_few_rows_give_no_verdict_and_say_so() -> None:
    report = compare(column([1.0, 2.0] * 50), column([9.0] * 29))
    assert report.column("x").reason == "no verdict below 30 rows (29)"


def test_a_column_gone_from_the_current_data_has_drifted() -> None:
    report = compare(pa.table({"x": [1.0] * 40, "y": [1.0] * 40}), pa.table({"x": [1.0] * 40, "z": [1.0] * 40}))
    assert report.drifted == ("y",)
    assert report.column("y").reason == "absent from the current data"
    assert report.notes == ("column `y`: only in the reference", "column `z`: only in the current data")


def test_a_column_whose_kind_changed_has_drifted_with_a_note() -> None:
    report = compare(column([1.0] * 40), column(["a"] * 40))
    assert report.drifted == ("x",)
    assert report.notes == (
        "column `x`: expected a numeric column, got string — convert it, or fit the baseline again",
    )


def test_many_stable_columns_do_not_hide_one_that_moved() -> None:
    rng = np.random.default_rng(9)
    before = {f"c{n}": rng.standard_normal(1000) for n in range(200)}
    now = {name: rng.standard_normal(1000) for name in before}
    now["c7"] = now["c7"] + 1.0
    assert compare(pa.table(before), pa.table(now)).drifted == ("c7",)


def test_neither_significance_nor_effect_alone_is_drift() -> None:
    verdicts = judge(
        {
            "significant": [Evidence("ks", 1e-9, 0.01, 0.1, "small")],
            "large": [Evidence("ks", 0.2, 0.5, 5.0, "large")],
            "both": [Evidence("ks", 1e-9, 0.5, 5.0, "both")],
            "nothing": [],
        }
    )
    assert [name for name, verdict in verdicts.items() if verdict.drifted] == ["both"]
    assert verdicts["significant"].reason == "significant, but too small to matter"
    assert verdicts["nothing"].reason == "nothing to compare"


def test_a_loud_test_counts_beside_a_far_more_significant_quiet_one() -> None:
    tests = [Evidence("ks", 1e-99, 0.01, 0.1, "quiet"), Evidence("missing share", 1e-6, 0.2, 4.0, "loud")]
    verdict = judge({"x": tests})["x"]
    assert (verdict.drifted, verdict.reason, verdict.effect_name) == (True, "loud", "missing share")


@pytest.mark.parametrize("rows", [30, 100, 300, 1000, 10_000])
@pytest.mark.parametrize("shape", ["normal", "counts", "categories", "missing"])
def test_without_a_shift_at_most_six_percent_alarm(shape: str, rows: int, soak_factor: int) -> None:
    rng = np.random.default_rng(rows)

    def draw(n: int) -> pa.Table:
        if shape == "categories":
            return column(pa.array(np.array(list("abcdefgh"))[rng.binomial(7, 0.3, n)]))
        values = rng.poisson(3, n).astype(float) if shape == "counts" else rng.standard_normal(n)
        if shape == "missing":
            values[rng.random(n) < 0.1] = math.nan
        return column(values)

    baseline = Baseline.fit(draw(100_000))
    draws = 150 * soak_factor
    alarms = sum(Monitor(baseline).update(draw(rows)).report().dataset.drifted for _ in range(draws))
    assert alarms <= 0.06 * draws
