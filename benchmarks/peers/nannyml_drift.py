"""NannyML's univariate drift; `bench_drift_report_nannyml.py` runs it in an environment of its own."""

import nannyml
import pandas as pd

_state: dict[str, object] = {}


def prepare(reference: str, current: str) -> int:
    """Fit the calculator on the reference, untimed; return the number of current rows."""
    before, now = pd.read_parquet(reference), pd.read_parquet(current)
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(now.columns),
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
        categorical_methods=["chi2", "jensen_shannon"],
        chunk_number=1,
    )
    _state["calculator"], _state["now"] = calculator.fit(before), now
    return len(now)


def report() -> None:
    """One chunk: every column by three statistics, or two."""
    _state["calculator"].calculate(_state["now"])
