"""Counting 64 rows into a monitor, as a request brings them: 50 numbers in a matrix and from Arrow, and a mixed batch.

The floor is the hand-over of the batch to the kernels; of a matrix, which has none, its sum.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from report_table import table

from mlops_runtime import _native
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_ROWS, _WIDE, _NUMBERS, _STRINGS = 64, 50, 10, 5


def run(quick: bool) -> list[Measurement]:
    """Measure the three forms."""
    rows, calls = (2_000, 20) if quick else (10_000, 500)
    reference = np.random.default_rng(4).standard_normal((rows, _WIDE)).astype(np.float32)
    values = np.random.default_rng(3).standard_normal((_ROWS, _WIDE)).astype(np.float32)
    names = [f"n{column}" for column in range(_WIDE)]
    batch = pa.table([np.ascontiguousarray(column) for column in values.T], names)
    monitor = Monitor(Baseline.fit(pa.table([np.ascontiguousarray(column) for column in reference.T], names)))
    mixed = Monitor(Baseline.fit(table(rows, _NUMBERS, _STRINGS, shift=0.0, seed=1)))
    rows_of_both = table(_ROWS, _NUMBERS, _STRINGS, shift=0.1, seed=2)
    contenders = [
        Contender("mlops_runtime", lambda: monitor.update_matrix(values), role="subject", calls=calls),
        Contender("numpy.sum, a plain read", values.sum, role="floor", calls=calls),
    ]
    return [
        measure(f"drift update, float32[{_ROWS}, {_WIDE}]", contenders),
        _of_table(f"{_ROWS} x {_WIDE} float32, Arrow", monitor, batch, calls),
        _of_table(f"{_ROWS} x ({_NUMBERS} numbers + {_STRINGS} strings), Arrow", mixed, rows_of_both, calls),
    ]


def _of_table(name: str, monitor: Monitor, batch: pa.Table, calls: int) -> Measurement:
    contenders = [
        Contender("mlops_runtime", lambda: monitor.update(batch), role="subject", calls=calls),
        Contender("hand-over only", lambda: _native.ArrowTable(batch), role="floor", calls=calls),
    ]
    return measure(f"drift update, {name}", contenders)


if __name__ == "__main__":
    benchmark_main("drift_update", run)
