"""Feature tables declared as YAML: which files, which columns are keys and times, how long values hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from mlops_runtime.core.document import Strict, YamlDocument
from mlops_runtime.data import Column, Schema, Source, open_source
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.tables import FeatureTable

__all__ = ["DeclaredTable", "FeatureTables"]

_Name = Annotated[str, Field(min_length=1)]
_Names = Annotated[tuple[_Name, ...], Field(min_length=1)]


class DeclaredTable(Strict):
    """One feature table; the fields are those of `FeatureTable`, and `files` for its source: paths, globs, URLs."""

    name: _Name
    files: _Names
    keys: _Names
    event_time: _Name
    known_time: _Name | None = None
    ttl_s: Annotated[float, Field(ge=0)] | None = None
    features: _Names | None = None
    entity_keys: _Names | None = None

    def open(self, folder: Path) -> FeatureTable:
        """Open the files, paths that are not absolute from `folder` on. Raises as `open_source` and `FeatureTable`."""
        paths = [path if "://" in path else str(folder / path) for path in self.files]
        times = tuple(dict.fromkeys(name for name in (self.event_time, self.known_time) if name is not None))
        return FeatureTable(
            name=self.name,
            source=self._source(paths, times),
            keys=self.keys,
            event_time=self.event_time,
            known_time=self.known_time,
            ttl_s=self.ttl_s,
            features=self.features,
            entity_keys=self.entity_keys,
        )

    def _source(self, paths: list[str], times: tuple[str, ...]) -> Source:
        """Times are times, however the files write them; without `features` every column that can be used is one."""
        columns = (*self.keys, *times, *self.features) if self.features else open_source(paths).schema.names
        schema = Schema(tuple(Column(name, "timestamp") for name in times))
        return open_source(paths, schema=schema, columns=tuple(dict.fromkeys((*columns, *times))))


class FeatureTables(
    YamlDocument,
    form="`tables:` with a list of entries of name, files, keys and event_time",
    next_step="compare with the example of docs/join.md",
):
    """The feature tables of a join, a leak check or an online store; no two have the same name.

    >>> text = "tables: [{name: accounts, files: [accounts.csv], keys: [account], event_time: since, ttl_s: 3600.0}]"
    >>> FeatureTables.from_yaml(text).tables[0].keys
    ('account',)
    """

    tables: Annotated[tuple[DeclaredTable, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> FeatureTables:
        repeated = repeated_names(table.name for table in self.tables)
        if repeated:
            raise ValueError(f"{listed(repeated)} more than once: give each table a name of its own")
        return self

    @classmethod
    def open(cls, path: Path) -> tuple[FeatureTable, ...]:
        """Read a file and open its tables; paths are from the file's folder on. Raises ConfigError, SchemaError."""
        return tuple(table.open(path.parent) for table in cls.load(path).tables)

    @classmethod
    def place(cls, location: tuple[int | str, ...], values: Any) -> str:
        """Say in words where in the document a mistake is.

        >>> FeatureTables.place(("tables", 0, "ttl_s"), {"tables": [{"name": "accounts"}]})
        'table 1 (`accounts`), `ttl_s`'
        """
        if len(location) < 2 or not isinstance(location[1], int):
            return super().place(location, values)
        entry, words = values["tables"][location[1]], f"table {location[1] + 1}"
        named = f"{words} (`{entry['name']}`)" if isinstance(entry, dict) and "name" in entry else words
        return ", ".join([named, *(f"`{part}`" for part in location[2:] if isinstance(part, str))])
