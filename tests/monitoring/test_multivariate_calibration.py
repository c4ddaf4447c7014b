"""The multivariate tests keep their level without drift, at every size; and what they find they find soon.

Each draw has a reference of its own. Bounds: 6 %, and what a binomial share of so many draws may stray above it (4
standard errors in the short form, in which a broken null, such as one that ignores the reference's own noise, still
shows).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from multivariate_cases import correlated, mixed

from mlops_runtime.monitoring.multivariate import MultivariateMonitor, MultivariateReference, MultivariateReport
from mlops_runtime.monitoring.multivariate.discriminator import domain_auc

LEVEL = 0.05
MOST = 0.06


def shares(draws: int, reports: Callable[[int], MultivariateReport]) -> tuple[dict[str, float], float]:
    """Return the share of p-values below 5 % by statistic, and that of verdicts."""
    found = [reports(draw) for draw in range(draws)]
    names = found[0].statistics
    rejected = {name: float(np.mean([one.statistics[name].p_value <= LEVEL for one in found])) for name in names}
    return rejected, float(np.mean([one.drifted for one in found]))


def bound(draws: int) -> float:
    return MOST + 4.0 * math.sqrt(MOST * (1.0 - MOST) / draws)


@pytest.mark.parametrize("make", [correlated, mixed])
@pytest.mark.parametrize(("n", "m"), [(300, 300), (1000, 1000), (10_000, 10_000)])
def test_false_alarms_keep_their_level(make: Callable[..., object], n: int, m: int, soak_factor: int) -> None:
    draws = (20 if n < 10_000 else 4) * soak_factor

    def report(draw: int) -> MultivariateReport:
        rng = np.random.default_rng([draw, n, m])
        reference = MultivariateReference.fit(make(rng, n), seed=draw)
        return MultivariateMonitor(reference).update(make(rng, m)).report()

    rejected, alarmed = shares(draws, report)
    assert max(rejected.values()) <= bound(draws), rejected
    assert alarmed <= bound(draws)


def test_the_classifier_keeps_its_level_with_few_rows_and_many_columns(soak_factor: int) -> None:
    draws = 60 * soak_factor
    rng = np.random.default_rng(5)
    found = [domain_auc(rng.normal(size=(60, 40)), rng.normal(size=(40, 40)), rng) for _ in range(draws)]
    assert np.mean([one.p_value <= LEVEL for one in found]) <= bound(draws)
    assert np.mean([one.low <= 0.5 <= one.high for one in found]) >= 1.0 - bound(draws)
    assert abs(np.mean([one.auc for one in found]) - 0.5) < 4.0 * np.std([one.auc for one in found]) / math.sqrt(draws)


@pytest.mark.parametrize("m", [100, 1000])
def test_a_rotation_is_found_from_a_hundred_rows_on(m: int, soak_factor: int) -> None:
    reference = MultivariateReference.fit(correlated(np.random.default_rng(6), 4000))

    def report(draw: int) -> MultivariateReport:
        return MultivariateMonitor(reference).update(correlated(np.random.default_rng([draw, m]), m, -0.6)).report()

    _, alarmed = shares(10 * soak_factor, report)
    assert alarmed >= 0.95
