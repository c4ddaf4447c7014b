"""Which backend runs which operation where: the only file that knows them all.

native   C++ (`csrc/kernels`) on the CPU, every operation, at the level of `mlops_runtime.active_isa()`
triton   a GPU kernel (`triton.py` beside the operation's oracle), for data that is, or goes, on that GPU

Data on the CPU stays there: copying it to a GPU and back costs more than the native kernels do (a transform moves each
byte once, at the bandwidth of memory; the bus to a GPU is slower). What a GPU kernel cannot run falls back to native.

>>> dense_backend("cuda", "column", ("impute", "log1p")), dense_backend("cuda", "column", ("date_hour",))
('triton', 'native')
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from mlops_runtime.kernels.dense.triton_steps import OPERATIONS, STEPS

__all__ = ["Backend", "Device", "count_backend", "dense_backend", "gather_backend", "hash_backend"]

Backend = Literal["native", "triton"]
Device = Literal["cpu", "cuda"]

_MOST_HASH_PARTS = 2  # a cross of more is rare, and another branch of XXH3


def dense_backend(device: Device, operation: str, steps: Collection[str]) -> Backend:
    """Choose for an expression: its source's operation, and the names of its steps."""
    on_gpu = device == "cuda" and operation in OPERATIONS and all(step in STEPS for step in steps)
    return "triton" if on_gpu else "native"


def hash_backend(device: Device, *, parts: int, integers: bool) -> Backend:
    """Choose for a hash of `parts` columns, all of them integers or not."""
    return "triton" if device == "cuda" and integers and parts <= _MOST_HASH_PARTS else "native"


def count_backend(values: Device, *, are: Literal["floats", "codes", "integers", "texts"]) -> Backend:
    """Choose for a histogram of floats or counts of category codes, by where they are; the counts of both add up.

    Integers are cut and texts are found on the CPU, exactly: the first above 2^53, the second by all their bytes.
    """
    return "triton" if values == "cuda" and are in ("floats", "codes") else "native"


def gather_backend(rows: Device) -> Backend:
    """Choose for rows by their ordinals, by where the rows are: a batch crosses the bus once, or not at all."""
    return "triton" if rows == "cuda" else "native"
