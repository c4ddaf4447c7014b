"""The fused dense transform on a GPU: columns in, one row-major float32 matrix out, in one launch.

A program instance takes BLOCK rows. Each output is computed in float64 by its own steps, unrolled at compile time; a
thread stores four neighbouring outputs of its row at once. No fused multiply-add:
on the same input the bits are those of `reference.py`. What is not in STEPS stays on the CPU (`kernels/dispatch.py`).
Cost: each input once, each output once, so it is bound by memory as long as outputs have few transcendental steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import triton
import triton.language as tl

from mlops_runtime.kernels.dense.elementary_triton import expm1, log1p
from mlops_runtime.kernels.dense.triton_steps import OPERATIONS, STEPS

if TYPE_CHECKING:
    import torch

__all__ = ["Output", "dense", "dense_kernel", "flatten"]

# (operation, left column, right column, steps); a step is (name, parameters).
Output = tuple[str, int, int, Sequence[tuple[str, Sequence[float]]]]

_BLOCK = 128


@triton.jit
def _source(columns_ptr, row, rows, inside, OPERATION: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr):
    x = tl.load(columns_ptr + LEFT * rows + row, mask=inside, other=0.0).to(tl.float64)
    if OPERATION > 0:
        y = tl.load(columns_ptr + RIGHT * rows + row, mask=inside, other=0.0).to(tl.float64)
        missing = (x != x) | (y != y)
        if OPERATION == 1:
            z = x + y
        elif OPERATION == 2:
            z = x - y
        elif OPERATION == 3:
            z = x * y
        else:
            z = x / y
        x = tl.where(missing, float("nan"), z)
    return x


@triton.jit
def _at_or_below(x, sorted_ptr, COUNT: tl.constexpr):
    """How many of COUNT increasing numbers are <= x; 0 for NaN."""
    found = tl.zeros(x.shape, tl.int32)
    for bit in tl.static_range(30, -1, -1):
        if (1 << bit) <= COUNT:
            candidate = found + (1 << bit)
            probe = tl.load(sorted_ptr + candidate - 1, mask=candidate <= COUNT, other=float("inf"))
            found = tl.where((candidate <= COUNT) & (probe <= x), candidate, found)
    return found


@triton.jit
def _interpolate(x, knots_ptr, COUNT: tl.constexpr):
    """Piecewise linear through COUNT knots (all x, then all y), constant outside."""
    if COUNT == 1:
        return tl.where(x == x, tl.load(knots_ptr + 1), x)
    left = tl.load(knots_ptr)
    right = tl.load(knots_ptr + COUNT - 1)
    clamped = tl.where(x < left, left, tl.where(x > right, right, x))
    i = tl.minimum(tl.maximum(_at_or_below(clamped, knots_ptr, COUNT) - 1, 0), COUNT - 2)
    x_0 = tl.load(knots_ptr + i)
    x_1 = tl.load(knots_ptr + i + 1)
    y_0 = tl.load(knots_ptr + COUNT + i)
    y_1 = tl.load(knots_ptr + COUNT + i + 1)
    return y_0 + (clamped - x_0) * ((y_1 - y_0) / (x_1 - x_0))


@triton.jit
def _table(x, values_ptr, COUNT: tl.constexpr):
    """The x-th of COUNT values; NaN where x is not a whole number among 0 to COUNT - 1."""
    valid = (x >= 0.0) & (x < COUNT)
    place = tl.where(valid, x, 0.0).to(tl.int32)
    valid &= place.to(tl.float64) == x
    return tl.where(valid, tl.load(values_ptr + place), float("nan"))


@triton.jit
def _with_sign(magnitude, x):
    """`magnitude` with the sign bit of x: -0.0 has one too."""
    bits = magnitude.to(tl.int64, bitcast=True) & 0x7FFFFFFFFFFFFFFF
    sign = x.to(tl.int64, bitcast=True) & -0x8000000000000000
    return (bits | sign).to(tl.float64, bitcast=True)


@triton.jit
def _yeo_johnson(x, power):
    length = log1p(tl.abs(x))
    a = tl.where(x >= 0.0, power + tl.zeros(x.shape, tl.float64), 2.0 - power)
    bent = expm1(a * length) / tl.where(a == 0.0, 1.0, a)
    return _with_sign(tl.where(a == 0.0, length, bent), x)


@triton.jit
def _step(x, p, CODE: tl.constexpr, COUNT: tl.constexpr):
    """Apply step STEPS[CODE], whose COUNT parameters start at `p`."""
    if CODE == 0:  # impute
        finite = (x - x) == 0.0
        x = tl.where(finite, x, tl.load(p))
    elif CODE == 1:  # clip
        low = tl.load(p)
        high = tl.load(p + 1)
        x = tl.where(x < low, low, x)
        x = tl.where(x > high, high, x)
    elif CODE == 2:  # affine
        x = (x - tl.load(p)) * tl.load(p + 1)
    elif CODE == 3:  # log1p
        x = log1p(x)
    elif CODE == 4:  # signed_log1p
        x = tl.where(x != x, x, _with_sign(log1p(tl.abs(x)), x))
    elif CODE == 5:  # sqrt
        x = tl.where(x != x, x, tl.sqrt(tl.where(x > 0.0, x, 0.0)))
    elif CODE == 6:  # yeo_johnson
        x = tl.where(x != x, x, _yeo_johnson(x, tl.load(p)))
    elif CODE == 7:  # equals
        x = (x == tl.load(p)).to(tl.float64)
    elif CODE == 8:  # is_missing
        x = (x != x).to(tl.float64)
    else:
        x = _lookup(x, p, CODE, COUNT)
    return x


@triton.jit
def _lookup(x, p, CODE: tl.constexpr, COUNT: tl.constexpr):
    """Apply a step that reads at a place which depends on x."""
    if CODE == 9:  # table
        x = _table(x, p, COUNT)
    elif CODE == 10:  # bucket
        x = tl.where(x != x, x, _at_or_below(x, p, COUNT).to(tl.float64))
    else:  # interpolate
        x = tl.where(x != x, x, _interpolate(x, p, COUNT // 2))
    return x


@triton.jit
def _to_float32(x):
    largest: tl.constexpr = 3.4028234663852886e38
    bounded = tl.where(x > largest, largest, tl.where(x < -largest, -largest, x))
    quiet = tl.full(x.shape, 0x7FC00000, tl.int32).to(tl.float32, bitcast=True)
    return tl.where(x != x, quiet, bounded.to(tl.float32))


@triton.jit
def _expression(columns_ptr, parameters_ptr, row, rows, inside, PROGRAM: tl.constexpr, AT: tl.constexpr):
    """The output whose description starts at PROGRAM[AT]: see `dense_kernel`."""
    operation: tl.constexpr = PROGRAM[AT]
    left: tl.constexpr = PROGRAM[AT + 1]
    right: tl.constexpr = PROGRAM[AT + 2]
    steps: tl.constexpr = PROGRAM[AT + 3]
    x = _source(columns_ptr, row, rows, inside, operation, left, right)
    for k in tl.static_range(steps):
        x = _step(x, parameters_ptr + PROGRAM[AT + 5 + 3 * k], PROGRAM[AT + 4 + 3 * k], PROGRAM[AT + 6 + 3 * k])
    return _to_float32(x)


@triton.jit
def dense_kernel(
    columns_ptr,
    parameters_ptr,
    out_ptr,
    rows,
    PROGRAM: tl.constexpr,
    STARTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """BLOCK rows of a matrix.

    columns: float32 or float64[C, rows], NaN where missing. parameters: float64, of all steps. out: float32[rows,
    len(STARTS)]. PROGRAM, from STARTS[j] on, for output j: operation, left column, right column, number of steps, then
    of each step its code, first parameter and number of parameters. Flat, because nested tuples are no constants yet in
    Triton 3.6.
    """
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = row < rows
    width: tl.constexpr = len(STARTS)
    for first in tl.static_range(0, width, 4):
        a = _expression(columns_ptr, parameters_ptr, row, rows, inside, PROGRAM, STARTS[first])
        b, c, d = a, a, a  # beyond the matrix; not stored
        if first + 1 < width:
            b = _expression(columns_ptr, parameters_ptr, row, rows, inside, PROGRAM, STARTS[first + 1])
        if first + 2 < width:
            c = _expression(columns_ptr, parameters_ptr, row, rows, inside, PROGRAM, STARTS[first + 2])
        if first + 3 < width:
            d = _expression(columns_ptr, parameters_ptr, row, rows, inside, PROGRAM, STARTS[first + 3])
        tile = tl.reshape(tl.join(tl.join(a, c), tl.join(b, d)), [BLOCK, 4])
        column = first + tl.arange(0, 4)
        kept = inside[:, None] & (column < width)[None, :]
        tl.store(out_ptr + row[:, None] * width + column[None, :], tile, mask=kept)


def dense(columns: torch.Tensor, outputs: Sequence[Output]) -> torch.Tensor:
    """Run expressions on a GPU.

    columns: float32 or float64[C, N], contiguous, NaN where missing. Returns float32[N, len(outputs)] on the columns'
    device. Raises ValueError for an operation or a step that is not in OPERATIONS or STEPS.
    """
    import torch

    rows = columns.shape[1]
    program, starts, parameters = flatten(outputs)
    out = torch.empty((rows, len(starts)), dtype=torch.float32, device=columns.device)
    if rows and starts:
        values = torch.tensor(parameters or [0.0], dtype=torch.float64, device=columns.device)
        dense_kernel[(triton.cdiv(rows, _BLOCK),)](
            columns, values, out, rows, program, starts, BLOCK=_BLOCK, enable_fp_fusion=False
        )
    return out


def flatten(outputs: Sequence[Output]) -> tuple[tuple[int, ...], tuple[int, ...], list[float]]:
    """Return PROGRAM, STARTS and the parameters of `dense_kernel`; ValueError for what it cannot run."""
    program: list[int] = []
    starts: list[int] = []
    parameters: list[float] = []
    for operation, left, right, steps in outputs:
        starts.append(len(program))
        program += [OPERATIONS.index(operation), left, right, len(steps)]
        for name, values in steps:
            program += [STEPS.index(name), len(parameters), len(values)]
            parameters.extend(values)
    return tuple(program), tuple(starts), parameters
