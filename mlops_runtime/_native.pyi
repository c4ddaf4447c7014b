"""The native kernels. Written by hand, checked against the module by `mypy.stubtest`.

Arrow in: every `update`, `encode` and `run` takes an `ArrowTable`, a zero-copy view of anything with
`__arrow_c_stream__`. Missing is one rule everywhere: Arrow null, NaN, or (strings) the empty string.
All kernels release the GIL and split rows over the thread pool; results do not depend on the thread count or the ISA.
"""

from typing import Protocol, final, type_check_only

import numpy as np
from numpy.typing import NDArray

@type_check_only
class SupportsArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def active_isa() -> str:
    """Return the SIMD level in use: "scalar", "avx2" or "avx512" (`MLRT_ISA` lowers it)."""

def detected_isa() -> str:
    """Return the best SIMD level this processor supports."""

def set_isa(level: str) -> None:
    """Change the level for this process. ValueError when it is unknown or not available here."""

def thread_count() -> int:
    """Return how many threads the kernels use (`MLRT_THREADS`, else the cores this process may use)."""

def set_thread_count(threads: int) -> None:
    """Change it for this process. ValueError below 1."""

@final
class ArrowTable:
    """A zero-copy view of an Arrow stream: it keeps the producer's buffers alive."""

    def __init__(self, stream: SupportsArrowStream) -> None:
        """Raises TypeError without `__arrow_c_stream__`; ValueError, naming the column, for an unsupported layout."""

    @property
    def num_rows(self) -> int: ...
    @property
    def num_columns(self) -> int: ...
    @property
    def names(self) -> list[str]: ...
    def type_of(self, column: int) -> str:
        """Return "null", "bool", "int8".."uint64", "float16".."float64", "utf8" (any layout), or "other".

        A column without a type ("null") counts as missing everywhere; timestamp[us] is "int64"; kernels refuse "other".
        """

@final
class Moments:
    """Exact, order-free moments of a numeric column: sums are kept without rounding and rounded once at the end."""

    def __init__(self) -> None: ...
    def update(self, table: ArrowTable, column: int) -> None: ...
    def merge(self, other: Moments) -> None: ...
    @property
    def count(self) -> int:
        """Finite values seen."""

    @property
    def missing(self) -> int: ...
    @property
    def positive_infinite(self) -> int: ...
    @property
    def negative_infinite(self) -> int: ...
    @property
    def minimum(self) -> float:
        """Least finite value; NaN when there is none."""

    @property
    def maximum(self) -> float: ...
    def sums(self) -> tuple[int, int]:
        """Return (sum of x, sum of x squared) exactly, as integers in units of 2**-1074 and 2**-2148."""
    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> Moments:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class Histogram:
    """Counts over edges: slot i counts finite x with exactly i edges below x (`searchsorted(edges, x, "left")`)."""

    def __init__(self, edges: NDArray[np.float64]) -> None:
        """edges: float64[k], finite, strictly increasing, 1 <= k <= 65,535. ValueError otherwise."""

    def update(self, table: ArrowTable, column: int) -> None: ...
    def merge(self, other: Histogram) -> None:
        """ValueError when the edges differ."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64[k + 1], a copy."""

    @property
    def missing(self) -> int: ...
    @property
    def positive_infinite(self) -> int: ...
    @property
    def negative_infinite(self) -> int: ...
    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> Histogram:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class QuantileSample:
    """Bottom-k sample of finite values by a keyed hash of the global row ordinal: order-free, exact for n <= k."""

    def __init__(self, capacity: int = 65536, seed: int = 0) -> None: ...
    def update(self, table: ArrowTable, column: int, first_row: int) -> None:
        """first_row: global ordinal of the table's first row, so that parts merge to the same sample as the whole."""

    def merge(self, other: QuantileSample) -> None: ...
    @property
    def count(self) -> int:
        """Finite values offered so far."""

    def sorted_values(self) -> NDArray[np.float64]:
        """Return the sampled values in ascending order, float64[min(count, capacity)]."""
    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> QuantileSample:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class VocabularyCounter:
    """Exact counts of the distinct values of a string or integer column."""

    def __init__(self) -> None: ...
    def update(self, table: ArrowTable, column: int) -> None: ...
    def merge(self, other: VocabularyCounter) -> None: ...
    @property
    def missing(self) -> int: ...
    @property
    def kind(self) -> str:
        """Return "utf8", "int64", or "empty" before any value."""

    def string_entries(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """Return (bytes, offsets[n + 1], counts[n]), most frequent first, ties by byte order."""

    def integer_entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (keys[n], counts[n]), most frequent first, ties by value."""
    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> VocabularyCounter:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class Vocabulary:
    """Frozen map from keys to ids: 0 missing, 1 rare, 2 unseen, and what `ids` gives its keys (>= 3, or 1 for rare)."""

    def __init__(self, keys: ArrowTable, ids: NDArray[np.int64]) -> None:
        """keys: one column, distinct, not null, utf8 or integer; ids: int64[n]. ValueError otherwise."""

    def __len__(self) -> int: ...

@final
class DensePlan:
    """Impute and standardise columns into one row-major float32 matrix, in one pass over each column.

    Output j comes from column `columns[j]`. kind 0 (value): float32((x - center) * scale) with x = fill when missing or
    infinite, computed in float64, clamped to the float32 range. kind 1 (indicator): 1 when x is missing, else 0.
    """

    def __init__(
        self,
        columns: NDArray[np.int32],
        kind: NDArray[np.uint8],
        fill: NDArray[np.float64],
        center: NDArray[np.float64],
        scale: NDArray[np.float64],
    ) -> None: ...
    def run(self, table: ArrowTable, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return float32[rows, outputs], C-contiguous, 64-byte aligned; written into `out` when given."""

@final
class SparsePlan:
    """Encode columns by their vocabularies into one row-major int64 matrix."""

    def __init__(self, columns: NDArray[np.int32], vocabularies: list[Vocabulary]) -> None: ...
    def run(self, table: ArrowTable, out: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return int64[rows, outputs], C-contiguous."""
