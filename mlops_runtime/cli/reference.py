"""What live data is compared with, a model's bundle, a stored baseline or data, and how live data is read by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pyarrow as pa

from mlops_runtime.cli.bundles import open_bundle
from mlops_runtime.cli.streaming import watched
from mlops_runtime.core.blob import read_regular
from mlops_runtime.core.errors import ConfigError, EmptyInputError, problem
from mlops_runtime.data import Column, ColumnKind, Schema, Source, open_source
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.multivariate import MultivariateReference
from mlops_runtime.monitoring.reference_file import ReferenceFile
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary
from mlops_runtime.registry import Bundle

__all__ = [
    "Batches",
    "Reference",
    "categorical_option",
    "fit_reference",
    "open_declared",
    "open_reference",
    "require_multivariate",
    "require_stored",
    "stored_reference",
]

_LIMIT_BYTES = 1 << 28
_REGISTERED = re.compile(r"[^@/*?\[\]]+@[^@/*?\[\]]+")

Progress = Callable[[str, float], None]
Look = Callable[[pa.Table], None]

categorical_option = click.option(
    "--categorical",
    multiple=True,
    metavar="COLUMN",
    help="A column of whole numbers that are names, not quantities: codes, ids; may be repeated.",
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A baseline, the kinds and rules by which live data is read, and notes on the data it was fitted on, if any.

    scores: columns that a model adds to its inputs; data without them is complete all the same. stored: where it is
    from when no data was read. chosen: only some columns were asked for, and others are nobody's business.
    """

    baseline: Baseline
    schema: Schema
    notes: tuple[str, ...] = ()
    scores: frozenset[str] = frozenset()
    stored: Bundle | ReferenceFile | None = None
    chosen: bool = False

    @property
    def multivariate(self) -> MultivariateReference | None:
        """What all columns together are told by, if that is stored."""
        return None if self.stored is None else self.stored.multivariate

    def select(self, columns: Iterable[str]) -> Reference:
        """Return the reference of fewer columns. Raises SchemaError for one it lacks."""
        kept = self.schema.select(columns)
        chosen = {name: self.baseline.columns[name] for name in kept.names if name in self.baseline.columns}
        return replace(self, baseline=Baseline(chosen, self.baseline.skipped), schema=kept)


class Batches:
    """The tables of a source, iterated as often as wanted, with a bar that moves between two fractions of the whole.

    look: called with each table, the first time that they are iterated.
    """

    def __init__(
        self,
        source: Source,
        progress: Progress,
        stage: str,
        *,
        start: float = 0.0,
        end: float = 1.0,
        look: Look | None = None,
    ) -> None:
        self._source, self._progress, self._stage = source, progress, stage
        self._start, self._end, self._look = start, end, look

    def __iter__(self) -> Iterator[pa.Table]:
        look, self._look = self._look, None
        for batch in watched(self._source, self._progress, self._stage, start=self._start, end=self._end):
            if look is not None:
                look(batch.table)
            yield batch.table


def open_reference(
    path: str,
    *,
    columns: Sequence[str] | None,
    categorical: Collection[str],
    progress: Progress,
    look: Look | None = None,
) -> Reference:
    """Return what `path` holds: a bundle (directory, or NAME@VERSION), a stored baseline, or data, which is then read.

    columns: only these. categorical: columns of whole numbers that are names; what is stored must know them as such.
    look: called with each table of data. Raises what opening and reading do, and ConfigError for a name in
    `categorical` that is no such column.
    """
    stored = stored_reference(path)
    if stored is None:
        source = open_declared(path, columns=columns, categorical=categorical)
        fitted = fit_reference(source, progress, categorical=categorical, end=0.5, look=look)
        return replace(fitted, chosen=columns is not None)
    _require_categorical(stored.baseline, categorical, where=path)
    return stored if columns is None else replace(stored.select(columns), chosen=True)


