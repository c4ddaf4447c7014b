"""A leak check takes the memory of the training set and of a few batches: not that of the feature table."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUPS, ROWS, KEYS = 40, 100_000, 50_000
LIMIT_MIB = 230

CHECK = """
import re, sys
from pathlib import Path
from mlops_runtime.data import open_source
from mlops_runtime.features.leaks import find_leaks
from mlops_runtime.features.tables import FeatureTable

peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
before = peak()
past = FeatureTable("past", open_source(sys.argv[1]), ("key",), "event")
report = find_leaks(open_source(sys.argv[2]), [past], entity_time="time")
print(report.leaks, report.checked, peak() - before)
"""


def test_a_leak_check_takes_less_memory_than_the_feature_table(tmp_path):
    rng = np.random.default_rng(0)
    path, training = str(tmp_path / "past.parquet"), str(tmp_path / "training.parquet")
    times = pa.array(np.arange(GROUPS * ROWS)).cast(pa.timestamp("us", "UTC"))
    values = {f"x{j}": rng.standard_normal(ROWS) for j in range(10)} | {"key": rng.integers(0, KEYS, ROWS)}
    with pq.ParquetWriter(path, pa.table({**values, "event": times[:ROWS]}).schema, use_dictionary=False) as file:
        for group in range(GROUPS):
            table = pa.table({**values, "event": times.slice(group * ROWS, ROWS)})
            file.write_table(table, row_group_size=ROWS)
    rows = pa.table({**values, "time": pa.array(np.full(ROWS, -1)).cast(times.type)})
    pq.write_table(rows.slice(0, ROWS // 5), training)
    assert GROUPS * table.nbytes > LIMIT_MIB * 5 // 4 << 20, "a whole read would stay below the limit too"
    done = subprocess.run([sys.executable, "-c", CHECK, path, training], capture_output=True, text=True, check=True)
    leaks, checked, growth_mib = map(int, done.stdout.split())
    assert leaks == checked == ROWS // 5  # every row holds values that came later
    assert growth_mib < LIMIT_MIB
