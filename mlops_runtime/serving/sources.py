"""Where served models come from: a bundle directory, a pinned registry version, or an alias that is followed.

claims.bundle/          the directory's bundle, as version 1, under the name in its manifest
fraud=claims.bundle/    the same, under the name `fraud`
claims@3                registry version 3, for good
claims@production       whatever the alias points at, with its canary; polled
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.errors import ConfigError, MlrtError
from mlops_runtime.core.logs import get_logger
from mlops_runtime.features.online import OnlineStore
from mlops_runtime.registry import Bundle, Registry, Route, Version
from mlops_runtime.serving.routing import Split
from mlops_runtime.serving.versions import ServedVersion

__all__ = ["AliasSource", "FixedSource", "Source", "open_source"]

_RETRY_S = 10.0

_log = get_logger("serving.sources")


class Source(Protocol):
    """One model to serve."""

    @property
    def name(self) -> str:
        """The name the model is served under."""

    def read(self, current: Split | None) -> Split:
        """Return what should be served now: `current` itself when nothing changed. Raises MlrtError when it cannot."""


@dataclass(frozen=True, slots=True)
class FixedSource:
    """One bundle that never changes while the server runs."""

    name: str
    version: str
    bundle: Bundle
    stores: Sequence[OnlineStore]

    def read(self, current: Split | None) -> Split:
        """Load the bundle once."""
        return current or Split(ServedVersion.load(self.name, self.version, self.bundle, self.stores))


class AliasSource:
    """A registry alias and its canary. Versions that stay in the route stay loaded, with their drift state."""

    def __init__(self, registry: Registry, name: str, alias: str, stores: Sequence[OnlineStore]) -> None:
        self.name = name
        self._stores = stores
        self._registry = registry
        self._alias = alias
        self._route: Route | None = None
        self._refused: Route | None = None
        self._retry_at_s = 0.0

    def read(self, current: Split | None) -> Split:
        """Follow the alias. A canary that cannot be loaded is left out and logged; a stable one that cannot raises.

        After it raised, the same route is not tried again for a while.
        """
        route = self._registry.route(self.name, self._alias)
        waiting = route == self._refused and monotonic_s() < self._retry_at_s
        if current is not None and (route == self._route or waiting):
            return current
        try:
            split = self._split(route, current)
        except MlrtError:
            self._refused, self._retry_at_s = route, monotonic_s() + _RETRY_S
            raise
        self._route, self._refused = route, None
        return split

    def _split(self, route: Route, current: Split | None) -> Split:
        loaded = {} if current is None else {served.digest: served for served in current.versions}
        stable = self._load(route.stable, loaded)
        canary = None
        if route.canary is not None:
            try:
                canary = self._load(route.canary, loaded)
            except MlrtError:
                _log.exception(
                    "canary left out", extra={"fields": {"model": self.name, "version": route.canary.version}}
                )
        return Split(stable, canary, Fraction(str(route.weight)) if canary else Fraction(0))

    def _load(self, version: Version, loaded: dict[str, ServedVersion]) -> ServedVersion:
        known = loaded.get(version.digest)
        if known is not None and known.version == str(version.version):
            return known
        bundle = self._registry.open(f"{self.name}@{version.version}")
        return ServedVersion.load(self.name, str(version.version), bundle, self._stores)


def open_source(text: str, stores: Sequence[OnlineStore]) -> Source:
    """Understand one argument of `mlrt serve`. stores: where the model's inputs may come from.

    Raises MlrtError when there is no such bundle, version or alias.
    """
    name, equals, place = text.rpartition("=")
    if equals and Path(place).is_dir():
        return FixedSource(name, "1", Bundle.open(place), stores)
    if Path(text).is_dir():
        bundle = Bundle.open(text)
        return FixedSource(bundle.manifest.name, "1", bundle, stores)
    name, at, selector = text.partition("@")
    if not at or not selector:
        raise ConfigError(f"serve: expected a bundle directory or NAME@ALIAS, got {text!r} — see `mlrt registry list`")
    registry = Registry()
    if selector.isdigit():
        version = registry.resolve(text)
        return FixedSource(name, str(version.version), registry.open(text), stores)
    return AliasSource(registry, name, selector, stores)
