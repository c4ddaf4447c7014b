"""Our fit of the wide table's Parquet file, in a process of its own: where its memory can be told from other things."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime import _native
from mlops_runtime.data import open_source
from mlops_runtime.features import BucketFeature, CategoryFeature, FeatureSpec, NumericFeature, fit_source


def prepare(threads: int) -> int:
    """Set the threads of both libraries; return the peak of memory after all imports, in bytes."""
    _native.set_thread_count(threads)
    pa.set_cpu_count(threads)
    return peak()


def peak() -> int:
    """Return the largest resident size so far, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


def fit(path: str, numbers: list[str], categories: list[str], buckets: int) -> dict[str, list[float]]:
    """Mean and deviation, quantile buckets and vocabularies, batch by batch; return what can be checked."""
    spec = FeatureSpec(
        features=(
            *(NumericFeature(column=name, impute="mean", indicator=False) for name in numbers),
            *(BucketFeature(column=name, name=f"{name} bucket", method="quantile", bins=buckets) for name in numbers),
            *(CategoryFeature(column=name) for name in categories),
        )
    )
    program = fit_source(spec, open_source(path))
    edges = [output.encoder.expression.steps[-1].parameters for output in program.sparse[: len(numbers)]]
    counts = [output.encoder.vocabulary.counts for output in program.sparse[len(numbers) :]]
    return {
        "means": [float(output.expression.steps[0].parameters[0]) for output in program.dense],
        "medians": [float(each[buckets // 2 - 1]) for each in edges],
        "distinct": [len(each) for each in counts],
        "rows": [int(each.sum()) for each in counts],
    }


def decode(path: str, columns: list[str]) -> None:
    """Decode the file and do nothing with it: pyarrow's part of any fit."""
    file = pq.ParquetFile(path, page_checksum_verification=True)
    for _ in file.iter_batches(columns=columns, use_threads=_native.thread_count() > 1):
        pass
