"""Counts of category codes on a GPU: those of `CategoryCounts`, bit for bit, so that the two add up.

A code is a category's position in the reference, as a dictionary holds it; texts become codes on the CPU
(`kernels/dispatch.py`), which also samples what is new. Cost: each code read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

from mlops_runtime.kernels.histogram.tally_triton import BLOCK, TILES, add_slots, flush_sums, instances, summed_slots

if TYPE_CHECKING:
    import torch

__all__ = ["count_codes", "count_codes_kernel"]


@triton.jit
def count_codes_kernel(codes_ptr, counts_ptr, rows, stride, categories, SLOTS: tl.constexpr):
    """TILES x BLOCK codes, `stride` apart. counts: int64[categories + 2]: each category, missing, unseen."""
    first = tl.program_id(0).to(tl.int64) * (TILES * BLOCK)
    sums = tl.zeros([SLOTS if SLOTS > 0 else 1], tl.int32)
    for tile in range(TILES):
        row = first + tile * BLOCK + tl.arange(0, BLOCK)
        inside = row < rows
        code = tl.load(codes_ptr + row * stride, mask=inside, other=0).to(tl.int64)
        slot = tl.where(code < 0, categories, tl.where(code < categories, code, categories + 1)).to(tl.int32)
        sums = add_slots(sums, slot, inside, counts_ptr, SLOTS)
    flush_sums(sums, counts_ptr, categories + 2, SLOTS)


def count_codes(codes: torch.Tensor, categories: int) -> torch.Tensor:
    """Return int64[categories + 2] on the codes' device: rows of each category, missing rows, unseen rows.

    codes: signed integers or uint8 [n], of any stride: below 0 missing, from `categories` on unseen.
    """
    import torch

    rows = len(codes)
    counts = torch.zeros(categories + 2, dtype=torch.int64, device=codes.device)
    if rows:
        slots = summed_slots(categories + 2)
        count_codes_kernel[(instances(rows),)](codes, counts, rows, codes.stride(0), categories, SLOTS=slots)
    return counts