def open_declared(paths: str | Sequence[str], *, columns: Sequence[str] | None, categorical: Collection[str]) -> Source:
    """Open data; numbers in the columns `categorical` are read as integers, of which every digit is kept.

    Raises as `open_source`, and ConfigError for a name in `categorical` that is no column.
    """
    source = open_source(paths, columns=columns)
    if not categorical:
        return source
    schema = source.schema
    for name in categorical:
        if name not in schema.names:
            got, next_step = ", ".join(schema.names), "correct the name after --categorical"
            raise ConfigError(problem(expected=f"a column `{name}`", got=got, where=str(paths), next_step=next_step))
    declared = (
        replace(column, kind="integer") if column.name in categorical and column.kind == "number" else column
        for column in schema.columns
    )
    return open_source(paths, schema=replace(schema, columns=tuple(declared)))


def fit_reference(
    source: Source,
    progress: Progress,
    *,
    categorical: Collection[str] = (),
    end: float = 1.0,
    look: Look | None = None,
) -> Reference:
    """Fit a baseline on data of any size, in one pass if its rows are in no order. look: called with each table.

    Raises as `Baseline.fit`; an EmptyInputError names the files.
    """
    batches = Batches(source, progress, "reference", end=end, look=look)
    try:
        baseline = Baseline.fit(batches, categorical=categorical)
    except EmptyInputError as error:
        where = ", ".join(map(str, source.paths or source.files))
        next_step = "check that the export finished"
        raise EmptyInputError(problem(expected="rows", got="none", where=where, next_step=next_step)) from error
    return Reference(baseline, source.schema, source.notes)


def stored_reference(path: str) -> Reference | None:
    """Return the reference that a bundle or a baseline file holds; None when `path` is neither, but data."""
    place = Path(path)
    if (place / "manifest.json").is_file() or (_REGISTERED.fullmatch(path) and not place.exists()):
        bundle = open_bundle(path)
        rules = bundle.program.schema
        scores = frozenset(bundle.baseline.names) - frozenset(rules.names)
        schema = replace(rules, columns=_columns(bundle.baseline))
        return Reference(bundle.baseline, schema, scores=scores, stored=bundle)
    if place.suffix == ".json" and place.is_file():
        file = ReferenceFile.from_bytes(read_regular(place, limit=_LIMIT_BYTES))
        return Reference(file.baseline, Schema(_columns(file.baseline)), stored=file)
    return None


def require_stored(path: str) -> Reference:
    """Return the reference that a bundle or a baseline file holds. Raises ConfigError when `path` is neither."""
    stored = stored_reference(path)
    if stored is None:
        expected, next_step = "a bundle or a baseline file (.json)", "make one with `mlrt monitor fit FILE... -o FILE`"
        got = "data" if Path(path).exists() else "nothing"
        raise ConfigError(problem(expected=expected, got=got, where=path, next_step=next_step))
    return stored


def require_multivariate(reference: Reference, *, where: str) -> MultivariateReference:
    """Return what all columns together are told by. Raises ConfigError when it is not stored."""
    found = reference.multivariate
    if found is None:
        expected, got = "a reference of all columns together", "one of each column alone"
        next_step = "fit it with `mlrt monitor fit --multivariate`, or train again"
        raise ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))
    return found


def _require_categorical(baseline: Baseline, names: Iterable[str], *, where: str) -> None:
    for name in names:
        summary = baseline.columns.get(name)
        if not isinstance(summary, CategoricalSummary):
            expected, got = f"a categorical column `{name}`", "none" if summary is None else f"a {summary.kind} one"
            next_step = "declare it where the baseline is made: `mlrt monitor fit --categorical COLUMN`"
            raise ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))


def _columns(baseline: Baseline) -> tuple[Column, ...]:
    return tuple(Column(name, _kind(summary)) for name, summary in baseline.columns.items())


def _kind(summary: ColumnSummary) -> ColumnKind:
    if isinstance(summary, CategoricalSummary):
        return summary.holds
    return "timestamp" if summary.is_time else "number"
