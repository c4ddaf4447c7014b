"""Training on Parquet files of any size: fitted and streamed in bounded memory, interrupted, and gone on with."""

from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from mlops_runtime import FeatureSpec, fit_source, open_source
from mlops_runtime.data.loader import LoaderState, Windowed
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features.loading import stream_of

for year in range(2022, 2027):  # seeded, synthetic insurance claims, in folders that are a column, too
    path = Path(f"claims/year={year}/part-0.parquet")
    path.parent.mkdir(parents=True)
    pq.write_table(claims(10_000, seed=year), path, row_group_size=1000)

source = open_source("claims", filters=[("year", ">=", 2023)])
spec = FeatureSpec.from_yaml("""
features:
  - {kind: numeric, column: age}
  - {kind: numeric, column: premium, transform: log1p}
  - {kind: numeric, column: year}
""")
program = fit_source(spec, source)
options = {"target": "amount", "batch_rows": 512, "sampler": Windowed(row_groups=8), "seed": 7}


def learn(weights: np.ndarray, batches) -> int:
    """One step of least squares for each batch; returns the rows it has seen."""
    rows = 0
    for batch in batches:
        inputs = np.column_stack([batch["dense"], np.ones(len(batch.rows), np.float32)])
        error = inputs @ weights - np.log1p(batch["target"][:, 0])
        weights -= 0.05 * inputs.T @ error / len(error)
        rows += len(error)
    return rows


weights = np.zeros(len(program.dense_names) + 1, np.float32)
stream = stream_of(program, source, **options)
seen = learn(weights, islice(stream, 30))
Path("state.json").write_text(stream.state.to_json())  # beside the weights

state = LoaderState.from_json(Path("state.json").read_text())
seen += learn(weights, stream_of(program, source, state=state, **options))
print(f"{seen:,} rows of {source.known_rows:,}, each once; weights {np.round(weights, 2)}")
print(f"{stream.quality.window_row_groups} of {stream.quality.row_groups} row groups mixed at a time")
