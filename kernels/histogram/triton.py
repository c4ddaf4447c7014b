"""Histogram counts of float columns on a GPU: those of `Histogram`, bit for bit, so that the two add up.

A program instance takes 32 blocks of rows and finds each value's slot by a branch-free search of the edges, in float64.
Cost: each value read once; the edges stay in the first-level cache. Integers are counted on the CPU, exactly above 2^53
(`kernels/dispatch.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

from mlops_runtime.kernels.histogram.tally_triton import BLOCK, TILES, add_slots, flush_sums, instances, summed_slots

if TYPE_CHECKING:
    import torch

__all__ = ["histogram", "histogram_kernel"]


@triton.jit
def _edges_below(x, edges_ptr, edges, STEPS: tl.constexpr):
    """How many of the increasing edges, fewer than 2**STEPS, are below x; 0 for NaN."""
    found = tl.zeros(x.shape, tl.int32)
    for bit in tl.static_range(STEPS - 1, -1, -1):
        candidate = found + (1 << bit)
        probe = tl.load(edges_ptr + candidate - 1, mask=candidate <= edges, other=float("inf"))
        found = tl.where(probe < x, candidate, found)
    return found


@triton.jit
def histogram_kernel(values_ptr, edges_ptr, counts_ptr, rows, stride, edges, STEPS: tl.constexpr, SLOTS: tl.constexpr):
    """TILES x BLOCK values, `stride` apart. edges: float64[edges]. counts: int64[edges + 4]: slots, NaN, +inf, -inf."""
    first = tl.program_id(0).to(tl.int64) * (TILES * BLOCK)
    sums = tl.zeros([SLOTS if SLOTS > 0 else 1], tl.int32)
    for tile in range(TILES):
        row = first + tile * BLOCK + tl.arange(0, BLOCK)
        inside = row < rows
        x = tl.load(values_ptr + row * stride, mask=inside, other=0.0).to(tl.float64)
        slot = tl.where(x != x, edges + 1, _edges_below(x, edges_ptr, edges, STEPS))
        slot = tl.where(x == float("inf"), edges + 2, slot)
        slot = tl.where(x == float("-inf"), edges + 3, slot)
        sums = add_slots(sums, slot, inside, counts_ptr, SLOTS)
    flush_sums(sums, counts_ptr, edges + 4, SLOTS)


def histogram(values: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """Return int64[k + 4] on the values' device: the slots 0 … k, then how many are NaN, +inf and -inf.

    values: float16, bfloat16, float32 or float64 [n], of any stride. edges: float64[k], contiguous, finite, strictly
    increasing, on the same device; 1 <= k <= 65,535. Slot i holds edges[i - 1] < x <= edges[i].
    """
    import torch

    rows, count = len(values), len(edges)
    counts = torch.zeros(count + 4, dtype=torch.int64, device=values.device)
    if rows:
        constants = {"STEPS": count.bit_length(), "SLOTS": summed_slots(count + 4)}
        histogram_kernel[(instances(rows),)](values, edges, counts, rows, values.stride(0), count, **constants)
    return counts
