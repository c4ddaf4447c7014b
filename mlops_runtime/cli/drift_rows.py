"""What `mlrt drift` takes of rows besides counts, when asked: for all columns together, and for exact distances."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import click
import pyarrow as pa

from mlops_runtime.cli.current import Current
from mlops_runtime.cli.reference import Reference
from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError, problem
from mlops_runtime.monitoring.multivariate import MultivariateReference, TableSample
from mlops_runtime.monitoring.rows import RowStatistics
from mlops_runtime.monitoring.statistics.samples import HeldColumns

__all__ = ["CurrentRows", "ReferenceRows", "rows_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


def rows_options(command: _F) -> _F:
    """Add `--multivariate` and `--exact`, given to the command as `rows`, a `ReferenceRows`."""

    @functools.wraps(command)
    def with_rows(*args: Any, multivariate: bool, exact: bool, **options: Any) -> Any:
        return command(*args, rows=ReferenceRows(multivariate=multivariate, exact=exact), **options)

    options = (
        click.option("--exact", is_flag=True, help="Exact KS and Wasserstein distances; all numbers stay in memory."),
        click.option("--multivariate", is_flag=True, help="Also test all columns together: what no single one shows."),
    )
    for option in options:
        with_rows = option(with_rows)
    return cast("_F", with_rows)


class ReferenceRows:
    """Of the reference: a bounded sample of its rows, if `multivariate`; all of its numbers, if `exact`."""

    def __init__(self, *, multivariate: bool, exact: bool) -> None:
        self._sample = TableSample() if multivariate else None
        self._held = HeldColumns() if exact else None

    def offer(self, table: pa.Table) -> None:
        """Look at the next rows of the reference."""
        if self._sample is not None:
            self._sample.offer(table)
        if self._held is not None:
            self._held.offer(table)

    def require(self, reference: Reference, *, where: str) -> None:
        """Raise ConfigError when a reference that is stored, and not read, lacks what is needed."""
        if reference.stored is None:
            return
        got, next_step = "counts", "give the data as the reference"
        if self._held is not None:
            expected = "data, of which every value is there, for --exact"
            raise ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))
        if self._sample is not None and reference.multivariate is None:
            expected = "data, or a reference of all columns together"
            next_step += ", fit it with `mlrt monitor fit --multivariate`, or train again"
            raise ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))

    def beside(self, current: Current) -> CurrentRows:
        """Return what takes the rows of current data; by now it is known what can be read of them."""
        if self._sample is None:
            return CurrentRows(RowStatistics(None, self._held))
        try:
            return CurrentRows(RowStatistics(_together(self._sample, current), self._held))
        except (EmptyInputError, SchemaError) as error:
            return CurrentRows(RowStatistics(None, self._held), (f"no statistics of all columns together: {error}",))


@dataclass(frozen=True, slots=True)
class CurrentRows:
    """What takes the current rows, and notes on what cannot be taken."""

    taken: RowStatistics
    notes: tuple[str, ...] = ()


def _together(sample: TableSample, current: Current) -> MultivariateReference:
    """Return what is stored; of data a reference of the columns that both sides have."""
    due = current.reference.schema
    names = [name for name in due.names if name in current.source.schema.names]
    if current.reference.stored is None:
        summaries = current.reference.baseline.columns
        categorical = [name for name in names if name in summaries and summaries[name].kind == "categorical"]
        return MultivariateReference.of_sample(sample.table().select(names), categorical=categorical)
    found = current.reference.multivariate
    assert found is not None  # by `require`
    absent = [column.name for column in found.encoding.columns if column.name not in names]
    if absent:
        expected, next_step = "every column of the reference", "compare with data instead, or leave no column out"
        raise SchemaError(
            problem(expected=expected, got=f"no {', '.join(absent)}", where="current data", next_step=next_step)
        )
    return found
