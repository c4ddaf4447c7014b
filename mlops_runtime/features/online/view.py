"""What an online store holds: the keys and the features of one feature table, and how long their values hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data import Column, Schema
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.tables import FeatureTable

__all__ = ["OnlineView"]

_KEY_KINDS = ("string", "integer")


@dataclass(frozen=True, slots=True)
class OnlineView:
    """The newest row of each key of a feature table.

    keys: columns of kind string or integer that name a row together. features: columns of kind number are kept as
    float64, those of every other kind as texts, which is how a request carries them. ttl_s: how long values hold, in
    seconds, the last moment included; None for ever. entity_keys: what entity rows and requests call the keys, if
    otherwise, as in `FeatureTable`.
    Raises SchemaError for keys of another kind, or none, for a column that is a key and a feature, and for another
    number of entity_keys than of keys.

    >>> view = OnlineView("accounts", Schema((Column("id", "integer"),)), Schema((Column("balance", "number"),)))
    >>> view.numbers, view.texts, OnlineView.from_dict(view.to_dict()) == view
    (('balance',), (), True)
    """

    name: str
    keys: Schema
    features: Schema
    ttl_s: float | None = None
    entity_keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        unfit = [column for column in self.keys.columns if column.kind not in _KEY_KINDS]
        if unfit or not self.keys.columns:
            got = f"`{unfit[0].name}` of kind {unfit[0].kind}" if unfit else "none"
            raise self._wrong("keys of kind string or integer", got, "choose texts or whole numbers as keys")
        if shared := repeated_names((*self.keys.names, *self.features.names)):
            raise self._wrong("columns that are a key or a feature", f"{listed(shared)} as both", "leave one out")
        if len(self.joins_on) != len(self.keys.columns):
            got = f"{len(self.joins_on)} for {len(self.keys.columns)}"
            raise self._wrong("as many entity_keys as keys", got, "name them in the same order")

    @classmethod
    def of(cls, table: FeatureTable) -> OnlineView:
        """Return the view of a feature table. Keys of kind number have to be whole numbers, of kind integer here.

        Anything may be missing: whether it was in the rows of today says nothing of those of tomorrow.
        """
        schema = table.schema
        keys, features = schema.select(table.keys), schema.select(table.feature_names)
        kinds = (Column(key.name, "integer" if key.kind == "number" else key.kind) for key in keys.columns)
        values = (Column(column.name, column.kind) for column in features.columns)
        keys, features = replace(keys, columns=tuple(kinds)), replace(features, columns=tuple(values))
        return cls(table.name, keys, features, table.ttl_s, table.entity_keys)

    @property
    def joins_on(self) -> tuple[str, ...]:
        """What entity rows and requests call the keys, in the keys' order."""
        return self.keys.names if self.entity_keys is None else self.entity_keys

    @property
    def numbers(self) -> tuple[str, ...]:
        """The features that are numbers, in order."""
        return tuple(column.name for column in self.features.columns if column.kind == "number")

    @property
    def texts(self) -> tuple[str, ...]:
        """The other features, in order."""
        return tuple(column.name for column in self.features.columns if column.kind != "number")

    @property
    def ttl_us(self) -> int | None:
        """How long values hold, in whole microseconds; None for ever."""
        return None if self.ttl_s is None else min(round(self.ttl_s * 1e6), 2**63 - 1)

    def differences(self, other: OnlineView) -> list[str]:
        """Return which parts differ, by name."""
        parts = (part.name for part in fields(self))
        return [part for part in parts if getattr(self, part) != getattr(other, part)]

    def to_dict(self) -> dict[str, Any]:
        """Return the view as plain JSON values."""
        return {
            "name": self.name,
            "keys": self.keys.to_dict(),
            "features": self.features.to_dict(),
            "ttl_s": None if self.ttl_s is None else hex_float(self.ttl_s),
            "entity_keys": None if self.entity_keys is None else list(self.entity_keys),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OnlineView:
        """Read what `to_dict` wrote. Raises SchemaError when it is anything else."""
        try:
            name, ttl = values["name"], values["ttl_s"]
            ttl_s = None if ttl is None else from_hex_float(ttl)
            keys, features = Schema.from_dict(values["keys"]), Schema.from_dict(values["features"])
            entity_keys = None if values["entity_keys"] is None else tuple(map(str, values["entity_keys"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed(str(error)) from error
        if not isinstance(name, str) or (ttl_s is not None and not ttl_s >= 0.0):
            raise _malformed(f"name {name!r}, ttl_s {ttl_s!r}")
        return cls(name, keys, features, ttl_s, entity_keys)

    def _wrong(self, expected: str, got: str, next_step: str) -> SchemaError:
        where = f"online view `{self.name}`"
        return SchemaError(problem(expected=expected, got=got, where=where, next_step=next_step))


def _malformed(got: str) -> SchemaError:
    return SchemaError(
        problem(
            expected="name, keys, features, ttl_s and entity_keys",
            got=got[:200],
            where="online view",
            next_step="write it with OnlineView.to_dict",
        )
    )
