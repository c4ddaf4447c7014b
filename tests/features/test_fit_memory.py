"""Fitting a file takes the memory of what is learnt from it, and of a few batches: not that of the file."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUPS, ROWS, KEYS = 10, 400_000, 50_000
LIMIT_MIB = 230

FIT = """
import re, sys
from pathlib import Path
from mlops_runtime.data import open_source
from mlops_runtime.features import CategoryFeature, FeatureSpec, NumericFeature, fit_source

peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
before = peak()
source = open_source(sys.argv[1])
numbers = [NumericFeature(column=name, impute="median") for name in source.columns if name.startswith("x")]
program = fit_source(FeatureSpec(features=(*numbers, CategoryFeature(column="key"))), source)
print(program.rows, len(program.sparse[0].encoder.vocabulary.keys), peak() - before)
"""


def test_a_fit_takes_less_memory_than_the_columns_it_reads(tmp_path):
    rng = np.random.default_rng(0)
    path = str(tmp_path / "long.parquet")
    columns = {f"x{j}": rng.standard_normal(ROWS) for j in range(10)} | {"key": rng.integers(0, KEYS, ROWS)}
    group = pa.table(columns)
    with pq.ParquetWriter(path, group.schema) as file:
        for _ in range(GROUPS):
            file.write_table(group, row_group_size=ROWS)
    assert GROUPS * group.nbytes > LIMIT_MIB * 5 // 4 << 20, "a whole read would stay below the limit too"
    done = subprocess.run([sys.executable, "-c", FIT, path], capture_output=True, text=True, check=True)
    rows, keys, growth_mib = map(int, done.stdout.split())
    assert (rows, keys) == (GROUPS * ROWS, len(np.unique(group["key"].to_numpy())))
    assert growth_mib < LIMIT_MIB
