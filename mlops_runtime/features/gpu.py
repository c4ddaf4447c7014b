"""A feature program on a GPU: what has a Triton kernel runs there, the rest on the CPU; the same bits either way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.encoders import Encoder, HashIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression
from mlops_runtime.features.outputs import DenseCounts, DenseOutput
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.kernels.dispatch import dense_backend, hash_backend

if TYPE_CHECKING:
    import torch

    from mlops_runtime.kernels.dense.triton import Output as KernelOutput

__all__ = ["DeviceMatrices", "transform_on_gpu"]


@dataclass(frozen=True, slots=True)
class DeviceMatrices:
    """What a program makes of N rows, on a device: dense float32[N, d] and sparse int64[N, s], both contiguous."""

    dense: torch.Tensor
    sparse: torch.Tensor


def transform_on_gpu(program: FeatureProgram, table: pa.Table, *, device: str = "cuda") -> DeviceMatrices:
    """Run a program without bags on a conformed table; the matrices stay on the device.

    device: a torch device; "cpu" only under Triton's interpreter. The bits are those of `FeatureProgram.transform`.
    Raises ConfigError when torch or Triton is not installed, or the program has bags.
    """
    _check(program)
    import torch

    dense = [output for output in program.dense if _is_dense_there(output)]
    hashes = [encoder for encoder in (o.encoder for o in program.sparse) if _is_hash_there(encoder, program)]
    rest = replace(
        program,
        dense=tuple(output for output in program.dense if output not in dense),
        sparse=tuple(output for output in program.sparse if output.encoder not in hashes),
    ).transform(table)
    arrow = program.columns.arrow(table)
    return DeviceMatrices(
        _joined(
            torch.from_numpy(rest.dense).to(device),
            _run_dense(program, dense, arrow, device),
            [output in dense for output in program.dense for _ in output.names],
        ),
        _joined(
            torch.from_numpy(rest.sparse).to(device),
            _run_hashes(program, hashes, arrow, device),
            [output.encoder in hashes for output in program.sparse],
        ),
    )


def _check(program: FeatureProgram) -> None:
    try:
        import torch
        import triton

        del torch, triton
    except ImportError as error:
        raise ConfigError(
            problem(
                expected="torch and Triton",
                got=str(error),
                where="transform_on_gpu",
                next_step='pip install "mlops_runtime[torch,gpu]"',
            )
        ) from error
    if program.bags:
        raise ConfigError(
            problem(
                expected="a program of dense and sparse outputs",
                got=f"bags {', '.join(program.bag_names)}",
                where="transform_on_gpu",
                next_step="run it with FeatureProgram.transform",
            )
        )


def _is_dense_there(output: DenseOutput | DenseCounts) -> TypeGuard[DenseOutput]:
    if not isinstance(output, DenseOutput):
        return False
    steps = [step.name for step in output.expression.steps]
    return dense_backend("cuda", _operation(output.expression), steps) == "triton"


def _operation(expression: Expression) -> str:
    source = expression.source
    return {ColumnValue: "column", Arithmetic: getattr(source, "operation", "")}.get(type(source), "id")


def _is_hash_there(encoder: Encoder, program: FeatureProgram) -> TypeGuard[HashIds]:
    if not isinstance(encoder, HashIds):
        return False
    kinds = [program.schema.column(name).kind for name in encoder.columns]
    return hash_backend("cuda", parts=len(kinds), integers="string" not in kinds) == "triton"


def _joined(rest: torch.Tensor, there: torch.Tensor, is_there: list[bool]) -> torch.Tensor:
    """Put the columns of two matrices into their places."""
    import torch

    if all(is_there):
        return there
    if not any(is_there):
        return rest
    matrix = torch.empty((len(rest), len(is_there)), dtype=rest.dtype, device=rest.device)
    mask = torch.tensor(is_there, device=rest.device)
    matrix[:, mask] = there
    matrix[:, ~mask] = rest
    return matrix


def _run_dense(program: FeatureProgram, outputs: list[DenseOutput], arrow: pa.Table, device: str) -> torch.Tensor:
    """Stage each input column once as float64, NaN where missing, and run the kernel."""
    import torch

    from mlops_runtime.kernels.dense.triton import dense

    readings = list(dict.fromkeys(reading for output in outputs for reading in output.reads))
    native = _native.ArrowTable(arrow)
    staged = np.empty((len(readings), arrow.num_rows))
    for place, reading in enumerate(readings):
        staged[place] = _native.Expression([program.columns.position(reading)], "column", []).evaluate(native)
    described = [_described(output.expression, readings) for output in outputs]
    return dense(torch.from_numpy(staged).to(device), described)


def _described(expression: Expression, readings: list[Reading]) -> KernelOutput:
    places = [readings.index(reading) for reading in expression.reads]
    steps = [(step.name, step.parameters.tolist()) for step in expression.steps]
    return _operation(expression), places[0], places[-1], steps


def _run_hashes(program: FeatureProgram, encoders: list[HashIds], arrow: pa.Table, device: str) -> torch.Tensor:
    import torch

    from mlops_runtime.kernels.hash.triton import hash_ids

    matrix = torch.empty((arrow.num_rows, len(encoders)), dtype=torch.int64, device=device)
    for place, encoder in enumerate(encoders):
        parts = [_integers(arrow.column(program.columns.position(reading))) for reading in encoder.reads]
        keys, missing = (torch.from_numpy(np.stack(arrays)).to(device) for arrays in zip(*parts, strict=True))
        matrix[:, place] = hash_ids(keys, missing, buckets=encoder.buckets, seed=encoder.seed)
    return matrix


def _integers(values: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The keys of an integer or boolean column, 0 where missing, and where they are."""
    missing = values.is_null().to_numpy()
    return pc.fill_null(values.cast(pa.int64()), 0).to_numpy(), missing
