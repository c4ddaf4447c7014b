"""One batch: its arrays by name, and where in the order they are from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batch"]


class Batch(Mapping[str, Any]):
    """Arrays by field: NumPy arrays or torch tensors [rows, width], also where the width is 1.

    They are yours to change, and live as long as anything refers to them. `rows`: int64[rows], the ordinals in the
    table of what is in each row. `epoch`, `position`: of its first sample, counted over all shards. `padding`: how many
    of its last rows are repeated from the epoch's beginning.
    """

    __slots__ = ("_arrays", "epoch", "padding", "position", "rows")

    def __init__(
        self, arrays: Mapping[str, Any], rows: NDArray[np.int64], *, epoch: int, position: int, padding: int = 0
    ) -> None:
        self._arrays = arrays
        self.rows = rows
        self.epoch = epoch
        self.position = position
        self.padding = padding

    def __getitem__(self, name: str) -> Any:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in self.items())
        padding = f", {self.padding} of padding" if self.padding else ""
        return f"Batch({fields}; {len(self.rows)} rows at {self.position} of epoch {self.epoch}{padding})"
