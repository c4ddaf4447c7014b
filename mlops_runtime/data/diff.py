"""What changed between two data sets, told from their manifests alone: the cost does not grow with the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.dataset_manifest import DatasetManifest
from mlops_runtime.data.manifest import Manifest
from mlops_runtime.data.schema import Column, Schema
from mlops_runtime.data.sketch import ColumnSketch, KeySketch
from mlops_runtime.data.sketch.distance import Distance, key_distance, number_distance

__all__ = ["ColumnDiff", "DatasetDiff", "FileDiff", "SchemaDiff", "diff"]

_LISTED_KEYS = 10


@dataclass(frozen=True, slots=True)
class FileDiff:
    """Files by content. changed: of one name, with other content; moved: of one content, under another name."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Columns by name. changed: (name, before, after), with the kind, and whether values may be missing."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str, str], ...]
    reordered: bool

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reordered)


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """One column of both data sets; `before` and `after` are its sketches.

    appeared, disappeared: keys listed on one side only, with their counts, the most frequent ten; certain when the
    other side's list is complete: otherwise a key may merely be rarer there. drifted: the distance less its error, or
    the change of the missing share, is above the threshold.
    """

    before: ColumnSketch
    after: ColumnSketch
    distances: tuple[Distance, ...]
    appeared: tuple[tuple[str, int], ...]
    appeared_certain: bool
    disappeared: tuple[tuple[str, int], ...]
    disappeared_certain: bool
    drifted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the quantiles and the keys that did not change."""
        values = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        sides = {"before": _figures(self.before), "after": _figures(self.after)}
        distances = [asdict(distance) for distance in self.distances]
        return {"name": self.after.name, "kind": self.after.kind, "distances": distances} | sides | values


_PLAIN_FIELDS = ("appeared", "appeared_certain", "disappeared", "disappeared_certain", "drifted")


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """Everything that changed. before, after: the versions. columns: those in both, of one kind, in the new order."""

    before: str
    after: str
    rows: tuple[int, int]
    files: FileDiff
    schema: SchemaDiff
    columns: tuple[ColumnDiff, ...]
    threshold: float

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of the columns that drifted."""
        return tuple(column.after.name for column in self.columns if column.drifted)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "before": self.before,
            "after": self.after,
            "rows": list(self.rows),
            "files": asdict(self.files),
            "schema": asdict(self.schema),
            "columns": [column.to_dict() for column in self.columns],
            "drifted": list(self.drifted),
            "threshold": self.threshold,
        }


def diff(before: DatasetManifest, after: DatasetManifest, *, threshold: float = 0.1) -> DatasetDiff:
    """Compare two data sets by their manifests; no data file is opened.

    threshold: 0 to 1, above which a column has drifted, see `ColumnDiff`. Cost: proportional to columns and files.
    Raises ConfigError for another threshold.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(
            problem(
                expected="a threshold from 0 to 1",
                got=str(threshold),
                where="diff",
                next_step="a distance is between 0 and 1; try 0.1",
            )
        )
    old = {column.name: column for column in before.columns}
    pairs = ((old[new.name], new) for new in after.columns if new.name in old and old[new.name].kind == new.kind)
    return DatasetDiff(
        before=before.digest,
        after=after.digest,
        rows=(before.rows, after.rows),
        files=_files(before.manifest, after.manifest),
        schema=_schemas(before.schema, after.schema),
        columns=tuple(_column(a, b, threshold) for a, b in pairs),
        threshold=threshold,
    )


def _files(before: Manifest, after: Manifest) -> FileDiff:
    old, new = {file.name: file.sha256 for file in before.files}, {file.name: file.sha256 for file in after.files}
    same = {name for name, sha256 in new.items() if old.get(name) == sha256}
    left = {sha256: name for name, sha256 in old.items() if name not in same}
    moved = tuple((left.pop(new[name]), name) for name in sorted(new.keys() - old.keys()) if new[name] in left)
    gone, come = {name for name, _ in moved}, {name for _, name in moved}
    return FileDiff(
        added=tuple(sorted(new.keys() - old.keys() - come)),
        removed=tuple(sorted(old.keys() - new.keys() - gone)),
        changed=tuple(sorted((new.keys() & old.keys()) - same)),
        moved=moved,
        unchanged=len(same),
    )


def _schemas(before: Schema, after: Schema) -> SchemaDiff:
    old, new = ({column.name: _described(column) for column in schema.columns} for schema in (before, after))
    both = [name for name in after.names if name in old]
    return SchemaDiff(
        added=tuple(name for name in after.names if name not in old),
        removed=tuple(name for name in before.names if name not in new),
        changed=tuple((name, old[name], new[name]) for name in both if old[name] != new[name]),
        reordered=both != [name for name in before.names if name in new],
    )


def _described(column: Column) -> str:
    return column.kind if column.nullable else f"{column.kind}, never missing"


def _column(before: ColumnSketch, after: ColumnSketch, threshold: float) -> ColumnDiff:
    distances = []
    if before.numbers and after.numbers and before.numbers.present and after.numbers.present:
        distances.append(number_distance(before.numbers, after.numbers))
    if before.keys and after.keys and before.keys.present and after.keys.present:
        distances.append(key_distance(before.keys, after.keys))
    moved = max((distance.value - distance.error for distance in distances), default=0.0)
    return ColumnDiff(
        before=before,
        after=after,
        distances=tuple(distances),
        appeared=_only_in(after.keys, before.keys),
        appeared_certain=before.keys is not None and before.keys.complete,
        disappeared=_only_in(before.keys, after.keys),
        disappeared_certain=after.keys is not None and after.keys.complete,
        drifted=max(moved, abs(after.missing_share - before.missing_share)) > threshold,
    )


def _only_in(keys: KeySketch | None, others: KeySketch | None) -> tuple[tuple[str, int], ...]:
    if keys is None or others is None:
        return ()
    known = {key for key, _ in others.top}
    return tuple((key, count) for key, count in keys.top if key not in known)[:_LISTED_KEYS]


def _figures(sketch: ColumnSketch) -> dict[str, Any]:
    values = sketch.to_dict()
    figures = {name: values[name] for name in ("missing_share", "distinct", "distinct_error")}
    numbers = values["numbers"] or {}
    return figures | {name: numbers[name] for name in ("minimum", "maximum", "mean", "deviation") if name in numbers}
