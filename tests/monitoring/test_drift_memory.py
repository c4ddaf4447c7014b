"""`mlrt drift` in bounded memory: what a file sixteen times as long takes more is no matter of its length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP, COLUMNS = 100_000, 8
LENGTHS = (1, 16)  # row groups: 6.4 MB of values, and 102 MB
_PEAK = """
import resource, sys
from mlops_runtime.cli.main import run
assert run(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def written(path: Path, groups: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    schema = pa.schema([(f"n{column}", pa.float64()) for column in range(COLUMNS)])
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression=None) as file:
        for _ in range(groups):
            file.write_table(pa.table({name: rng.standard_normal(GROUP) for name in schema.names}))
    return path


def peak_mib(reference: Path, current: Path) -> float:
    command = [sys.executable, "-c", _PEAK, "drift", str(reference), str(current), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1024


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for groups in LENGTHS:
        sides = [written(tmp_path / f"{groups}-{side}.parquet", groups, side) for side in (1, 2)]
        peaks.append(peak_mib(*sides))
    values_mib = (LENGTHS[1] - LENGTHS[0]) * GROUP * COLUMNS * 8 / 2**20
    assert peaks[1] - peaks[0] < values_mib / 2, peaks  # either side held whole would be twice that
