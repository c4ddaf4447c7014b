"""XXH3-64 of integer columns on a GPU, and the ids in [0, buckets] that follow from it: `reference.py`, bit for bit.

One column is 8 bytes, a cross of two columns the 16 bytes of their hashes; what needs more, and strings, stay on the
CPU (`kernels/dispatch.py`). Cost: 8 bytes read a value and 8 written; it is bound by memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch

__all__ = ["hash_ids", "hash_ids_kernel"]

_BLOCK = 1024

# Words of XXH3's default secret, combined as inputs of 8 and of 9 to 16 bytes use them.
_FLIP_8 = tl.constexpr(0x1CAD21F72C81017C ^ 0xDB979083E96DD4DE)
_FLIP_LOW = tl.constexpr(0x1F67B3B7A4A44072 ^ 0x78E5C0CC4EE679CB)
_FLIP_HIGH = tl.constexpr(0x2172FFCC7DD05A82 ^ 0x8E2443F7744608B8)
_MIX_1 = tl.constexpr(0x165667919E3779F9)
_MIX_2 = tl.constexpr(0x9FB21C651E98DF25)
_LOW_32 = tl.constexpr(0xFFFFFFFF)


@triton.jit
def _byte_swap(x):
    """Reverse the eight bytes of each uint64."""
    pairs: tl.constexpr = 0x00FF00FF00FF00FF
    quads: tl.constexpr = 0x0000FFFF0000FFFF
    x = ((x >> 8) & pairs) | ((x & pairs) << 8)
    x = ((x >> 16) & quads) | ((x & quads) << 16)
    return (x >> 32) | (x << 32)


@triton.jit
def _hash_8(word, seed):
    """XXH3-64 of eight bytes: `word` is their little-endian value."""
    low = seed & _LOW_32
    swapped = _byte_swap(low)  # the 32-bit swap, in the upper half
    flip = _FLIP_8 - (seed ^ swapped)
    x = ((word >> 32) | (word << 32)) ^ flip
    x ^= ((x << 49) | (x >> 15)) ^ ((x << 24) | (x >> 40))
    x *= _MIX_2
    x ^= (x >> 35) + 8
    x *= _MIX_2
    return x ^ (x >> 28)


@triton.jit
def _hash_16(first, second, seed):
    """XXH3-64 of sixteen bytes: two little-endian words."""
    low = first ^ (_FLIP_LOW + seed)
    high = second ^ (_FLIP_HIGH - seed)
    folded = (low * high) ^ tl.umulhi(low, high)
    x = _byte_swap(low) + high + folded + 16
    x = (x ^ (x >> 37)) * _MIX_1
    return x ^ (x >> 32)


@triton.jit
def _part(columns_ptr, missing_ptr, place, inside, seed):
    """The hashes of one column's rows; 0 where missing."""
    word = tl.load(columns_ptr + place, mask=inside, other=0).to(tl.uint64)
    missing = tl.load(missing_ptr + place, mask=inside, other=1) != 0
    return tl.where(missing, tl.zeros(word.shape, tl.uint64), _hash_8(word, seed))


@triton.jit
def hash_ids_kernel(
    columns_ptr, missing_ptr, seed_ptr, out_ptr, rows, buckets, PARTS: tl.constexpr, BLOCK: tl.constexpr
):
    """Ids of BLOCK rows. columns: int64[PARTS, rows]. missing: uint8, as many. seed: uint64[1]. out: int64[rows]."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = row < rows
    seed = tl.load(seed_ptr)
    zero = tl.zeros([BLOCK], tl.uint64)
    hashed = _part(columns_ptr, missing_ptr, row, inside, seed)
    present = hashed != 0
    if PARTS == 2:
        second = _part(columns_ptr, missing_ptr, rows + row, inside, seed)
        present |= second != 0
        hashed = _hash_16(hashed, second, seed)
    bucket = ((hashed >> 32) * tl.cast(buckets, tl.uint64)) >> 32
    tl.store(out_ptr + row, tl.where(present, bucket + 1, zero).to(tl.int64), mask=inside)


def hash_ids(columns: torch.Tensor, missing: torch.Tensor, *, buckets: int, seed: int) -> torch.Tensor:
    """Return the ids of rows of one integer column, or of the cross of two.

    columns: int64[k, N], contiguous, k of 1 or 2. missing: bool[k, N]. buckets: 1 to 2**31 - 1. seed: 0 to 2**64 - 1.
    Returns int64[N]: 0 where every part is missing, else 1 + the bucket.
    Source: XXH3, `csrc/core/xxh3.hpp`; the multiply-shift reduction is Lemire (2019).
    """
    import torch

    parts, rows = columns.shape
    out = torch.empty(rows, dtype=torch.int64, device=columns.device)
    if rows:
        seeds = torch.tensor([seed - (1 << 64) if seed >> 63 else seed], device=columns.device).view(torch.uint64)
        grid = (triton.cdiv(rows, _BLOCK),)
        hash_ids_kernel[grid](columns, missing.view(torch.uint8), seeds, out, rows, buckets, PARTS=parts, BLOCK=_BLOCK)
    return out
