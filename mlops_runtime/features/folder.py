"""A feature program in a folder of its own, and matrices as a Parquet file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime.core.durable import durable_directory
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.program import FeatureProgram, Matrices

__all__ = ["matrices_to_parquet", "read_program_folder", "write_program"]


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


def matrices_to_parquet(program: FeatureProgram, matrices: Matrices) -> bytes:
    """Return a Parquet file with one column per output; a category that shares a dense name gets the suffix `:id`."""
    columns = {name: pa.array(matrices.dense[:, position]) for position, name in enumerate(program.dense_names)}
    for position, name in enumerate(program.sparse_names):
        columns[f"{name}:id" if name in columns else name] = pa.array(matrices.sparse[:, position])
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()
