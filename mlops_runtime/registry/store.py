"""The registry: bundles become versions, aliases point at them and remember every move.

The bytes go by copy into the content-addressed store under `MLRT_HOME/blobs` before the row is written, so a crash in
between leaves bytes nobody refers to, never a version without bytes.
"""

from __future__ import annotations

import contextlib
import getpass
import os
from contextlib import AbstractContextManager
from typing import Any

from mlops_runtime.core.blob import BlobStore
from mlops_runtime.core.db import UnitOfWork, unit_of_work
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.core.events import Event
from mlops_runtime.core.settings import settings
from mlops_runtime.governance import commit
from mlops_runtime.registry import changes, lookup
from mlops_runtime.registry.bundle import Bundle
from mlops_runtime.registry.manifest import FileEntry, check_name
from mlops_runtime.registry.records import AliasMove, Reference, Route, Version, check_alias

__all__ = ["Registry", "current_actor"]


def current_actor() -> str:
    """Return who is running this process: the login name, or the user id where there is no name for it."""
    with contextlib.suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return f"uid:{os.getuid()}"


class Registry:
    """One tenant's models. actor: who changes are recorded for; default: the user of this process."""

    def __init__(self, *, tenant: str = "default", actor: str | None = None) -> None:
        self.tenant = tenant
        self.actor = actor or current_actor()
        self._blobs = BlobStore(settings().home / "blobs")

    def push(self, bundle: Bundle, name: str | None = None, *, alias: str | None = None, reason: str = "") -> Version:
        """Register a bundle and return its version; a bundle pushed before under the name keeps its version.

        name: default: the bundle's own. alias: point it at the version in the same transaction.
        Raises IntegrityError when the bundle's bytes changed, DataError for an unusable name.
        """
        chosen = check_name(name or bundle.manifest.name)
        if alias is not None:
            check_alias(alias)
        signature = self._store(bundle)
        with self._change() as uow:
            known = {version.digest: version for version in lookup.versions(uow, chosen)}
            version = known.get(bundle.digest)
            new = version is None
            if version is None:
                version = changes.add_version(uow, bundle, chosen, signature=signature, actor=self.actor)
            move = self._point(uow, version, alias, reason) if alias else None
            if new or move:
                data = {"digest": version.digest, "version": version.version, "alias": alias if move else None}
                self._commit(uow, "registry.version.pushed" if new else "registry.alias.moved", str(version), data)
        return version

    def list(self) -> dict[str, tuple[Version, dict[str, int]]]:
        """Return name -> (newest version, alias -> version)."""
        with unit_of_work(tenant=self.tenant) as uow:
            aliases = lookup.aliases_of(uow)
            return {version.name: (version, aliases.get(version.name, {})) for version in lookup.versions(uow)}

    def versions(self, name: str) -> tuple[Version, ...]:
        """Return every version of a name, oldest first. Raises RegistryError, listing the names, when it is unknown."""
        with unit_of_work(tenant=self.tenant) as uow:
            lookup.resolve(uow, Reference(name, None, None))
            return tuple(lookup.versions(uow, name))

    def aliases(self, name: str) -> dict[str, int]:
        """Return alias -> version of a name. Raises RegistryError, listing the names, when it is unknown."""
        with unit_of_work(tenant=self.tenant) as uow:
            lookup.resolve(uow, Reference(name, None, None))
            return lookup.aliases_of(uow, name).get(name, {})

    def alias(self, name: str, alias: str, version: int, *, reason: str = "") -> Version:
        """Point an alias at a version, which ends its canary; where it is there already, nothing happens.

        Raises RegistryError when the name or the version is unknown.
        """
        with self._change() as uow:
            target = lookup.resolve(uow, Reference(name, version, None))
            move = self._point(uow, target, alias, reason)
            if move:
                self._commit(uow, "registry.alias.moved", f"{name}@{alias}", move.to_dict())
        return target

    def history(self, name: str, alias: str | None = None) -> tuple[AliasMove, ...]:
        """Return every move of one alias, or of all aliases of a name, oldest first."""
        with unit_of_work(tenant=self.tenant) as uow:
            return tuple(lookup.history(uow, name, alias))

    def resolve(self, reference: str) -> Version:
        """Return what `NAME@ALIAS`, `NAME@VERSION` or `NAME` (newest) means. Raises RegistryError when unknown."""
        with unit_of_work(tenant=self.tenant) as uow:
            return lookup.resolve(uow, Reference.parse(reference))

    def open(self, reference: str) -> Bundle:
        """Open a version's bundle from the store, every byte verified. Raises IntegrityError when one changed."""
        version = self.resolve(reference)

        def fetch(entry: FileEntry) -> bytes:
            try:
                return self._blobs.get(entry.sha256)
            except IntegrityError as error:
                raise IntegrityError(f"{version}, `{entry.path}`: {error}") from error

        manifest, signature = self._blobs.get(version.digest), self._blobs.get(version.signature)
        bundle = Bundle(self._blobs.path(version.digest), manifest, signature, fetch)
        bundle.verify()
        return bundle

    def route(self, name: str, alias: str) -> Route:
        """Return where requests to an alias go; servers poll this. Raises RegistryError when it is unknown."""
        with unit_of_work(tenant=self.tenant) as uow:
            return lookup.route(uow, name, alias)

    def set_canary(self, name: str, alias: str, version: int, weight: float) -> Route:
        """Send `weight` (above 0, at most 1) of an alias's requests to another version."""
        with self._change() as uow:
            route = changes.put_canary(uow, name, alias, version, weight)
            data = {"stable": route.stable.version, "canary": version, "weight": weight}
            self._commit(uow, "registry.canary.set", f"{name}@{alias}", data)
        return route

    def clear_canary(self, name: str, alias: str, *, reason: str = "") -> Route:
        """Send all of an alias's requests to its stable version; without a canary nothing happens."""
        with self._change() as uow:
            before = lookup.route(uow, name, alias)
            if before.canary is not None:
                changes.drop_canary(uow, name, alias)
                data = {"stable": before.stable.version, "canary": before.canary.version, "reason": reason}
                self._commit(uow, "registry.canary.cleared", f"{name}@{alias}", data)
        return Route(before.stable, None, 0.0)

    def _store(self, bundle: Bundle) -> str:
        """Copy every byte of a bundle into the store; return the SHA-256 of its signature document."""
        for entry in bundle.manifest.files:
            self._blobs.put(bundle.read(entry.path))
        self._blobs.put(bundle.manifest_bytes)
        return self._blobs.put(bundle.signature_bytes)

    def _point(self, uow: UnitOfWork, version: Version, alias: str, reason: str) -> AliasMove | None:
        name, number = version.name, version.version
        if lookup.aliases_of(uow, name).get(name, {}).get(alias) == number:
            return None
        return changes.move_alias(uow, name, alias, number, action="set", actor=self.actor, reason=reason)

    def _change(self) -> AbstractContextManager[UnitOfWork]:
        return unit_of_work(write=True, tenant=self.tenant)

    def _commit(self, uow: UnitOfWork, kind: str, subject: str, data: dict[str, Any]) -> None:
        commit(uow, Event(kind, subject, data, actor=self.actor))
