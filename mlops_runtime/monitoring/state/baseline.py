"""The reference: fitted once per column, stored in the bundle, shared by every monitor that compares with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mlops_runtime import _native
from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.monitoring.state.counting import NumericState, entries
from mlops_runtime.monitoring.state.edges import quantile_edges
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary, summary_from_dict
from mlops_runtime.monitoring.state.table import Layout, as_table, is_time, kind_of

__all__ = ["MAX_CATEGORIES", "Baseline"]

FORMAT_VERSION = 1
MAX_CATEGORIES = 65_536
_FILE = "baseline.json"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Per column what the reference data looked like, and with it where live data is cut into bins.

    columns: one summary a column, in the order of the table. skipped: columns whose type is not monitored.
    """

    columns: Mapping[str, ColumnSummary]
    skipped: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """The monitored columns."""
        return tuple(self.columns)

    @property
    def rows(self) -> int:
        """How many rows it was fitted on."""
        return max((summary.rows for summary in self.columns.values()), default=0)

    @classmethod
    def fit(cls, table: pa.Table, *, bins: int = 256) -> Baseline:
        """Fit on a reference table (any Arrow-able object).

        bins: quantile bins of numeric columns; edges come from a sample of 65,536 values, counts from all.
        Raises ConfigError for fewer than 2 bins or more than 65,000.

        >>> Baseline.fit(pa.table({"x": [1.0, 2.0, None]})).columns["x"].missing
        1
        """
        if not 2 <= bins <= 65_000:
            raise ConfigError(f"Baseline.fit: expected 2 <= bins <= 65000, got {bins} — the default is 256")
        reference = as_table(table)
        found = {name: kind_of(reference.schema.field(name).type) for name in reference.column_names}
        kinds = {name: kind for name, kind in found.items() if kind is not None}
        layout = Layout.of(reference.schema, kinds)
        view = layout.view(reference)
        columns = {
            name: _fit_numeric(view, column, bins, is_time=is_time(reference.schema.field(name).type))
            if kinds[name] == "numeric"
            else _fit_categorical(view, column)
            for column, name in enumerate(layout.names)
        }
        return cls(columns, tuple(name for name, kind in found.items() if kind is None))

    def to_files(self) -> dict[str, bytes]:
        """Return the files a bundle stores; the same baseline gives the same bytes."""
        document = {
            "format_version": FORMAT_VERSION,
            "columns": [{"name": name, **summary.to_dict()} for name, summary in self.columns.items()],
            "skipped": list(self.skipped),
        }
        return {_FILE: canonical_json(document)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Baseline:
        """Read what `to_files` wrote. Raises SchemaError for another format or inconsistent counts."""
        document = _document(files)
        columns = {
            name: summary_from_dict(values, where=f"{_FILE}, column `{name}`") for name, values in document.columns
        }
        return cls(columns, document.skipped)


def _fit_numeric(view: _native.ArrowTable, column: int, bins: int, *, is_time: bool) -> NumericSummary:
    """Two passes: a sample for the edges and the exact extremes, then the counts."""
    sample, moments = _native.QuantileSample(), _native.Moments()
    sample.update(view, column, 0)
    moments.update(view, column)
    edges = quantile_edges(sample.sorted_values(), moments.minimum, moments.maximum, bins=bins)
    zeros = np.zeros(len(edges) + 1, np.int64)
    state = NumericState(NumericSummary(0, 0, 0, 0, edges, zeros, np.nan, np.nan, 0, 0, is_time))
    state.update(view, column)
    return state.summary()


def _fit_categorical(view: _native.ArrowTable, column: int) -> CategoricalSummary:
    counter = _native.VocabularyCounter()
    counter.update(view, column)
    values, counts = entries(counter)
    return CategoricalSummary(
        rows=view.num_rows,
        missing=counter.missing,
        categories=tuple(values[:MAX_CATEGORIES].to_pylist()),
        counts=counts[:MAX_CATEGORIES].copy(),
        other=int(counts[MAX_CATEGORIES:].sum()),
        new=0,
        new_examples=(),
        truncated=len(counts) > MAX_CATEGORIES,
        singletons=int((counts == 1).sum()),
        doubletons=int((counts == 2).sum()),
    )


class _Document(NamedTuple):
    columns: list[tuple[str, dict[str, Any]]]
    skipped: tuple[str, ...]


def _document(files: Mapping[str, bytes]) -> _Document:
    try:
        values = json.loads(files[_FILE])
        version = values["format_version"]
        if version == FORMAT_VERSION:
            columns = [(str(column["name"]), column) for column in values["columns"]]
            return _Document(columns, tuple(str(name) for name in values["skipped"]))
    except (KeyError, TypeError, ValueError) as error:
        got = f"{type(error).__name__}: {error}"
        raise SchemaError(
            problem(expected="a baseline document", got=got, where=_FILE, next_step="fit the baseline again")
        ) from error
    raise SchemaError(
        problem(
            expected=f"format_version {FORMAT_VERSION}",
            got=repr(version),
            where=_FILE,
            next_step="read it with the release that wrote it, or fit the baseline again",
        )
    )
