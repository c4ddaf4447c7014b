"""Proof that the executors agree: native at every instruction set this machine has, against the oracle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.reference import transform_reference

__all__ = ["ColumnParity", "ParityReport", "check_parity", "compare_columns"]

_LEVELS = ("scalar", "avx2", "avx512")


@dataclass(frozen=True, slots=True)
class ColumnParity:
    """How one output column differs from the oracle's at one ISA; `max_ulp` counts the floats between."""

    isa: str
    column: str
    differing: int
    max_ulp: int


@dataclass(frozen=True, slots=True)
class ParityReport:
    """One entry per ISA and output column."""

    rows: int
    isas: tuple[str, ...]
    columns: tuple[ColumnParity, ...]

    @property
    def identical(self) -> bool:
        """Whether no bit differs."""
        return not any(column.differing for column in self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self) | {"identical": self.identical}


def check_parity(program: FeatureProgram, table: pa.Table) -> ParityReport:
    """Run `program` on a conformed table at every ISA and compare every bit with the NumPy oracle."""
    oracle = transform_reference(program, table)
    compared: list[ColumnParity] = []
    isas = _LEVELS[: _LEVELS.index(_native.detected_isa()) + 1]
    before = _native.active_isa()
    try:
        for isa in isas:
            _native.set_isa(isa)
            native = program.transform(table)
            compared.extend(compare_columns(isa, program.dense_names, native.dense, oracle.dense))
            compared.extend(compare_columns(isa, program.sparse_names, native.sparse, oracle.sparse))
    finally:
        _native.set_isa(before)
    return ParityReport(table.num_rows, isas, tuple(compared))


def compare_columns(
    isa: str, names: tuple[str, ...], native: NDArray[np.generic], oracle: NDArray[np.generic]
) -> list[ColumnParity]:
    """Compare two matrices of one shape and dtype column by column, bit by bit."""
    distances = np.abs(_ordinals(native) - _ordinals(oracle))
    differing = (native.view(f"V{native.itemsize}") != oracle.view(f"V{oracle.itemsize}")).sum(axis=0)
    largest = distances.max(axis=0, initial=0)
    return [
        ColumnParity(isa, name, int(differing[position]), int(largest[position])) for position, name in enumerate(names)
    ]


def _ordinals(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Number the values so that neighbouring floats have neighbouring numbers (-0.0 and 0.0 share one)."""
    if values.dtype != np.float32:
        return values.astype(np.int64)
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
