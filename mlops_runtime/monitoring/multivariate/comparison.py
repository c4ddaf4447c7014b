"""The three multivariate statistics of what was counted, against the reference."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.multivariate.discriminator import domain_auc
from mlops_runtime.monitoring.multivariate.encoding import UNIT
from mlops_runtime.monitoring.multivariate.fourier import COSINE_UNIT
from mlops_runtime.monitoring.multivariate.reference import MultivariateReference
from mlops_runtime.monitoring.multivariate.report import MIN_ROWS, MultivariateReport
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.multivariate.tails import mean_change_p, weighted_chi_square_tail
from mlops_runtime.monitoring.statistics.result import Z_95, Statistic

__all__ = ["compare_state"]


def compare_state(reference: MultivariateReference, state: MultivariateState) -> MultivariateReport:
    """Compare what was counted with the reference; below 30 rows there is nothing to say.

    Raises SchemaError for what was counted against another reference.
    """
    if state.reference != reference.digest:
        expected, got = f"counts against reference {reference.digest[:16]}", f"against {state.reference[:16]}"
        next_step = "compare with the reference that they were counted against"
        raise SchemaError(problem(expected=expected, got=got, where="compare_state", next_step=next_step))
    if state.rows < MIN_ROWS:
        return MultivariateReport(state.rows, {}, {})
    found = [statistic(reference, state) for statistic in (_reconstruction, _mmd, _classifier)]
    statistics = {one.name: one for one, _ in found}
    return MultivariateReport(state.rows, statistics, {one.name: effect for one, effect in found})


def _reconstruction(reference: MultivariateReference, state: MultivariateState) -> tuple[Statistic, float]:
    """Mean distance of a row from its projection on the reference's principal components, in deviations.

    Source: Jackson and Mudholkar, Technometrics 21 (1979); the mean over a window: NannyML's data reconstruction.
    """
    before, now = reference.residuals, state.residuals
    error = Z_95 * math.sqrt(now.variance / now.count)
    deviation = math.sqrt(before.variance)
    change = abs(now.mean - before.mean)
    effect = change / deviation if deviation > 0.0 else math.inf if change > 0.0 else 0.0
    statistic = Statistic(
        "reconstruction_error",
        "mean residual of PCA, 95 % interval, Welch's test",
        now.mean / UNIT,
        (now.mean - error) / UNIT,
        (now.mean + error) / UNIT,
        "interval",
        before.count,
        now.count,
        null=before.mean / UNIT,
        p_value=mean_change_p(before, now),
    )
    return statistic, effect


def _mmd(reference: MultivariateReference, state: MultivariateState) -> tuple[Statistic, float]:
    """Squared maximum mean discrepancy of a Gaussian kernel, by random features, less what noise comes to.

    Without drift the difference of the features' means is normal with covariance C (1/n + 1/m), C the reference's:
    its square is a weighted sum of chi-squares, whose tail is the p-value. The interval is by the delta method.
    Source: Gretton et al., JMLR 13 (2012); random features: Zhao and Meng, Neural Computation 27 (2015).
    """
    m = state.rows
    noise = 1.0 / reference.rows + 1.0 / m
    gap: NDArray[np.float64] = state.feature_sums / m - reference.feature_sums / reference.rows
    gap = gap / COSINE_UNIT
    frequencies = reference.features.size / 2.0
    weights = reference.feature_variances * noise / frequencies
    square, expected = float(gap @ gap) / frequencies, float(weights.sum())
    slope = 4.0 * float(gap @ reference.feature_covariance @ gap) * noise / frequencies**2
    half = Z_95 * math.sqrt(slope + 2.0 * float((weights**2).sum()))
    value = square - expected
    statistic = Statistic(
        "mmd",
        "squared MMD by random Fourier features, 95 % interval",
        value,
        value - half,
        value + half,
        "interval",
        reference.rows,
        m,
        p_value=weighted_chi_square_tail(square, weights) if expected > 0.0 else 1.0,
    )
    return statistic, math.sqrt(max(0.0, value) * noise / expected) if expected > 0.0 else 0.0


def _classifier(reference: MultivariateReference, state: MultivariateState) -> tuple[Statistic, float]:
    """Cross-fitted AUC of a classifier between two samples of rows (see `domain_auc`)."""
    design, sample = reference.components.design, state.sample.rows
    found = domain_auc(design(reference.sample), design(sample), np.random.default_rng(reference.seed))
    n, m = len(reference.sample), len(sample)
    method = "AUC of a cross-fitted logistic regression on pairs of components, 95 % interval by DeLong"
    statistic = Statistic(
        "domain_auc", method, found.auc, found.low, found.high, "interval", n, m, null=0.5, p_value=found.p_value
    )
    return statistic, max(0.0, found.auc - 0.5)
