"""What the counting kernels share on a GPU: numbers of slots, added up in a program instance and then in memory.

Few slots are added up on the chip, and each program instance adds its sums to the counts in memory once; many slots are
added there one by one. Integers commute, so the counts do not depend on which instance comes first.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["BLOCK", "TILES", "add_slots", "flush_sums", "instances", "summed_slots"]

BLOCK = tl.constexpr(1024)
TILES = tl.constexpr(32)  # blocks of a program instance
_MOST_SUMMED = 2048  # slots that are added up on the chip


@triton.jit
def add_slots(sums, slot, inside, counts_ptr, SLOTS: tl.constexpr):
    """Count the slots of a block: in `sums` where SLOTS, a power of two, is not 0, else in memory. Returns the sums."""
    if SLOTS > 0:
        return sums + tl.histogram(tl.where(inside, slot, SLOTS - 1), SLOTS)
    tl.atomic_add(counts_ptr + slot, tl.full(slot.shape, 1, tl.int64), mask=inside, sem="relaxed")
    return sums


@triton.jit
def flush_sums(sums, counts_ptr, count, SLOTS: tl.constexpr):
    """Add the sums of the first `count` slots to the counts: int64[count]."""
    if SLOTS > 0:
        slot = tl.arange(0, SLOTS)
        tl.atomic_add(counts_ptr + slot, sums.to(tl.int64), mask=(slot < count) & (sums > 0), sem="relaxed")


def instances(rows: int) -> int:
    """Return how many program instances take so many rows."""
    return int(triton.cdiv(rows, TILES.value * BLOCK.value))


def summed_slots(count: int) -> int:
    """Return SLOTS for so many slots: at least one more, for rows outside; 0 when they are too many."""
    return triton.next_power_of_2(count + 1) if count < _MOST_SUMMED else 0
