"""Proof that the executors agree: native at every instruction set of this machine, and others, against the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.features.operations import operations_of
from mlops_runtime.features.oracle import transform_reference
from mlops_runtime.features.outputs import Matrices, Output, RaggedIds
from mlops_runtime.features.program import FeatureProgram

__all__ = ["Backend", "OperationParity", "OutputParity", "ParityCheck", "ParityReport", "check_parity", "compare"]

_LEVELS = ("scalar", "avx2", "avx512")


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to run a program, or those of its outputs that it can run.

    program: what it runs, outputs in the order of the whole. run: makes that program's matrices of a conformed table.
    is_exact: whether the oracle's bits are demanded of it.
    """

    program: FeatureProgram
    run: Callable[[pa.Table], Matrices]
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class OutputParity:
    """How one output of a backend differs from the oracle's.

    operations: what the output is made with. differing: values with other bits. max_ulp: the most floats (of ids: the
    largest distance) between a value and the oracle's.
    """

    output: str
    operations: tuple[str, ...]
    backend: str
    differing: int
    max_ulp: int

    def joined(self, other: OutputParity | None) -> OutputParity:
        """Return what holds of the rows of both."""
        if other is None:
            return self
        return replace(self, differing=self.differing + other.differing, max_ulp=max(self.max_ulp, other.max_ulp))


@dataclass(frozen=True, slots=True)
class OperationParity:
    """The worst of all outputs that an operation takes part in, at one backend."""

    operation: str
    backend: str
    outputs: int
    differing: int
    max_ulp: int


@dataclass(frozen=True, slots=True)
class ParityReport:
    """One entry for each backend and output. exact: the backends of which the same bits are demanded."""

    rows: int
    backends: tuple[str, ...]
    exact: tuple[str, ...]
    outputs: tuple[OutputParity, ...]

    @property
    def identical(self) -> bool:
        """Whether no bit differs where none may."""
        return not self.refused

    @property
    def refused(self) -> tuple[OutputParity, ...]:
        """The outputs that differ where they may not."""
        return tuple(entry for entry in self.outputs if entry.differing and entry.backend in self.exact)

    @property
    def operations(self) -> tuple[OperationParity, ...]:
        """One entry for each operation and backend."""
        grouped: dict[tuple[str, str], list[OutputParity]] = {}
        for entry in self.outputs:
            for operation in entry.operations:
                grouped.setdefault((operation, entry.backend), []).append(entry)
        return tuple(
            OperationParity(
                operation,
                backend,
                outputs=len(entries),
                differing=sum(entry.differing for entry in entries),
                max_ulp=max(entry.max_ulp for entry in entries),
            )
            for (operation, backend), entries in grouped.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self) | {
            "operations": [asdict(operation) for operation in self.operations],
            "identical": self.identical,
        }


class ParityCheck:
    """Compares every backend with the NumPy oracle, table by table.

    The native executor runs at every instruction set that this machine has, and has to agree to the last bit; other
    `backends` are compared beside it.
    """

    def __init__(self, program: FeatureProgram, *, backends: Mapping[str, Backend] | None = None) -> None:
        isas = _LEVELS[: _LEVELS.index(_native.detected_isa()) + 1]
        self._program = program
        self._backends = {**{isa: _native_backend(program, isa) for isa in isas}, **(backends or {})}
        self._found: dict[tuple[str, str], OutputParity] = {}
        self._rows = 0

    def update(self, table: pa.Table) -> None:
        """Run every backend on a conformed table."""
        whole = transform_reference(self._program, table)
        for name, backend in self._backends.items():
            part = backend.program
            oracle = whole if part is self._program else transform_reference(part, table)
            for entry in compare(part, name, backend.run(table), oracle):
                key = name, entry.output
                self._found[key] = entry.joined(self._found.get(key))
        self._rows += table.num_rows

    @property
    def report(self) -> ParityReport:
        """What was found in all tables so far."""
        exact = tuple(name for name, backend in self._backends.items() if backend.is_exact)
        return ParityReport(self._rows, tuple(self._backends), exact, tuple(self._found.values()))


def check_parity(
    program: FeatureProgram, table: pa.Table, *, backends: Mapping[str, Backend] | None = None
) -> ParityReport:
    """Run `program` on one conformed table and compare every bit with the NumPy oracle."""
    check = ParityCheck(program, backends=backends)
    check.update(table)
    return check.report


def compare(program: FeatureProgram, backend: str, got: Matrices, oracle: Matrices) -> list[OutputParity]:
    """Compare what a backend made of a table with what the oracle made of it, output by output."""
    entries = []
    for output, mine, theirs in _pairs(program, got, oracle):
        differing, max_ulp = _difference(mine, theirs)
        entries.append(OutputParity(output.name, operations_of(output), backend, differing, max_ulp))
    return entries


def _native_backend(program: FeatureProgram, isa: str) -> Backend:
    def run(table: pa.Table) -> Matrices:
        before = _native.active_isa()
        _native.set_isa(isa)
        try:
            return program.transform(table)
        finally:
            _native.set_isa(before)

    return Backend(program, run, is_exact=True)


_Array = NDArray[np.generic]


def _pairs(program: FeatureProgram, got: Matrices, oracle: Matrices) -> Iterator[tuple[Output, _Array, _Array]]:
    """Each output with the same part of both: its columns of a matrix, or the ids of its bag."""
    first = 0
    for dense in program.dense:
        columns = slice(first, first + len(dense.names))
        yield dense, got.dense[:, columns], oracle.dense[:, columns]
        first += len(dense.names)
    for position, sparse in enumerate(program.sparse):
        yield sparse, got.sparse[:, position], oracle.sparse[:, position]
    for bag in program.bags:
        yield bag, _numbered(got.bags[bag.name]), _numbered(oracle.bags[bag.name])


def _numbered(bag: RaggedIds) -> NDArray[np.int64]:
    """All ids of a bag, each followed by the row it belongs to."""
    rows = np.repeat(np.arange(len(bag.offsets) - 1), np.diff(bag.offsets))
    return np.stack([bag.ids, rows], axis=1)


def _difference(got: _Array, oracle: _Array) -> tuple[int, int]:
    """How many values have other bits, and the largest distance between two."""
    if got.shape != oracle.shape:
        return max(got.size, oracle.size), int(np.iinfo(np.int64).max)
    distance = np.abs(_ordinals(got) - _ordinals(oracle))
    changed = distance if got.dtype != np.float32 else got.view(np.int32) != oracle.view(np.int32)
    return int(np.count_nonzero(changed)), int(distance.max(initial=0))


def _ordinals(values: _Array) -> NDArray[np.int64]:
    """Number the values so that neighbouring floats have neighbouring numbers (-0.0 and 0.0 share one)."""
    if values.dtype != np.float32:
        return values.astype(np.int64)
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
