"""Reading the registry inside a unit of work; an unknown name is answered with the names there are."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from mlops_runtime.core.db import UnitOfWork
from mlops_runtime.core.errors import RegistryError
from mlops_runtime.registry import tables
from mlops_runtime.registry.records import AliasMove, Reference, Route, Version

__all__ = ["aliases_of", "history", "resolve", "route", "versions"]

_SHOWN = 20
_VERSION = [column for column in tables.version.c if column.name != "tenant"]
_MOVE = [tables.alias_history.c[name] for name in AliasMove.__dataclass_fields__]


def versions(uow: UnitOfWork, name: str | None = None) -> list[Version]:
    """Return all versions, or those of one name, in order of name and version."""
    table = tables.version
    query = sa.select(*_VERSION).where(table.c.tenant == uow.tenant).order_by(table.c.name, table.c.version)
    rows = uow.connection.execute(query if name is None else query.where(table.c.name == name))
    return [Version(**row) for row in rows.mappings()]


def aliases_of(uow: UnitOfWork, name: str | None = None) -> dict[str, dict[str, int]]:
    """Return name -> alias -> version, for all names or one."""
    table = tables.alias
    query = sa.select(table).where(table.c.tenant == uow.tenant).order_by(table.c.name, table.c.alias)
    found: dict[str, dict[str, int]] = {}
    for row in uow.connection.execute(query if name is None else query.where(table.c.name == name)):
        found.setdefault(row.name, {})[row.alias] = row.version
    return found


def resolve(uow: UnitOfWork, reference: Reference) -> Version:
    """Return the version a reference means; a bare name means its newest version.

    Raises RegistryError, listing what exists, when there is no such name, version or alias.
    """
    number = reference.version
    if reference.alias is not None:
        aliases = aliases_of(uow, reference.name).get(reference.name, {})
        number = aliases.get(reference.alias)
        if number is None and aliases:
            raise _unknown(
                f"alias `{reference.alias}` of `{reference.name}`", aliases, "set it with `mlrt registry alias`"
            )
    known = versions(uow, reference.name)
    if not known:
        names = {version.name for version in versions(uow)}
        raise _unknown(f"model `{reference.name}`", names, "push a bundle with `mlrt registry push BUNDLE`")
    if number is None and reference.alias is not None:
        raise _unknown(f"alias `{reference.alias}` of `{reference.name}`", (), "set it with `mlrt registry alias`")
    for version in known:
        if version.version == number:
            return version
    if number is None:
        return known[-1]
    numbers = (str(version.version) for version in known)
    raise _unknown(f"version {number} of `{reference.name}`", numbers, "choose one of them")


def route(uow: UnitOfWork, name: str, alias: str) -> Route:
    """Return where requests to an alias go. Raises RegistryError when the name or the alias is unknown."""
    stable = resolve(uow, Reference(name, None, alias))
    table = tables.route
    key = (table.c.tenant == uow.tenant, table.c.name == name, table.c.alias == alias)
    row = uow.connection.execute(sa.select(table.c.canary, table.c.weight).where(*key)).one_or_none()
    if row is None:
        return Route(stable, None, 0.0)
    return Route(stable, resolve(uow, Reference(name, row.canary, None)), row.weight)


def history(uow: UnitOfWork, name: str, alias: str | None = None) -> list[AliasMove]:
    """Return every move of one alias, or of all aliases of a name, oldest first. Raises RegistryError if unknown."""
    resolve(uow, Reference(name, None, alias))
    table = tables.alias_history
    query = sa.select(*_MOVE).where(table.c.tenant == uow.tenant, table.c.name == name).order_by(table.c.id)
    rows = uow.connection.execute(query if alias is None else query.where(table.c.alias == alias))
    return [AliasMove(**row) for row in rows.mappings()]


def _unknown(what: str, known: Iterable[str], next_step: str) -> RegistryError:
    names = sorted(known)
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return RegistryError(f"registry: expected {what}, got no such entry (there is: {shown or 'nothing'}) — {next_step}")
