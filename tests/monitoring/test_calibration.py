"""Calibration by simulation: p-values and verdicts are right as often as they claim, for small and large samples.

Every null draw goes the whole way: fit a reference, count a current table, compare. A table has many independent
columns, so one of them is many draws. What is allowed follows from the number of draws: the promised band (4 to 6 % at
nominal 5 %) or, where fewer draws cannot tell it from 5 %, four binomial standard deviations around 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.report.drift import build_report
from mlops_runtime.monitoring.statistics.comparison import compare_summaries

REFERENCE_ROWS = 100_000
COLUMNS = 25
Draw = Callable[[np.random.Generator, int], np.ndarray]


def continuous(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.random(rows)


def ten_values(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.choice(10, rows, p=np.array([1, 2, 3, 4, 5, 5, 4, 3, 2, 1]) / 30).astype(float)


def mostly_zero(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.standard_normal(rows)
    values[rng.random(rows) < 0.9] = 0.0
    return values


def letters(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.array(list("abcdefghijklmnopqrst"))[np.minimum(rng.geometric(0.25, rows) - 1, 19)]


SHAPES = (continuous, ten_values, mostly_zero)


def table(draw: Draw, rng: np.random.Generator, rows: int, columns: int = COLUMNS) -> pa.Table:
    return pa.table({f"c{number}": draw(rng, rows) for number in range(columns)})


def null_p_values(draw: Draw, rows: int, *, references: int, windows: int) -> dict[str, np.ndarray]:
    """Return p-values by test, references x COLUMNS x windows of each."""
    rng, found = np.random.default_rng(rows), {}
    for _ in range(references):
        baseline = Baseline.fit(table(draw, rng, REFERENCE_ROWS))
        for _ in range(windows):
            summaries = Monitor(baseline).update(table(draw, rng, rows)).summaries()
            for name, reference in baseline.columns.items():
                for one in compare_summaries(reference, summaries[name]).statistics.values():
                    if one.p_value is not None:
                        found.setdefault(one.name, []).append(one.p_value)
    return {name: np.array(values) for name, values in found.items()}


def assert_rejects_as_promised(p_values: np.ndarray, *, low: bool, least_slack: float = 0.01) -> None:
    slack = max(least_slack, 4.0 * math.sqrt(0.05 * 0.95 / len(p_values)))
    rejected = float((p_values <= 0.05).mean())
    assert rejected <= 0.05 + slack, f"{rejected:.4f} of {len(p_values)} rejected"
    assert rejected >= 0.05 - slack or not low, f"{rejected:.4f} of {len(p_values)} rejected"


@pytest.mark.parametrize("rows", [30, 100, 300, 1000, 10_000])
@pytest.mark.parametrize("draw", SHAPES)
def test_p_values_of_numbers_reject_at_their_level(draw: Draw, rows: int, soak_factor: int) -> None:
    found = null_p_values(draw, rows, references=soak_factor, windows=8)
    # What takes few values comes in steps, which an exact p-value may only round up: no lower limit there.
    fine = draw is continuous and rows > 30
    for name in ("ks", "chi_square", "cliffs_delta"):
        assert_rejects_as_promised(found[name], low=fine)
    # Of three rows that are not 0 the normal limit behind its p-value is a rough one: 6.1 % of 20,000 draws.
    assert_rejects_as_promised(found["cramer_von_mises"], low=fine, least_slack=0.01 if rows > 30 else 0.015)


@pytest.mark.parametrize("draw", SHAPES)
def test_p_values_of_a_million_rows_reject_at_their_level(draw: Draw, soak_factor: int) -> None:
    # The reference's own error is most of the noise here, so every draw has a reference of its own.
    found = null_p_values(draw, 1_000_000, references=max(1, 8 * soak_factor // 5), windows=1)
    for name in ("ks", "cramer_von_mises", "chi_square", "cliffs_delta"):
        assert_rejects_as_promised(found[name], low=draw is continuous)


@pytest.mark.parametrize("rows", [30, 100, 1000, 10_000])
def test_p_values_of_categories_reject_at_their_level(rows: int, soak_factor: int) -> None:
    found = null_p_values(letters, rows, references=soak_factor, windows=8)
    assert_rejects_as_promised(found["chi_square"], low=rows > 30)


@pytest.mark.parametrize("rows", [30, 100, 1000, 100_000, 100_000_000, 10_000_000_000])
def test_a_table_without_drift_alarms_in_at_most_six_percent(rows: int, soak_factor: int) -> None:
    # Beyond 2^32 rows: counts are drawn instead of rows, from the true masses of the reference's bins.
    rng, draws, alarms = np.random.default_rng(rows), 30 * soak_factor, 0
    for number in range(draws):
        if number % 10 == 0:
            columns = {f"u{n}": rng.random(20_000) for n in range(8)} | {
                f"z{n}": mostly_zero(rng, 20_000) for n in (0, 1)
            }
            baseline = Baseline.fit(pa.table(columns))
            uniform = {name: one for name, one in baseline.columns.items() if name.startswith("u")}
        current = {}
        for name, one in uniform.items():
            masses = np.diff(np.clip(np.concatenate([[0.0], one.edges, [1.0]]), 0.0, 1.0))
            missing = int(rng.binomial(rows, 0.001))
            counts = rng.multinomial(rows - missing, masses / masses.sum())
            reference = replace(one, missing=20, rows=20_020)
            current[name] = (
                reference,
                replace(one, rows=rows, missing=missing, counts=counts, minimum=0.0, maximum=1.0),
            )
        report = build_report(
            {name: pair[0] for name, pair in current.items()},
            {name: pair[1] for name, pair in current.items()},
            rows=rows,
        )
        alarms += report.dataset.drifted
    assert alarms <= 0.06 * draws + 2.0 * math.sqrt(0.05 * 0.95 * draws)


@pytest.mark.parametrize("rows", [30, 60])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-5, 0.0), (1.0, 1e9)])
@pytest.mark.parametrize("outlier", ["none", "reference", "current"])
def test_a_shift_of_one_deviation_is_seen_from_thirty_rows_on(
    rows: int, scale: float, offset: float, outlier: str, soak_factor: int
) -> None:
    rng, draws, seen = np.random.default_rng(rows), 10 * soak_factor, 0
    for _ in range(draws):
        before, now = rng.standard_normal(2000) * scale + offset, (rng.standard_normal(rows) + 1.0) * scale + offset
        if outlier != "none":
            (before if outlier == "reference" else now)[0] = 1e6
        baseline = Baseline.fit(pa.table({"x": before}))
        seen += Monitor(baseline).update(pa.table({"x": now})).report().dataset.drifted
    assert seen >= 0.98 * draws - 1


@pytest.mark.parametrize("rows", [60, 1000])
def test_a_shift_of_one_deviation_is_seen_with_half_of_the_values_missing(rows: int, soak_factor: int) -> None:
    rng, draws, seen = np.random.default_rng(rows), 20 * soak_factor, 0
    for _ in range(draws):
        before, now = rng.standard_normal(2000), rng.standard_normal(rows) + 1.0
        before[rng.permutation(2000)[:1000]] = math.nan
        now[rng.permutation(rows)[: rows // 2]] = math.nan
        seen += Monitor(Baseline.fit(pa.table({"x": before}))).update(pa.table({"x": now})).report().dataset.drifted
    assert seen >= 0.98 * draws - 1


def test_one_rare_missing_value_in_thirty_rows_is_no_alarm() -> None:
    before, now = np.arange(100_000.0), np.random.default_rng(0).integers(0, 100_000, 30).astype(float)
    before[:100], now[0] = math.nan, math.nan
    assert not Monitor(Baseline.fit(pa.table({"x": before}))).update(pa.table({"x": now})).report().dataset.drifted
