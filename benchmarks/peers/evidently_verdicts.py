"""How many columns Evidently says have drifted; `bench_verdicts_evidently.py` runs it in an environment of its own."""

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

_tables: list[Dataset] = []


def prepare(reference: str, current: str) -> int:
    """Load both Parquet files, untimed; return the number of current rows."""
    frames = [pd.read_parquet(path) for path in (reference, current)]
    definition = DataDefinition(numerical_columns=list(frames[0].columns))
    _tables[:] = [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]
    return len(frames[1])


def drifted(method: str | None) -> int:
    """One report over all columns by one statistic, or by the one that it chooses."""
    reference, current = _tables
    report = Report([DataDriftPreset(method=method) if method else DataDriftPreset()]).run(current, reference)
    return int(report.dict()["metrics"][0]["value"]["count"])
