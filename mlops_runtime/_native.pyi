"""The native kernels. Written by hand, checked against the module by `mypy.stubtest`.

Arrow in: every `update`, `encode` and `run` takes an `ArrowTable`, a zero-copy view of anything with
`__arrow_c_stream__`. Missing is one rule everywhere: Arrow null, NaN, or (strings) the empty string.
All kernels release the GIL and split rows over the thread pool; results do not depend on the thread count or the ISA.
"""

from collections.abc import Sequence
from typing import Any, Literal, Never, Protocol, final, overload, type_check_only

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

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
        """Return "null", "bool", "int8".."uint64", "float16".."float64", "utf8" (any layout), "list", or "other".

        A column without a type ("null") counts as missing everywhere; timestamp[us] is "int64"; a "list" (any layout)
        is one of strings, integers or booleans, which `Bag` reads; kernels refuse "other".
        """

def texts_are_clean(table: ArrowTable, column: int, null_tokens: list[str], *, trim: bool) -> bool:
    """Whether no text of a column (of a dictionary: no entry) is invalid UTF-8, a null token or, if trimmed, padded.

    White space is Unicode's, as in Python's str.isspace. ValueError for a column that holds no texts.
    """

@final
class Moments:
    """Exact, order-free moments of a numeric column: sums are kept without rounding and rounded once at the end."""

    def __init__(self) -> None: ...
    def update(self, table: ArrowTable, column: int | Expression) -> None: ...
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
        """Least finite value, rounded to nearest; NaN when there is none."""

    @property
    def maximum(self) -> float: ...
    def extremes(self) -> tuple[float, float]:
        """Return the least and greatest finite value exactly: an int where float64 would round it; NaN for none."""

    def sums(self) -> tuple[int, int]:
        """Return (sum of x, sum of x squared) exactly, as integers in units of 2**-1074 and 2**-2148."""
    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> Moments:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class Histogram:
    """Counts over edges: slot i counts finite x with exactly i edges below x (`searchsorted(edges, x, "left")`).

    Nothing is rounded: an integer above 2**53 is compared as it is.
    """

    def __init__(self, edges: NDArray[np.float64 | np.int64 | np.uint64]) -> None:
        """edges: [k], finite, increasing strictly, 1 <= k <= 65,532. ValueError else, TypeError for other types."""

    def update(self, table: ArrowTable, column: int | Expression) -> None: ...
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
class TableCounts:
    """Live counts of all monitored columns of a table, a batch in one call.

    Of a numeric column a `Histogram` and `Moments`, of one of keys `CategoryCounts`.
    """

    def __init__(self, columns: Sequence[NDArray[np.float64 | np.int64 | np.uint64] | Categories]) -> None:
        """columns: the edges of each numeric column, as `Histogram` takes them, or the categories of one of keys."""

    def empty(self) -> TableCounts:
        """Return counts of nothing over the same edges and categories, which are shared."""

    def update(self, table: ArrowTable, places: NDArray[np.int64], begin: int = 0, end: int | None = None) -> None:
        """Count a batch, or its rows from `begin` up to `end`. places: where in the table each column is, -1 where not.

        A column that is not there counts no rows. ValueError, before anything is counted, for other places and rows,
        and for columns that do not hold what is counted.
        """

    def update_matrix(self, values: NDArray[np.floating[Any]], places: NDArray[np.int64]) -> None:
        """Count float16, float32 or float64 [n, k], in any strides, without copying it. places: columns of it.

        TypeError for other types, ValueError for other shapes and places.
        """

    def merge(self, other: TableCounts) -> None:
        """ValueError when edges or categories differ; then nothing was added."""

    def histogram(self, column: int) -> Histogram:
        """Return a copy of a column's counts."""

    def moments(self, column: int) -> Moments:
        """Return a copy of a column's moments."""

    def categories(self, column: int) -> CategoryCounts:
        """Return a copy of a column's counts of categories."""

    def state_bytes(self, column: int) -> int:
        """Return the memory of a column's live state, its edges aside: at most 4,096 for 260 edges."""

    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> TableCounts:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class QuantileSample:
    """Bottom-k sample of finite values by a keyed hash of the global row ordinal: order-free, exact for n <= k."""

    def __init__(self, capacity: int = 65536, seed: int = 0) -> None: ...
    def update(self, table: ArrowTable, column: int | Expression, first_row: int) -> None:
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
class SortedSample:
    """The finite values of a numeric column, sorted once for any number of comparisons; it does not change.

    float32 and what it holds exactly (bool, int8, int16, uint8, uint16, float16) is kept as float32, int64 and uint64
    as they are, anything else as float64. Missing and infinite values are counted and left out.
    """

    def __init__(self, table: ArrowTable, column: int) -> None:
        """ValueError for a column that holds no numbers."""

    @property
    def count(self) -> int:
        """Finite values."""

    @property
    def missing(self) -> int: ...
    @property
    def positive_infinite(self) -> int: ...
    @property
    def negative_infinite(self) -> int: ...
    def sorted_values(self) -> NDArray[Any]:
        """Return the values in ascending order, in the type they are kept in."""

    def distances(self, other: SortedSample) -> tuple[float, float, float, float]:
        """Return Kolmogorov-Smirnov, Wasserstein-1, Cramer-von Mises (T) and Anderson-Darling (A^2), unnormalised.

        ValueError for a sample without a value, and for integers of 2^53 or more beside a sample of another type.
        """

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
class Categories:
    """The categories of a reference, in order; frozen, and shared by every `CategoryCounts` over them."""

    def __init__(self, keys: ArrowTable) -> None:
        """keys: one column of distinct, present strings, integers or booleans, no dictionary. ValueError otherwise."""

    def __len__(self) -> int: ...

