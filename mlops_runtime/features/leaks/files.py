"""Training sets in files, read as what their features are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_runtime.data import Column, ColumnKind, Schema, Source, open_source
from mlops_runtime.features.leaks.recorded import match_columns
from mlops_runtime.features.tables import FeatureTable

__all__ = ["open_training"]


def open_training(
    files: Sequence[str], tables: Sequence[FeatureTable], *, entity_time: str, columns: Mapping[str, str]
) -> Source:
    """Open the files of a training set for `find_leaks`, which takes the same arguments.

    Keys, time and features have the kinds that they have in the feature tables: so a code `007` in CSV stays a text.
    Raises as `open_source` and `match_columns` do.
    """
    names = open_source(files).schema.names
    kinds: dict[str, ColumnKind] = {entity_time: "timestamp"}
    for recorded in match_columns(names, tables, entity_time, columns)[0]:
        for theirs, name in recorded.pairs(recorded.columns).items():
            kinds.setdefault(name, recorded.table.schema.column(theirs).kind)
    schema = Schema(tuple(Column(name, kind) for name, kind in kinds.items()))
    return open_source(files, schema=schema, columns=names)
