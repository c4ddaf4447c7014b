"""Multivariate drift: count a batch against a fitted reference, and report, beside the same by scikit-learn.

The peer scales, projects on as many principal components and back, and makes as many random Fourier features, of which
it takes the mean: what our update does, without exact sums and without a sample. The floor copies the batch. BLAS uses
one thread in both.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import RobustScaler

from mlops_runtime.monitoring.multivariate import MultivariateMonitor, MultivariateReference
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_COLUMNS = 50


def run(quick: bool) -> list[Measurement]:
    """Measure an update of many rows, and the report."""
    rows, rounds = (5_000, 3) if quick else (100_000, 9)
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(_COLUMNS, _COLUMNS)) / np.sqrt(_COLUMNS)
    values = rng.normal(size=(2, rows, _COLUMNS)) @ mixing
    before, now = (pa.table({f"x{c}": part[:, c] for c in range(_COLUMNS)}) for part in values)
    reference = MultivariateReference.fit(before)
    components, features = reference.components.retained, reference.features.size
    scaler = RobustScaler().fit(values[0])
    model = PCA(components).fit(scaler.transform(values[0]))
    sampler = RBFSampler(n_components=features, random_state=0).fit(values[0])
    copy = np.empty_like(values[1])

    def with_sklearn() -> None:
        scaled = scaler.transform(values[1])
        rest = scaled - model.inverse_transform(model.transform(scaled))
        np.sqrt((rest**2).sum(axis=1)).mean()
        sampler.transform(scaled).mean(axis=0)

    monitor = MultivariateMonitor(reference).update(now)
    update = [
        Contender("mlops_runtime", lambda: MultivariateMonitor(reference).update(now), role="subject"),
        Contender("scikit-learn", with_sklearn),
        Contender("copy", lambda: np.copyto(copy, values[1]), role="floor"),
    ]
    report = [Contender("mlops_runtime", monitor.report, role="subject")]
    return [
        measure(f"multivariate update, {rows:,} x {_COLUMNS}", update, rounds=rounds),
        measure(f"multivariate report, {_COLUMNS} columns", report, rounds=rounds),
    ]


if __name__ == "__main__":
    benchmark_main("multivariate", run, packages=("numpy", "scikit-learn"))
