"""Drift in bounded memory: neither `mlrt drift` of a long file nor a report of a long table takes what its rows do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

GROUP, COLUMNS = 100_000, 8
LENGTHS = (4, 24)  # row groups: 26 MB of values, and 154 MB; with one alone nothing is read ahead
_PEAK = """
import resource, sys
from mlops_runtime.cli.main import run
assert run(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""

_BEYOND_INPUT = """
import re
from pathlib import Path
import numpy as np
import pyarrow as pa
from mlops_runtime.monitoring import Baseline, DriftDetector
from mlops_runtime.monitoring.multivariate import MultivariateReference

def peak_kib():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def table(rows, seed):
    rng = np.random.default_rng(seed)
    missing = rng.random(rows) < 0.02
    numbers = {f"n{n}": pa.array(rng.standard_normal(rows, np.float32), mask=missing) for n in range(50)}
    names = pa.array([f"category {n:02}" for n in range(50)])
    return pa.table(numbers | {f"c{n}": names.take(pa.array(rng.integers(0, 50, rows))) for n in range(20)})

before, current = table(20_000, 1), table(200_000, 2)
together = MultivariateReference.fit(before) if MULTIVARIATE else None
detector = DriftDetector.of(Baseline.fit(before), multivariate=together)
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
start = peak_kib()
report = detector.update(current).report()
assert len(report.columns) == 70
assert (report.multivariate is not None) == MULTIVARIATE
print(peak_kib() - start)
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


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc/self/clear_refs")
@pytest.mark.parametrize("multivariate", [False, True])
def test_a_report_of_a_table_in_memory_takes_less_than_32_mb_more(multivariate: bool) -> None:
    script = f"MULTIVARIATE = {multivariate}\n{_BEYOND_INPUT}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 32_000
