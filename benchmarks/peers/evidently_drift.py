"""Evidently's data drift; `bench_drift_report_evidently.py` runs it in an environment of its own, with pandas < 3."""

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

_tables: list[Dataset] = []


def prepare(reference: str, current: str) -> int:
    """Load both Parquet files, untimed; return the number of current rows."""
    for path in (reference, current):
        frame = pd.read_parquet(path)
        definition = DataDefinition(
            numerical_columns=[name for name in frame if name.startswith("n")],
            categorical_columns=[name for name in frame if name.startswith("c")],
        )
        _tables.append(Dataset.from_pandas(frame, data_definition=definition))
    return len(frame)


def four_reports() -> None:
    """PSI, KS or chi-square, Jensen-Shannon, Wasserstein or Hellinger: one report each."""
    reference, current = _tables
    for numbers, categories in (
        ("psi", "psi"),
        ("ks", "chisquare"),
        ("jensenshannon", "jensenshannon"),
        ("wasserstein", "hellinger"),  # its total variation resamples: minutes
    ):
        Report([DataDriftPreset(num_method=numbers, cat_method=categories)]).run(current, reference)
