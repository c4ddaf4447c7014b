"""Run under Triton's interpreter: every step, hash, gather and count, as kernels, bit for bit as on the CPU."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
import triton

from mlops_runtime._native import ArrowTable, Categories, CategoryCounts, Histogram
from mlops_runtime.data import Column, Schema
from mlops_runtime.features.encoders import HashIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Source, Step
from mlops_runtime.features.gpu import transform_on_gpu
from mlops_runtime.features.outputs import DenseOutput, SparseOutput
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.kernels.category_counts.triton import count_codes
from mlops_runtime.kernels.dense.triton_steps import OPERATIONS, STEPS
from mlops_runtime.kernels.dispatch import dense_backend
from mlops_runtime.kernels.gather.reference import gather_fields
from mlops_runtime.kernels.gather.triton import gather
from mlops_runtime.kernels.histogram.triton import histogram

_ROWS = 1500  # no multiple of a block
_HARD = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    -5e-324,
    2.0**53 + 2,
    -1.0,
    -1 + 2**-53,
    1e300,
    -1e300,
    3.5e38,
    7.0,
]

_PARAMETERS: dict[str, list[list[float]]] = {
    "impute": [[0.25]],
    "clip": [[-2.5, 3.75]],
    "affine": [[0.1, 3.3]],
    "yeo_johnson": [[-0.7], [0.0], [1.3], [2.0]],
    "equals": [[7.0]],
    "table": [[1.5, np.nan, -3.0, 0.1, 8.0, 9.0, 10.0, 11.0]],
    "bucket": [[0.0], [-1.5, 0.0, 0.5, 7.0, 9.0, 11.0]],
    "interpolate": [[0.5, 2.0], [-3.0, -0.25, 0.0, 1.0, 4.0, -5.0, -1.0, 0.1, 0.7, 6.0]],
}


def _table() -> pa.Table:
    random = np.random.default_rng(3)
    x = random.normal(0, 3, _ROWS)
    x[: len(_HARD)] = _HARD
    x[20:60] = np.round(x[20:60])
    x[60:176] = np.ldexp(np.sqrt(0.5), np.arange(-52, 64)) - 1.0  # where log1p's exponent changes
    y = random.permutation(x)
    missing = random.random(_ROWS) < 0.2
    keys = random.integers(-(2**62), 2**62, _ROWS)
    return pa.table(
        {
            "x": x,
            "y": pa.array(y, mask=missing),
            "small": pa.array(random.integers(-3, 9, _ROWS), pa.int32()),
            "key": pa.array(keys, mask=random.permutation(missing)),
            "text": [f"t{i % 7}" for i in range(_ROWS)],
        }
    )


def _program() -> FeatureProgram:
    kinds = {"x": "number", "y": "number", "small": "number", "key": "integer", "text": "string"}
    expressions = [Expression(_source(operation), (Step("impute", [0.5]),)) for operation in OPERATIONS]
    for name in STEPS:
        for parameters in _PARAMETERS.get(name, [[]]):
            expressions += [
                Expression(ColumnValue(column), (Step(name, parameters),)) for column in ("x", "y", "small")
            ]
    chain = (Step("impute", [1.0]), Step("log1p"), Step("affine", [0.2, 1.7]))
    expressions += [Expression(ColumnValue("y"), chain), Expression(ColumnValue("x"), (Step("date_hour"),))]
    hashes = [HashIds(("key",), 1000, 0), HashIds(("key", "small"), 2**31 - 1, 2**53 - 1), HashIds(("text",), 10, 1)]
    return FeatureProgram(
        Schema(tuple(Column(name, kind) for name, kind in kinds.items())),
        tuple(DenseOutput(f"d{i}", expression, 0) for i, expression in enumerate(expressions)),
        tuple(SparseOutput(f"s{i}", encoder, 0) for i, encoder in enumerate(hashes)),
        (),
        _ROWS,
    )


def _source(operation: str) -> Source:
    return ColumnValue("x") if operation == "column" else Arithmetic(operation, "x", "y")


def _check_gather() -> None:
    """Every kind of value, at both ends of a row; more columns than a tile has, and as many rows as a batch."""
    random = np.random.default_rng(4)
    kinds = {"a": ("int64", 26), "b": ("float64", 1), "c": ("float32", 13), "d": ("int32", 3), "e": ("uint8", 1100)}
    offsets = np.cumsum([0, *(np.dtype(kind).itemsize * width for kind, width in kinds.values())])
    data = random.integers(0, 256, (301, -(-offsets[-1] // 8) * 8), np.uint8)
    fields = {name: (int(at), *kinds[name]) for name, at in zip(kinds, offsets, strict=False)}
    for count in (0, 1, 3, 31, 32, 33, 4096):
        ordinals = random.integers(0, 301, count)
        expected = gather_fields(data, ordinals, {n: (at, np.dtype(kind), w) for n, (at, kind, w) in fields.items()})
        torch_fields = {n: (at, getattr(torch, kind), w) for n, (at, kind, w) in fields.items()}
        found = gather(torch.from_numpy(data), torch.from_numpy(ordinals), torch_fields)
        for name, output in found.items():
            assert output.numpy().tobytes() == expected[name].tobytes(), f"{count} rows: field {name} differs"


def _check_histogram() -> None:
    """Few edges and many; every float type, values on edges, strides, and sizes around a block and a program."""
    random = np.random.default_rng(5)
    x = np.append(_HARD, random.normal(0, 3, 100_000))  # a third is more than a program takes
    for edges in ([0.0], np.quantile(x[20:], np.linspace(0, 1, 257)[1:-1]), np.linspace(-6, 6, 3000)):
        bounds = np.array(edges, np.float64)
        x[100 : 100 + len(bounds)] = bounds
        for kind in ("float16", "float32", "float64") if len(bounds) < 256 else ("float64",):
            with np.errstate(over="ignore"):
                values = x.astype(kind)
            for part in (values[:0], values[:1], values[:1025], values[::3]):
                native = Histogram(bounds)
                native.update(ArrowTable(pa.table({"x": part})), 0)
                special = [native.missing, native.positive_infinite, native.negative_infinite]
                found = histogram(torch.from_numpy(part), torch.from_numpy(bounds)).tolist()
                assert found == [*native.counts.tolist(), *special], f"{len(part)} {kind}: counts differ"


def _check_codes() -> None:
    """Few categories and many; missing and unseen codes; sizes around a block and a program."""
    random = np.random.default_rng(6)
    for count in (1, 100, 5000):
        categories = Categories(ArrowTable(pa.table({"key": np.arange(count)})))
        for rows in (0, 1, 1025, 33_000):
            codes = random.integers(-2, count + 3, rows).astype(np.int32)
            native = CategoryCounts(categories)
            native.update(ArrowTable(pa.table({"x": pa.array(codes, mask=codes < 0)})), 0)
            found = count_codes(torch.from_numpy(codes), count).tolist()
            assert found == [*native.counts.tolist(), native.missing, native.unseen], f"{rows} codes: counts differ"


def main() -> None:
    _check_gather()
    _check_histogram()
    _check_codes()
    program, table = _program(), _table()
    for rows in (0, 1, 127, 128, 129, _ROWS):
        part = table.slice(0, rows)
        native = program.transform(part)
        on_gpu = transform_on_gpu(program, part, device="cpu")
        different = np.nonzero((native.dense.view(np.uint32) != on_gpu.dense.numpy().view(np.uint32)).any(axis=0))[0]
        steps = [[step.name for step in program.dense[j].expression.steps] for j in different]
        assert not steps, f"{rows} rows: {steps} differ"
        assert (native.sparse == on_gpu.sparse.numpy()).all(), f"{rows} rows: hashes differ"
    there = sum(
        dense_backend("cuda", "column", [s.name for s in o.expression.steps]) == "triton" for o in program.dense
    )
    print(f"Triton {triton.__version__}: {there} of {len(program.dense)} outputs on the GPU, no bit differs")


if __name__ == "__main__":
    main()
