"""The counting kernels on a real GPU: the counts of the CPU, for every float type and any number of categories."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import ArrowTable, Categories, CategoryCounts, Histogram

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

HAS_GPU = shutil.which("nvidia-smi") is not None and torch.cuda.is_available()
pytestmark = pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")

ROWS = 1_000_003


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("edges", [1, 255, 20_000])
def test_a_histogram_on_the_card_adds_up_with_the_cpus(kind: str, edges: int) -> None:
    from mlops_runtime.kernels.histogram.triton import histogram

    with np.errstate(over="ignore"):
        values = awkward_floats(ROWS).astype(kind)
    bounds = np.linspace(-3, 3, edges) if edges > 1 else np.zeros(1)
    native = Histogram(bounds)
    native.update(column(values), 0)
    there = histogram(torch.from_numpy(values).cuda(), torch.from_numpy(bounds).cuda()).tolist()
    assert there == [*native.counts.tolist(), native.missing, native.positive_infinite, native.negative_infinite]


@pytest.mark.parametrize("categories", [1, 100, 65_536])
def test_codes_on_the_card_add_up_with_the_cpus(categories: int) -> None:
    from mlops_runtime.kernels.category_counts.triton import count_codes

    codes = np.random.default_rng(1).integers(-2, categories + 3, ROWS)
    native = CategoryCounts(Categories(ArrowTable(pa.table({"key": np.arange(categories)}))))
    native.update(column(pa.array(codes, mask=codes < 0)), 0)
    there = count_codes(torch.from_numpy(codes).cuda(), categories).tolist()
    assert there == [*native.counts.tolist(), native.missing, native.unseen]
