"""From a fitted program and a source to training batches: rows cached once, or streamed when they are too many."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, DataError, SchemaError, problem
from mlops_runtime.data import Manifest, Source
from mlops_runtime.data.loader.loop import ArrayKind
from mlops_runtime.data.loader.shares import Last
from mlops_runtime.data.loader.state import LoaderState
from mlops_runtime.data.loader.stream import StreamLoader
from mlops_runtime.data.loader.stream_data import StreamData
from mlops_runtime.data.loader.stream_plan import StreamSampler
from mlops_runtime.data.rows import Field, RowCache, RowLayout, RowTable
from mlops_runtime.data.schema import listed
from mlops_runtime.features.outputs import Matrices
from mlops_runtime.features.program import FeatureProgram

__all__ = ["rows_of", "stream_of"]

_BATCH_ROWS = 1 << 17


def rows_of(
    program: FeatureProgram,
    source: Source,
    *,
    target: str | None = None,
    manifest: Manifest | None = None,
    cache: RowCache | None = None,
) -> RowTable:
    """Return all rows of a source, transformed, from the cache: written there first when they are not in it.

    Fields: `sparse` int64[s], `dense` float32[d] and, with a target, `target` float32[1]; what the program does not
    make is left out. The rows' identity is that of the files, the filters, the program and the target.
    target: a column of numbers, present in every row. manifest: the source's, if it is at hand; making it hashes every
    file. cache: by default the one under `MLRT_HOME`.
    Raises SchemaError when the source lacks a column or reads one as another kind, DataError for a row without target,
    ConfigError for a program with bags, whose rows have no fixed width, and as `RowCache.build`.
    """
    maker = _RowMaker(program, source, target)
    parts = {
        "dataset": (manifest or source.manifest()).digest,
        "filters": source.filter_digest or "",
        "program": program.digest,
        "target": target or "",
    }
    return (cache or RowCache()).build(maker.layout, parts, maker.batches())


def stream_of(  # noqa: PLR0913 - the options of a loader, by name
    program: FeatureProgram,
    source: Source,
    *,
    batch_rows: int,
    target: str | None = None,
    manifest: Manifest | None = None,
    sampler: StreamSampler | None = None,
    seed: int = 0,
    shard: int = 0,
    shards: int = 1,
    last: Last = "keep",
    prefetch: int = 2,
    as_: ArrayKind = "numpy",
    state: LoaderState | None = None,
) -> StreamLoader:
    """Return a loader of the rows of Parquet files, transformed as they are decoded; see `StreamLoader`.

    Fields, target, manifest and errors: as for `rows_of`; a row without target shows when its window is decoded.
    """
    maker = _RowMaker(program, source, target)
    return StreamLoader(
        StreamData(maker.source, maker.layout, maker),
        (manifest or source.manifest()).digest,
        batch_rows=batch_rows,
        sampler=sampler,
        seed=seed,
        shard=shard,
        shards=shards,
        last=last,
        prefetch=prefetch,
        as_=as_,
        state=state,
    )


class _RowMaker:
    """Makes a program's matrices, and the target, of conformed rows. Safe to call from many threads.

    What it returns is good until the same thread calls it again: the same memory is filled.
    """

    def __init__(self, program: FeatureProgram, source: Source, target: str | None) -> None:
        _check(program, source, target)
        self._program = program
        self._target = target
        self._scratch = threading.local()
        self.source = source.select(list(dict.fromkeys((*program.schema.names, *([target] if target else ())))))
        widths = {"sparse": len(program.sparse_names), "dense": len(program.dense_names), "target": int(bool(target))}
        self._names = [name for name, width in widths.items() if width]
        dtypes = {"sparse": "int64", "dense": "float32", "target": "float32"}
        self.layout = RowLayout(tuple(Field(name, dtypes[name], widths[name]) for name in self._names))

    def batches(self) -> Iterator[Mapping[str, NDArray[Any]]]:
        """Make all rows of the source, in order."""
        for batch in self.source.batches(_BATCH_ROWS):
            yield self(batch.table)

    def __call__(self, table: pa.Table) -> Mapping[str, NDArray[Any]]:
        """Return the arrays of the layout's fields."""
        made = self._program.transform(table, out=self._memory(table.num_rows))
        every = {"sparse": made.sparse, "dense": made.dense}
        if self._target:
            every["target"] = _numbers(table.column(self._target), self._target)
        return {name: every[name] for name in self._names}

    def _memory(self, rows: int) -> Matrices:
        memory: Matrices | None = getattr(self._scratch, "matrices", None)
        if memory is None or len(memory.dense) < rows:
            dense = np.empty((rows, len(self._program.dense_names)), np.float32)
            memory = Matrices(dense, np.empty((rows, len(self._program.sparse_names)), np.int64))
            self._scratch.matrices = memory
        return memory


def _check(program: FeatureProgram, source: Source, target: str | None) -> None:
    if program.bags:
        raise ConfigError(
            _problem("features that are columns of a matrix", f"bags of ids: {listed(program.bag_names)}", "program")
        )
    found, wanted = source.schema.select(program.schema.names), program.schema
    other = [name for name in wanted.names if found.column(name).kind != wanted.column(name).kind]
    if other or (found.trim, found.null_tokens) != (wanted.trim, wanted.null_tokens):
        kinds = ", ".join(f"`{name}` of kind {found.column(name).kind}" for name in other)
        raise SchemaError(
            problem(
                expected="columns of the kinds, and with the null tokens, that the program was fitted on",
                got=kinds or "other rules for texts",
                where="source",
                next_step="open it with `schema=program.schema`",
            )
        )
    if target is not None and source.schema.column(target).kind not in {"number", "integer"}:
        raise SchemaError(_problem("a target of numbers", f"kind {source.schema.column(target).kind}", f"`{target}`"))


def _numbers(values: pa.ChunkedArray, name: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        numbers: NDArray[np.float32] = values.cast(pa.float64(), safe=False).to_numpy().astype(np.float32)
    if not np.isfinite(numbers).all():
        raise DataError(_problem("a number within float32 in every row", "a row without", f"target `{name}`"))
    return numbers.reshape(-1, 1)


def _problem(expected: str, got: str, where: str) -> str:
    steps = {"program": "leave them out of the spec, or batch them yourself"}
    step = steps.get(where, "leave such rows out with a filter, or make a column of numbers first")
    return problem(expected=expected, got=got, where=where, next_step=step)
