"""A feature program in a folder of its own, and matrices as a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime.core.durable import durable_directory, durable_stream
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.outputs import Matrices
from mlops_runtime.features.program import FeatureProgram

__all__ = ["read_program_folder", "write_matrices", "write_program"]


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


def write_matrices(path: Path, program: FeatureProgram, matrices: Matrices) -> None:
    """Write a Parquet file with one column per output."""
    columns = {name: pa.array(matrices.dense[:, position]) for position, name in enumerate(program.dense_names)}
    for position, name in enumerate(program.sparse_names):
        columns[name] = pa.array(matrices.sparse[:, position])
    with durable_stream(path) as stream:
        pq.write_table(pa.table(columns), stream)