@final
class CategoryCounts:
    """Counts of strings, integers or booleans over given categories, and a sample of keys that are none of them."""

    def __init__(self, categories: Categories) -> None: ...
    def update(self, table: ArrowTable, column: int) -> None: ...
    def merge(self, other: CategoryCounts) -> None:
        """ValueError when the categories differ."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64[k], a copy: how many rows hold each category."""

    @property
    def missing(self) -> int: ...
    @property
    def unseen(self) -> int:
        """How many rows hold a key that is no category."""

    def unseen_sample(self) -> list[tuple[int, int, bytes]]:
        """Return (hash, rows, UTF-8) of the 256 unseen keys of the smallest 64-bit hashes, ascending; all, if fewer."""

    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states give equal bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> CategoryCounts:
        """Return the state that `to_bytes` wrote. ValueError for anything else, whoever made it."""

@final
class Vocabulary:
    """Frozen map from keys to ids: 0 missing, 1 rare, 2 unseen, and what `ids` gives its keys (>= 3, or 1 for rare)."""

    def __init__(self, keys: ArrowTable, ids: NDArray[np.int64]) -> None:
        """keys: one column, distinct, not null, utf8 or integer; ids: int64[n]. ValueError otherwise."""

    def __len__(self) -> int: ...

@final
class Expression:
    """One float64 per row: a source followed by steps. NaN is missing.

    operation: "column", the value of columns[0] (a time in microseconds since 1970); "add", "subtract", "multiply" or
    "divide" of columns[0] and columns[1], NaN if either is missing; "id" of columns[0] in `vocabulary`.

    A step is a name and float64 parameters. A finite x never becomes NaN but where it says so; NaN stays NaN but in
    impute, equals and is_missing.

        impute [fill]             `fill` where x is missing or infinite
        clip [low, high]          low where x < low, high where x > high
        log1p                     log(1 + x); below -1 + 2**-53, of that
        signed_log1p              log1p(abs(x)) with the sign of x
        sqrt                      0 where x < 0
        yeo_johnson [a]           Yeo and Johnson (2000): of the sign of x, with L = log1p(abs(x)) and b = a if x >= 0
                                  else 2 - a: L if b is 0, else expm1(b * L) / b
        affine [center, scale]    (x - center) * scale, scale not 0
        interpolate [x_0 .., y_0 ..]  y_i + (x - x_i) * ((y_{i+1} - y_i) / (x_{i+1} - x_i)), x clipped to the knots, i
                                  the last knot <= x, but the last but one at most
        bucket [edge_0 ..]        how many edges are <= x
        table [v_0 ..]            v_x; NaN if x is no whole number among the positions
        equals [k]                1 where x == k, else 0
        is_missing                1 where x is NaN, else 0
        local_time [t_0 .., o_0 ..]  x + o_i, i the last with t_i <= x, the first if none is
        date_year, date_quarter, date_month, date_day, date_day_of_week (Monday 0), date_day_of_year (1 ..),
        date_week (ISO 8601), date_hour, date_minute, date_second, date_minute_of_day
                                  of the time x in the proleptic Gregorian calendar; NaN outside the years 1 to 9999
    """

    def __init__(
        self,
        columns: list[int],
        operation: str,
        steps: list[tuple[str, NDArray[np.float64]]],
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """Raises ValueError, naming the step, for parameters it does not take."""

    def evaluate(self, table: ArrowTable) -> NDArray[np.float64]:
        """Return float64[rows]. ValueError, naming the column, when the table does not suit the source."""

@final
class DensePlan:
    """Expressions into one row-major float32 matrix, in one pass over each input column.

    float32(clamp(x, -max, max)) of each expression's x, max that of float32; NaN stays NaN. Neighbours that start with
    the same source and steps compute them once.
    """

    def __init__(self, outputs: list[Expression | BagCounts]) -> None: ...
    @property
    def width(self) -> int:
        """How many columns the matrix has."""

    def run(self, table: ArrowTable, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return float32[rows, width], C-contiguous, 64-byte aligned; written into `out` when given."""

@final
class VocabularyIds:
    """The ids of a column's keys in a vocabulary."""

    def __init__(self, column: int, vocabulary: Vocabulary) -> None: ...

@final
class HashIds:
    """The ids of a column's keys, or of the cross of two columns or more, by their hash (`hash_values`).

    id = 0 when missing, else 1 + (((h >> 32) * buckets) >> 32).
    """

    def __init__(self, columns: list[int], buckets: int, seed: int) -> None:
        """1 <= buckets < 2**31, 0 <= seed < 2**64. ValueError for other buckets or no column."""

@final
class ExpressionIds:
    """id = 0 where the expression is NaN, else 1 + its value, at most `size` - 1."""

    def __init__(self, expression: Expression, size: int) -> None:
        """2 <= size < 2**31. ValueError for another size, or an expression whose last step is not bucket or table."""

@final
class Bag:
    """The ids of all tokens of a row, in their order.

    tokens: "list" (elements of a list column; missing ones have no id), "characters" (n-grams of code points of a
    string) or "words" (n-grams of runs without white space, joined by one space), `shortest` to `longest` long, shorter
    ones first. lower: A to Z count as a to z. The ids are the vocabulary's, or without one 1 + the bucket of the hash.
    """

    def __init__(
        self,
        column: int,
        tokens: str,
        shortest: int,
        longest: int,
        lower: bool,
        vocabulary: Vocabulary | None,
        buckets: int,
        seed: int,
    ) -> None:
        """ValueError for unknown tokens, lengths or buckets out of range."""

    def run(self, table: ArrowTable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (ids[nnz], offsets[rows + 1])."""

@final
class BagCounts:
    """Dense columns: column j says how often (binary: whether) the id `first_id` + j occurs in the row's bag."""

    def __init__(self, bag: Bag, first_id: int, width: int, binary: bool) -> None:
        """ValueError for a negative id or no column."""

@final
class SparsePlan:
    """Encode columns as ids into one row-major matrix: one encoder per output column."""

    def __init__(self, encoders: list[VocabularyIds | HashIds | ExpressionIds]) -> None: ...
    @overload
    def run(
        self, table: ArrowTable, out: NDArray[np.int64] | None = None, dtype: Literal["int64"] = "int64"
    ) -> NDArray[np.int64]:
        """Return ids[rows, outputs], C-contiguous, written into `out` when given.

        ValueError, naming the encoder, when int32 cannot hold its ids.
        """

    @overload
    def run(
        self, table: ArrowTable, out: NDArray[np.int32] | None = None, *, dtype: Literal["int32"]
    ) -> NDArray[np.int32]: ...

@final
class Feed:
    """Threads that fill the next batches of an order of rows, in buffers that are filled again once they are dropped.

    Batch k < `full` has the `batch_rows` positions from `start + k * stride` on; then `tail`, (start, rows), if any;
    positions beyond the order's end begin it anew. At most `ahead` batches are made before they are taken.
    """

    def __init__(
        self,
        rows: Rows,
        order: Order,
        fields: Sequence[tuple[int, str, int, int]],
        buffer_bytes: int,
        *,
        start: int,
        stride: int,
        batch_rows: int,
        full: int,
        tail: tuple[int, int] | None,
        ahead: int,
        threads: int,
        buffers: Sequence[NDArray[np.uint8]],
    ) -> None:
        """Start the threads.

        fields: offset in a row, dtype, width, and place in a buffer, where the array of a batch begins; ordinals begin
        at 0. buffers: to be filled, of `buffer_bytes` each; none: it allocates as many as it needs. ValueError when
        they do not fit one another.
        """

    def take(self) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
        """Wait for the next batch: int64[rows] ordinals, and [rows, width] for each field, which share one buffer.

        The buffer is theirs as long as one of them lives. RuntimeError after the last batch, after `close`, and in a
        forked child.
        """

    @property
    def is_here(self) -> bool:
        """Whether its threads are in this process, and not in one that this was forked from."""

    def close(self) -> None:
        """End the threads, once they have done the batches that they are at."""

@final
class Rows:
    """Rows of one width, row-major: in memory, where they can be written, or in a verified mapped file."""

    def __init__(self, /, *args: Never, **kwargs: Never) -> None:
        """TypeError: `allocate` or `map` them."""

    @staticmethod
    def allocate(rows: int, row_bytes: int) -> Rows:
        """Return rows of zeros in huge pages. row_bytes: a multiple of 8, at most 2**30. ValueError otherwise."""

    @staticmethod
    def map(
        path: str,
        file_bytes: int,
        row_bytes: int,
        rows: int,
        block_rows: int,
        offsets: NDArray[np.int64],
        hashes: NDArray[np.uint64],
    ) -> Rows:
        """Map a regular file for reading, once every byte of it was compared with its hash, on all threads.

        block_rows: a power of two. offsets: int64[k], where each block begins, ascending multiples of 8. hashes:
        uint64[k + 1], `hash_bytes` of each block; last, of all other bytes of the file, joined. The file is held by a
        shared flock, and stays whole when it is deleted. ValueError when the file is not what is said, OSError when it
        cannot be opened; a symbolic link cannot.
        """

    @property
    def rows(self) -> int: ...
    @property
    def row_bytes(self) -> int: ...
    @property
    def blocks(self) -> list[NDArray[np.uint8]]:
        """The rows where they lie, read-only: uint8[n, row_bytes] for each block, of which memory has one."""

    def write(self, start: int, offsets: list[int], arrays: Sequence[NDArray[Any]]) -> None:
        """Fill the rows from `start` on: row i of each array becomes the bytes at its offset; all other bytes become 0.

        arrays: C-contiguous, of as many rows each; they may not overlap in a row. ValueError otherwise, or when the
        rows are a file's. One writer at a time, and no reader of these rows.
        """

def gather(rows: Rows, ordinals: NDArray[np.int64], offsets: list[int], outputs: list[NDArray[Any]]) -> None:
    """Copy rows by their ordinals, in any order and as often as one likes, into one array for each field.

    ordinals: int64[n]. Row i of an output, [n] or [n, width], C-contiguous, becomes the bytes at its offset in row
    ordinals[i]. ValueError for an ordinal of no row, before anything is written, and for outputs that do not fit.
    """

def hash_bytes(data: Buffer | NDArray[Any]) -> int:
    """Return XXH3-64 (seed 0) of the bytes of a contiguous buffer. ValueError when it is not contiguous."""

class Order:
    """Which row comes at which position of an epoch, computed from the position: nothing is stored for an epoch.

    Any part can be asked for at any time. Keys are two halves of 64 bits: another key, another order.
    """

    def __init__(self, /, *args: Never, **kwargs: Never) -> None:
        """TypeError: there are only the kinds of orders below."""

    @property
    def size(self) -> int:
        """Positions."""

    @property
    def bound(self) -> int:
        """Every row is in [0, bound)."""

    def rows(self, start: int, count: int) -> NDArray[np.int64]:
        """Return int64[count], the rows at [start, start + count). ValueError unless these are in [0, size]."""

@final
class Sequential(Order):
    """The rows as they come."""

    def __init__(self, size: int) -> None:
        """ValueError for a size below 0."""

@final
class Permutation(Order):
    """Every row of [0, size) once, in an order that the key chooses; `csrc/kernels/permutation.hpp` specifies it."""

    def __init__(self, size: int, key_low: int, key_high: int = 0) -> None:
        """0 <= size <= 2**62. ValueError otherwise."""

@final
class Subset(Order):
    """An order over some rows, of a split or a filter: rows[the row that `inner` gives]."""

    def __init__(self, rows: NDArray[np.int64], inner: Order) -> None:
        """rows: int64[m], 0 or more; copied. ValueError when inner.bound > m."""

@final
class WeightedDraws(Order):
    """`size` rows drawn with replacement, each in proportion to its weight; never one of weight 0."""

    def __init__(self, weights: NDArray[np.float64], size: int, key_low: int, key_high: int = 0) -> None:
        """weights: float64[rows], finite, none below 0, of a finite sum above 0. ValueError otherwise.

        Takes 12 to 16 bytes a row; a draw takes 3 steps of a search on average, whatever the weights.
        """

    def with_key(self, key_low: int, key_high: int = 0) -> WeightedDraws:
        """Return the draws of another key; they share what the weights decide."""

@final
class StratifiedOrder(Order):
    """Every row once; after any k positions a stratum of m of the n rows has had k * m / n of them, to within one."""

    def __init__(self, strata: NDArray[np.int64], key_low: int, key_high: int = 0) -> None:
        """strata: int64[n], each row's, numbers of [0, n), n < 2**31. ValueError otherwise. Takes 12 bytes a row."""

    def with_key(self, key_low: int, key_high: int = 0) -> StratifiedOrder:
        """Return the order of another key; it shares what the strata decide."""

@final
class OnlineFormat:
    """What the rows of an online store look like; `csrc/core/online_format.hpp` says how they lie in a file."""

    def __init__(self, parts: str, numbers: int, texts: int, seed: int) -> None:
        """parts: `i` (a whole number) or `t` (a text) for each column of the key. ValueError for anything else."""

    def encode(self, keys: ArrowTable | Sequence[Any]) -> list[bytes | None]:
        """Return the bytes of each key, None for one that is missing; keys as in `OnlineVersion.read`."""

@final
class OnlineSegment:
    """Rows of an online store in a mapped file."""

    def __init__(self, form: OnlineFormat, path: str, size: int, digest: int) -> None:
        """Map the file and check every byte of it. ValueError when it is not what is said, OSError as for open."""

    @property
    def rows(self) -> int: ...
    def count(self, form: OnlineFormat, keys: ArrowTable | Sequence[Any]) -> int:
        """Return how many rows are of these keys; keys as in `OnlineVersion.read`."""

    def write_without(
        self, form: OnlineFormat, keys: ArrowTable | Sequence[Any], descriptor: int
    ) -> tuple[int, int, int]:
        """Write the rows of other keys to an empty file; return as `merge_online_segments`."""

def merge_online_segments(
    form: OnlineFormat, segments: Sequence[OnlineSegment], descriptor: int
) -> tuple[int, int, int]:
    """Write the newest row of each key to an empty file; return its rows, bytes and digest. OSError as for write.

    segments: newest first.
    """

@final
class OnlineVersion:
    """The rows of an online store at one moment."""

    def __init__(self, form: OnlineFormat, segments: Sequence[OnlineSegment]) -> None:
        """segments: newest first; a key's row in a newer one replaces those in older ones."""

    @overload
    def read(
        self, keys: ArrowTable | Sequence[Any], oldest: int, newest: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]: ...
    @overload
    def read(
        self, keys: ArrowTable | Sequence[Any], oldest: NDArray[np.int64], newest: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]:
        """Return found, event, numbers, text_offsets and text_bytes of `OnlineRows`.

        keys: a table of the parts, int64 and utf8; or a sequence of keys, each a tuple of the parts, or the one part;
        None, or a part that is None or the empty text, is never found. oldest, newest: bounds of a row's event time and
        of the moment from which it is available, for all keys or (int64[n]) for each. TypeError for keys of another
        kind, ValueError for those above 65,536 bytes.
        """

@final
class WatchedFile:
    """Whether a file that is held open still is the one under its name."""

    def __init__(self, descriptor: int, path: str) -> None:
        """descriptor: of the file that was opened at `path`; it is duplicated. OSError when it cannot be."""

    @property
    def is_current(self) -> bool:
        """False once the file was replaced; also after a change of its links, owner or permissions."""

@final
class OnlineBuilder:
    """Of rows that come in any order, the newest of each key, in memory."""

    def __init__(self, form: OnlineFormat) -> None: ...
    def add(
        self,
        table: ArrowTable,
        numbers: NDArray[np.float64],
        event: NDArray[np.int64],
        known: NDArray[np.int64],
        base: OnlineVersion,
    ) -> None:
        """Take rows that replace those of `base` with the same key.

        table: the parts of the key (int64, utf8) and the texts (utf8). numbers: float64[rows, F]. event, known:
        int64[rows], the least int64 where a row has none. ValueError for others; then some rows may have been taken.
        """

    @property
    def rows(self) -> int: ...
    @property
    def incomplete(self) -> int:
        """How many rows had no key or no time."""

    @property
    def bytes(self) -> int:
        """Memory taken."""

    def write(self, form: OnlineFormat, descriptor: int) -> tuple[int, int, int]:
        """Write the rows to an empty file; return as `merge_online_segments`."""

def hash_values(table: ArrowTable, columns: list[int], seed: int) -> NDArray[np.uint64]:
    """Return XXH3-64 of each row's key: of a string its UTF-8 bytes, of an integer its 8 little-endian bytes.

    Of two columns or more: XXH3-64 of their hashes, 8 little-endian bytes each. The hash of a missing key is 0; a cross
    is missing when every part is.
    """

@final
class KeyGroups:
    """Numbers for the distinct keys of a column, so that rows of other tables find those with the same key."""

    def __init__(self, table: ArrowTable, column: int) -> None:
        """ValueError for a column that holds no keys, or an unsigned integer beyond 2**63 - 1."""

    def __len__(self) -> int: ...
    def ids(self, table: ArrowTable, column: int) -> NDArray[np.int32]:
        """Return int32[rows]: 0 for a missing key, 3 + its number for one of ours, else 2.

        ValueError for keys of another kind: texts and integers have none in common.
        """

@final
class AsofEntities:
    """Rows that ask for the past of their key, arranged by key and time."""

    def __init__(self, ids: NDArray[np.int32], times: NDArray[np.int64], groups: int) -> None:
        """ids: int32[n] of `KeyGroups.ids`, groups of them. times: int64[n] microseconds, the least for none.

        ValueError for some 2**31 rows or groups, arrays of different lengths, or ids beyond the groups.
        """

@final
class AsofWinners:
    """For each entity row the row of the past with the greatest (event, known, number) that was available then.

    Available is a row from max(event, known) on. State: 32 bytes an entity row, whatever the past holds.
    """

    def __init__(self, entities: AsofEntities) -> None: ...
    def update(
        self,
        ids: NDArray[np.int32],
        event: NDArray[np.int64],
        known: NDArray[np.int64] | None,
        first: int,
        numbers: NDArray[np.int64] | None = None,
    ) -> None:
        """Add rows of the past, in any order and any number of calls.

        ids: int32[m] of the entities' groups. event, known: int64[m] microseconds, the least for none; known None: as
        event. numbers: int64[m], from 0 on; None for first, first + 1 and so on. ValueError for other lengths.
        """

    def finish(self, ttl: int | None) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the winners' numbers int64[n], -1 for none, and fates uint8[n] of the entity rows.

        Fates: 0 matched, 1 expired (the winner's event is more than ttl microseconds before), 2 too early (the key's
        rows are all available later), 3 no row of the key, 4 no time, 5 no key.
        """

    @property
    def rows_missing_key(self) -> int:
        """Rows of the past without a key."""

    @property
    def rows_missing_time(self) -> int:
        """Rows of the past with a key and without a time."""
