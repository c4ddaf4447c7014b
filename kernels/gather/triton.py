"""Rows by their ordinals on a GPU that holds the rows: `reference.py`, byte for byte.

One launch a field. A program instance takes a tile of rows and columns: neighbouring threads read neighbouring values
of a row and store them side by side. Cost: the sectors of 32 bytes that a field touches in each row, its ordinals and
its output, each once. Rows on the CPU are gathered there (`kernels/dispatch.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch

    Fields = Mapping[str, tuple[int, torch.dtype, int]]

__all__ = ["gather", "gather_kernel", "tile_of"]

_TILE = 1024


@triton.jit
def gather_kernel(
    items_ptr, ordinals_ptr, out_ptr, count, stride, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr
):
    """ROWS x COLS values of a field.

    items: the rows from the field's first value on, as whole numbers of the values' size. stride: from row to row, in
    them. ordinals: int64[count], each of a row. out: [count, WIDTH].
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLS + tl.arange(0, COLS)
    inside = row < count
    kept = inside[:, None] & (column < WIDTH)[None, :]
    start = tl.load(ordinals_ptr + row, mask=inside, other=0) * stride
    values = tl.load(items_ptr + start[:, None] + column[None, :], mask=kept)
    tl.store(out_ptr + row[:, None] * WIDTH + column[None, :], values, mask=kept)


def tile_of(width: int) -> tuple[int, int]:
    """Return how many rows and columns of a field a program instance takes: powers of two."""
    columns = min(triton.next_power_of_2(width), _TILE)
    return _TILE // columns, columns


def gather(rows: torch.Tensor, ordinals: torch.Tensor, fields: Fields) -> dict[str, torch.Tensor]:
    """Return [n, width] of each field, of the rows with these ordinals, on their device.

    rows: uint8[N, row_bytes], contiguous, row_bytes a multiple of 8. ordinals: int64[n] of [0, N): an order's; they are
    not checked. fields: offset in a row, a multiple of the value's size; dtype; width.
    """
    import torch

    count = ordinals.shape[0]
    whole = {1: torch.uint8, 4: torch.int32, 8: torch.int64}
    outputs = {}
    for name, (offset, dtype, width) in fields.items():
        output = torch.empty((count, width), dtype=dtype, device=rows.device)
        outputs[name] = output
        if count:
            size = dtype.itemsize
            items = rows.view(whole[size])[:, offset // size :]
            tile_rows, tile_columns = tile_of(width)
            grid = (triton.cdiv(count, tile_rows), triton.cdiv(width, tile_columns))
            gather_kernel[grid](
                items, ordinals, output.view(whole[size]), count, items.stride(0),
                WIDTH=width, ROWS=tile_rows, COLS=tile_columns,
            )  # fmt: skip
    return outputs
