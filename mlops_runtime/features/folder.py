"""A feature program in a folder of its own, and matrices as a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime.core.durable import durable_directory, durable_stream
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.outputs import Matrices
from mlops_runtime.features.program import FeatureProgram

__all__ = ["read_program_folder", "write_matrices", "write_program"]

_BAG = pa.large_list(pa.field("id", pa.int64(), nullable=False))


def write_program(path: Path, program: FeatureProgram, extra: Mapping[str, bytes]) -> None:
    """Write a program, and `extra` files beside it, to a new folder: all of it or nothing."""
    with durable_directory(path) as scratch:
        for name, data in {**program.to_files(), **extra}.items():
            target = scratch / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)


def read_program_folder(path: Path) -> FeatureProgram:
    """Read a program from a folder. Raises ConfigError when there is none, IntegrityError when it is damaged."""
    document = path / "program.json"
    if not document.is_file():
        raise ConfigError(
            problem(
                expected="a folder with program.json",
                got="none",
                where=str(path),
                next_step="write one with `mlrt features fit`",
            )
        )
    tables = sorted((path / "tables").glob("*.arrow"))
    files = {f"tables/{table.name}": table.read_bytes() for table in tables}
    return FeatureProgram.from_files({"program.json": document.read_bytes(), **files})


def write_matrices(path: Path, program: FeatureProgram, tables: Iterable[pa.Table]) -> int:
    """Transform conformed tables, one after another in the same memory, to one Parquet file; return its rows.

    A column for each output: float32, int64, and lists of int64 for bags.
    """
    rows, buffers = 0, None
    schema = _schema(program)
    with durable_stream(path) as stream, pq.ParquetWriter(stream, schema) as writer:
        for table in tables:
            fits = buffers is not None and table.num_rows <= len(buffers.dense)
            matrices = program.transform(table, out=buffers if fits else None)
            buffers = buffers if fits else matrices
            writer.write_table(pa.Table.from_arrays(_columns(matrices), schema=schema))
            rows += table.num_rows
    return rows


def _schema(program: FeatureProgram) -> pa.Schema:
    types = {pa.float32(): program.dense_names, pa.int64(): program.sparse_names, _BAG: program.bag_names}
    return pa.schema([pa.field(name, kind, nullable=False) for kind, names in types.items() for name in names])


def _columns(matrices: Matrices) -> list[pa.Array]:
    bags = [pa.LargeListArray.from_arrays(pa.array(bag.offsets), bag.ids, _BAG) for bag in matrices.bags.values()]
    return [*map(pa.array, matrices.dense.T), *map(pa.array, matrices.sparse.T), *bags]
