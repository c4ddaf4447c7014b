"""A feature program on a GPU: what has a Triton kernel runs there, the rest on the CPU; the same bits either way."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.encoders import Encoder, HashIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression
from mlops_runtime.features.outputs import DenseCounts, DenseOutput, Matrices
from mlops_runtime.features.parity import Backend
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.kernels.dispatch import dense_backend, hash_backend

if TYPE_CHECKING:
    import torch

    from mlops_runtime.kernels.dense.triton import Output as KernelOutput

__all__ = ["DeviceMatrices", "can_run_triton", "outputs_on_gpu", "transform_on_gpu", "triton_backend"]


@dataclass(frozen=True, slots=True)
class DeviceMatrices:
    """What a program makes of N rows, on a device: dense float32[N, d] and sparse int64[N, s], both contiguous."""

    dense: torch.Tensor
    sparse: torch.Tensor


def transform_on_gpu(program: FeatureProgram, table: pa.Table, *, device: str = "cuda") -> DeviceMatrices:
    """Run a program without bags on a conformed table; the matrices stay on the device.

    device: a torch device; "cpu" only under Triton's interpreter. The bits are those of `FeatureProgram.transform`.
    Raises ConfigError when torch or Triton is not installed, there is no such device, or the program has bags.
    """
    _require_triton()
    _require_device(device)
    if program.bags:
        raise ConfigError(
            problem(
                expected="a program of dense and sparse outputs",
                got=f"bags {', '.join(program.bag_names)}",
                where="transform_on_gpu",
                next_step="run it with FeatureProgram.transform",
            )
        )
    import torch

    there = outputs_on_gpu(program)
    rest = replace(
        program,
        dense=tuple(output for output in program.dense if output not in there.dense),
        sparse=tuple(output for output in program.sparse if output not in there.sparse),
    ).transform(table)
    arrow = there.columns.arrow(table)
    return DeviceMatrices(
        _joined(
            torch.from_numpy(rest.dense).to(device),
            _run_dense(there, arrow, device),
            [output in there.dense for output in program.dense for _ in output.names],
        ),
        _joined(
            torch.from_numpy(rest.sparse).to(device),
            _run_hashes(there, arrow, device),
            [output in there.sparse for output in program.sparse],
        ),
    )


def outputs_on_gpu(program: FeatureProgram) -> FeatureProgram:
    """Return the program of those outputs that have a Triton kernel."""
    return replace(
        program,
        dense=tuple(output for output in program.dense if _is_dense_there(output)),
        sparse=tuple(output for output in program.sparse if _is_hash_there(output.encoder, program)),
        bags=(),
    )


def triton_backend(program: FeatureProgram) -> Backend:
    """Return Triton's kernels as a backend of the outputs that have one: on the GPU, or in Triton's interpreter.

    Raises ConfigError when torch or Triton is not installed, or there is neither a GPU nor TRITON_INTERPRET=1.
    """
    _require_triton()
    import triton

    device = "cpu" if triton.knobs.runtime.interpret else "cuda"
    _require_device(device)
    part = outputs_on_gpu(program)

    def run(table: pa.Table) -> Matrices:
        made = transform_on_gpu(part, table, device=device)
        return Matrices(made.dense.cpu().numpy(), made.sparse.cpu().numpy(), {})

    return Backend(part, run, is_exact=True)


def can_run_triton() -> bool:
    """Whether Triton is installed and has a GPU or its interpreter to run on."""
    if find_spec("triton") is None or find_spec("torch") is None:
        return False
    if os.environ.get("TRITON_INTERPRET") == "1":
        return True
    if shutil.which("nvidia-smi") is None:  # torch, which takes seconds to load, would find no GPU either
        return False
    import torch

    return torch.cuda.is_available()


def _require_triton() -> None:
    try:
        import torch
        import triton

        del torch, triton
    except ImportError as error:
        raise ConfigError(
            problem(
                expected="torch and Triton",
                got=str(error),
                where="the Triton kernels",
                next_step='pip install "mlops_runtime[torch,gpu]"',
            )
        ) from error


def _require_device(device: str) -> None:
    import torch
    import triton

    if triton.knobs.runtime.interpret if device == "cpu" else torch.cuda.is_available():
        return
    raise ConfigError(
        problem(
            expected="a GPU, or Triton's interpreter on the CPU",
            got="no GPU" if device != "cpu" else "the CPU without the interpreter",
            where="the Triton kernels",
            next_step="set TRITON_INTERPRET=1 to run them on the CPU, slowly",
        )
    )


def _is_dense_there(output: DenseOutput | DenseCounts) -> bool:
    if not isinstance(output, DenseOutput):
        return False
    steps = [step.name for step in output.expression.steps]
    return dense_backend("cuda", _operation(output.expression), steps) == "triton"


def _operation(expression: Expression) -> str:
    source = expression.source
    return {ColumnValue: "column", Arithmetic: getattr(source, "operation", "")}.get(type(source), "id")


def _is_hash_there(encoder: Encoder, program: FeatureProgram) -> bool:
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


def _run_dense(program: FeatureProgram, arrow: pa.Table, device: str) -> torch.Tensor:
    """Stage each input column once as float64, NaN where missing, and run the kernel."""
    import torch

    from mlops_runtime.kernels.dense.triton import dense

    expressions = [output.expression for output in program.dense if isinstance(output, DenseOutput)]
    readings = list(dict.fromkeys(reading for expression in expressions for reading in expression.reads))
    native = _native.ArrowTable(arrow)
    staged = np.empty((len(readings), arrow.num_rows))
    for place, reading in enumerate(readings):
        staged[place] = _native.Expression([program.columns.position(reading)], "column", []).evaluate(native)
    described = [_described(expression, readings) for expression in expressions]
    return dense(torch.from_numpy(staged).to(device), described)


def _described(expression: Expression, readings: list[Reading]) -> KernelOutput:
    places = [readings.index(reading) for reading in expression.reads]
    steps = [(step.name, step.parameters.tolist()) for step in expression.steps]
    return _operation(expression), places[0], places[-1], steps


def _run_hashes(program: FeatureProgram, arrow: pa.Table, device: str) -> torch.Tensor:
    import torch

    from mlops_runtime.kernels.hash.triton import hash_ids

    encoders = [output.encoder for output in program.sparse if isinstance(output.encoder, HashIds)]
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
