"""Changing the registry inside a unit of work. Nothing here commits: the caller does, with `governance.commit`."""

from __future__ import annotations

import sqlalchemy as sa

from mlops_runtime.core.clock import timestamp
from mlops_runtime.core.db import UnitOfWork
from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import RegistryError
from mlops_runtime.registry import lookup, tables
from mlops_runtime.registry.bundle import Bundle
from mlops_runtime.registry.records import AliasMove, Reference, Route, Version, check_alias

__all__ = ["add_version", "drop_canary", "move_alias", "put_canary"]


def add_version(uow: UnitOfWork, bundle: Bundle, name: str, *, signature: str, actor: str) -> Version:
    """Record a bundle, whose bytes are in the store already, as the next version of `name`, with its lineage."""
    known = lookup.versions(uow, name)
    version = Version(
        name=name,
        version=known[-1].version + 1 if known else 1,
        digest=bundle.digest,
        signature=signature,
        key_id=bundle.signature.key_id,
        task=bundle.manifest.task,
        model_kind=bundle.manifest.model_kind,
        actor=actor,
        created=timestamp(),
    )
    uow.connection.execute(tables.version.insert().values(tenant=uow.tenant, **version.to_dict()))
    key = {"tenant": uow.tenant, "name": name, "version": version.version}
    edges = [key | {"edge": canonical_json(edge).decode()} for edge in bundle.read_json("lineage.json")["edges"]]
    if edges:
        uow.connection.execute(tables.lineage.insert(), edges)
    return version


def move_alias(
    uow: UnitOfWork, name: str, alias: str, version: int, *, action: str, actor: str, reason: str
) -> AliasMove:
    """Point an alias at a version, write the move into its history, and end the canary that was judged against the old.

    Raises RegistryError when the version is unknown, or the alias is there already.
    """
    check_alias(alias)
    target = lookup.resolve(uow, Reference(name, version, None))
    before = lookup.aliases_of(uow, name).get(name, {}).get(alias)
    if before == target.version:
        raise RegistryError(
            f"alias `{name}@{alias}`: expected another version, got {before}, where it is — nothing to do"
        )
    table, key = tables.alias, {"tenant": uow.tenant, "name": name, "alias": alias}
    if before is None:
        uow.connection.execute(table.insert().values(**key, version=version))
    else:
        uow.connection.execute(table.update().where(*_matches(table, key)).values(version=version))
    drop_canary(uow, name, alias)
    move = AliasMove(name, alias, action, before, version, actor, reason, timestamp())
    uow.connection.execute(tables.alias_history.insert().values(tenant=uow.tenant, **move.to_dict()))
    return move


def put_canary(uow: UnitOfWork, name: str, alias: str, version: int, weight: float) -> Route:
    """Send a share of an alias's requests to another version; replaces the canary there was.

    weight: above 0, at most 1. Raises RegistryError when alias or version is unknown, or the canary is the stable one.
    """
    if not 0.0 < weight <= 1.0:
        raise RegistryError(
            f"canary of `{name}@{alias}`: expected a weight above 0 and at most 1, got {weight} — change it"
        )
    canary = lookup.resolve(uow, Reference(name, version, None))
    stable = lookup.route(uow, name, alias).stable
    if canary == stable:
        raise RegistryError(
            f"canary of `{name}@{alias}`: expected another version than the stable {stable}, got the same"
        )
    drop_canary(uow, name, alias)
    values = {"tenant": uow.tenant, "name": name, "alias": alias, "canary": version, "weight": weight}
    uow.connection.execute(tables.route.insert().values(**values))
    return Route(stable, canary, weight)


def drop_canary(uow: UnitOfWork, name: str, alias: str) -> None:
    """Send all requests of an alias to its stable version."""
    key = {"tenant": uow.tenant, "name": name, "alias": alias}
    uow.connection.execute(tables.route.delete().where(*_matches(tables.route, key)))


def _matches(table: sa.Table, key: dict[str, str]) -> list[sa.ColumnElement[bool]]:
    return [table.c[column] == value for column, value in key.items()]
