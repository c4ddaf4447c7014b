"""The statistics of all columns together in words, for every form of the report."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_runtime.monitoring.multivariate.report import FLOORS, MIN_ROWS, MultivariateReport
from mlops_runtime.monitoring.report.drift import DriftReport, write_p
from mlops_runtime.monitoring.statistics.effects import percent

__all__ = ["TOGETHER", "drifted_names", "together_level", "together_rows", "together_words"]

TOGETHER = ("value", "95 % interval", "without drift", "effect", "floor", "p", "verdict")
_ALL = "all together"
_WORDS = {
    "reconstruction_error": "PCA reconstruction error",
    "mmd": "MMD (squared, random features)",
    "domain_auc": "AUC of a domain classifier",
}


def together_rows(report: MultivariateReport) -> Iterator[tuple[str, ...]]:
    """Give one row a statistic: its name, then what `TOGETHER` says; one that says so where there are too few rows."""
    if not report.statistics:
        yield ("none", *[""] * (len(TOGETHER) - 1), f"no verdict below {MIN_ROWS} rows ({report.rows})")
    for name, one in report.statistics.items():
        numbers = (f"{one.value:.4g}", f"{one.low:.4g} .. {one.high:.4g}", f"{one.null:.4g}")
        effect, p_value = f"{report.effects[name]:.3g}", "" if one.p_value is None else write_p(one.p_value)
        yield _WORDS[name], *numbers, effect, f"{FLOORS[name]:.3g}", p_value, report.verdict(name)


def together_words(name: str) -> str:
    """Return a statistic's name for a reader."""
    return _WORDS[name]


def together_level(report: MultivariateReport) -> str:
    """Say what a statistic's verdict needs."""
    return f"Drift is p at most {percent(report.level)} over the three, and an effect at or above its floor."


def drifted_names(report: DriftReport) -> tuple[str, ...]:
    """Return `all together` where these have drifted, and the drifted columns, worst first."""
    together = report.multivariate is not None and report.multivariate.drifted
    return (_ALL, *report.drifted) if together else report.drifted
