"""Fields into records of 264 bytes (26 int64, 13 float32, a float32), against NumPy's structured arrays and a copy."""

from __future__ import annotations

import numpy as np

from mlops_runtime import _native
from mlops_runtime._native import Rows
from mlops_runtime.data.rows import RowLayout
from mlops_runtime.data.rows.table import write_rows
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure


def run(quick: bool) -> list[Measurement]:
    """Measure 1 and 2 threads, into memory that was touched before."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    random = np.random.default_rng(0)
    arrays = {
        "sparse": random.integers(0, 1 << 40, (rows, 26)),
        "dense": random.random((rows, 13), dtype=np.float32),
        "target": random.random(rows, dtype=np.float32),
    }
    layout = RowLayout.of(arrays)
    native = Rows.allocate(rows, layout.row_bytes)
    structured = np.zeros(rows, layout.numpy_dtype)
    source, copy = (np.zeros((rows, layout.row_bytes), np.uint8) for _ in range(2))
    source += 1

    def ours(threads: int) -> None:
        _native.set_thread_count(threads)
        write_rows(native, 0, layout, arrays)

    def numpy_structured() -> None:
        for name, array in arrays.items():
            structured[name] = array.reshape(rows, -1)

    return [
        measure(
            f"fields into records, {rows:,} x {layout.row_bytes} bytes, {threads} thread{'s'[: threads - 1]}",
            [
                Contender("mlops_runtime", lambda threads=threads: ours(threads), threads, role="subject"),
                Contender("numpy, structured array", numpy_structured),
                Contender("copy of the records, 1 thread", lambda: np.copyto(copy, source), role="floor"),
            ],
            rounds=rounds,
            warmup=1,
        )
        for threads in (1, 2)
    ]


if __name__ == "__main__":
    benchmark_main("pack_rows", run)
