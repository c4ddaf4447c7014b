"""A part of a data set that can be read without the rest."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["Part", "no_parts"]


@dataclass(frozen=True, slots=True)
class Part:
    """A row group of a Parquet file, among the files of its source.

    file, group: their numbers, from 0. first_row: the ordinal of its first row in the data set. rows: how many it has
    before filters, 1 at least.
    """

    file: int
    group: int
    first_row: int
    rows: int


def no_parts(where: str) -> ConfigError:
    """Return the error for a file that can only be read from its beginning."""
    return ConfigError(
        problem(
            expected="Parquet files, whose row groups can be read in any order",
            got="a file of another format",
            where=where,
            next_step="write it as Parquet, or read the data set in order",
        )
    )
