"""The reference: fitted once per column, stored in the bundle, shared by every monitor that compares with it."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.monitoring.state.edges import prefix_edges
from mlops_runtime.monitoring.state.fitting import fit_columns
from mlops_runtime.monitoring.state.summary import ColumnSummary, NumericSummary, summary_from_dict

__all__ = ["Baseline"]

FORMAT_VERSION = 1
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

    @property
    def digest(self) -> str:
        """SHA-256 of its file: what counts over it can be told by. Computed anew each time."""
        return sha256_bytes(self.to_files()[_FILE])

    @classmethod
    def fit(cls, data: object, *, bins: int = 256, categorical: Collection[str] = ()) -> Baseline:
        """Fit on reference data: any Arrow-able object, or batches of any number of rows (a list, a streaming source).

        bins: quantile bins of numeric columns; counts are of all rows, however the edges were found. Batches are
        iterated once, and once more when their first rows are no picture of the whole (see `fitting`): an iterator,
        which cannot be, is refused. Memory does not grow with the rows, only with distinct texts.
        categorical: columns of integers or booleans that are names rather than quantities (codes, ids): each value is a
        category, as those of strings always are. Of a column's categories the 65,536 most frequent are kept.
        Raises ConfigError for fewer than 2 bins or more than 65,000, for an iterator, and for a name in `categorical`
        that is no such column; EmptyInputError for no batch.

        >>> import pyarrow as pa
        >>> Baseline.fit(pa.table({"x": [1.0, 2.0, None]})).columns["x"].missing
        1
        """
        if not 2 <= bins <= 65_000:
            raise ConfigError(f"Baseline.fit: expected 2 <= bins <= 65000, got {bins} — the default is 256")
        fitted = fit_columns(_batches(data), bins=bins, categorical=categorical)
        return cls(fitted.columns, fitted.skipped)

    def with_blank(self, centres: Mapping[str, float]) -> Baseline:
        """Return this baseline and, beside it, numeric columns of which there is no reference data yet.

        centres: roughly where the values of each lie. They are counted over fixed buckets around that (`prefix_edges`),
        so that all windows and monitors can be merged and compared; `Monitor.as_baseline` makes a reference of what was
        counted. Until then a report judges nothing of them. Raises ConfigError for a column there is, or a centre that
        is not finite.

        >>> Baseline({}).with_blank({"latency_ms": 20.0}).rows
        0
        """
        for name, centre in centres.items():
            if name in self.columns or not math.isfinite(centre):
                expected = "new columns, each with a finite centre"
                got = f"`{name}`: {centre}{', which the baseline has' if name in self.columns else ''}"
                next_step = "leave it out, or choose where its values lie"
                raise ConfigError(problem(expected=expected, got=got, where="with_blank", next_step=next_step))
        blank = {name: NumericSummary.blank(prefix_edges(centre)) for name, centre in centres.items()}
        return Baseline({**self.columns, **blank}, tuple(name for name in self.skipped if name not in centres))

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


def _batches(data: object) -> Iterable[object]:
    """Return what can be iterated again and again."""
    if hasattr(data, "__arrow_c_stream__") or not isinstance(data, Iterable):
        return [data]
    if isinstance(data, Iterator):
        got = f"an iterator ({type(data).__name__})"
        next_step = "pass a list, or an object whose __iter__ starts anew"
        raise ConfigError(
            problem(expected="batches that can be read again", got=got, where="Baseline.fit", next_step=next_step)
        )
    return data


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
