"""Canary, promote, roll back: each one transaction on the registry, one audit entry, one line of history.

A server that follows an alias polls its route, so nothing here talks to a server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_runtime.core.db import UnitOfWork, unit_of_work
from mlops_runtime.core.errors import RegistryError
from mlops_runtime.core.events import Event
from mlops_runtime.governance import commit
from mlops_runtime.registry import Registry, Route
from mlops_runtime.registry.changes import drop_canary, move_alias
from mlops_runtime.registry.lookup import history, route
from mlops_runtime.registry.records import AliasMove

__all__ = ["Rollout", "canary", "promote", "rollback", "status"]

DEFAULT_ALIAS = "production"


@dataclass(frozen=True, slots=True)
class Rollout:
    """What an alias serves now, and every move that led there, oldest first."""

    name: str
    alias: str
    route: Route
    history: tuple[AliasMove, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the rollout as plain JSON values."""
        moves = [move.to_dict() for move in self.history]
        return {"name": self.name, "alias": self.alias, "route": self.route.to_dict(), "history": moves}


def canary(registry: Registry, name: str, version: int, *, alias: str = DEFAULT_ALIAS, weight: float) -> Rollout:
    """Send `weight` (above 0, at most 1) of an alias's requests to `version`; replaces a canary there was.

    Raises RegistryError when the name, version or alias is unknown, or the version is the stable one.
    """
    registry.set_canary(name, alias, version, weight)
    return status(registry, name, alias=alias)


def promote(registry: Registry, name: str, *, alias: str = DEFAULT_ALIAS, reason: str = "") -> Rollout:
    """Make the canary the stable version. Raises RegistryError when there is none."""
    with unit_of_work(write=True, tenant=registry.tenant) as uow:
        current = route(uow, name, alias)
        if current.canary is None:
            raise RegistryError(
                f"promote `{name}@{alias}`: expected a canary, got none — start one with `mlrt deploy canary`"
            )
        version = current.canary.version
        move = move_alias(uow, name, alias, version, action="promote", actor=registry.actor, reason=reason)
        return _finish(uow, registry, "deploy.promoted", name, alias, move.to_dict())


def rollback(registry: Registry, name: str, *, alias: str = DEFAULT_ALIAS, reason: str = "") -> Rollout:
    """Undo the last step: stop the canary if there is one, else restore the version that was stable before.

    Repeated rollbacks go further back, never forward again. Raises RegistryError when there is nothing before.
    """
    with unit_of_work(write=True, tenant=registry.tenant) as uow:
        current = route(uow, name, alias)
        if current.canary is not None:
            drop_canary(uow, name, alias)
            data = {"stable": current.stable.version, "canary": current.canary.version, "reason": reason}
            return _finish(uow, registry, "registry.canary.cleared", name, alias, data)
        prior = _prior_version(history(uow, name, alias))
        if prior is None:
            raise RegistryError(
                f"roll back `{name}@{alias}`: expected an earlier version, got {current.stable} as the first — "
                f"choose one with `mlrt registry alias {name} {alias} VERSION`"
            )
        move = move_alias(uow, name, alias, prior, action="rollback", actor=registry.actor, reason=reason)
        return _finish(uow, registry, "deploy.rolled_back", name, alias, move.to_dict())


def status(registry: Registry, name: str, *, alias: str = DEFAULT_ALIAS) -> Rollout:
    """Return what an alias serves and its history. Raises RegistryError when it is unknown."""
    with unit_of_work(tenant=registry.tenant) as uow:
        return _read(uow, name, alias)


def _prior_version(moves: list[AliasMove]) -> int | None:
    """Return the version below the current one on the stack that moves push to and rollbacks pop from."""
    stack: list[int] = []
    for move in moves:
        if move.action == "rollback":
            stack.pop()
        else:
            stack.append(move.to_version)
    return stack[-2] if len(stack) > 1 else None


def _finish(uow: UnitOfWork, registry: Registry, kind: str, name: str, alias: str, data: dict[str, Any]) -> Rollout:
    outcome = _read(uow, name, alias)
    commit(uow, Event(kind, f"{name}@{alias}", data, actor=registry.actor))
    return outcome


def _read(uow: UnitOfWork, name: str, alias: str) -> Rollout:
    return Rollout(name, alias, route(uow, name, alias), tuple(history(uow, name, alias)))
