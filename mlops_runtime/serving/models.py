"""The model table: what is served at this moment, as an immutable snapshot that is replaced whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from mlops_runtime.core.errors import ConfigError, MlrtError
from mlops_runtime.core.logs import get_logger
from mlops_runtime.serving.routing import Split
from mlops_runtime.serving.sources import Source
from mlops_runtime.serving.versions import ServedVersion

__all__ = ["ModelTable"]

_log = get_logger("serving.models")


class ModelTable:
    """The served models by name. Readers take one snapshot and keep to it; one writer replaces it.

    Raises ConfigError for two models of one name, and whatever a source raises when it cannot be read at the start.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = tuple(sources)
        names = [source.name for source in self._sources]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"serve: expected distinct model names, got `{twice}` twice — name one with NEW_NAME=BUNDLE"
            )
        self._models: Mapping[str, Split] = MappingProxyType(
            {source.name: source.read(None) for source in self._sources}
        )
        self._complaints: dict[str, str] = {}

    @property
    def models(self) -> Mapping[str, Split]:
        """The snapshot in force. It never changes; ask again to see a newer one."""
        return self._models

    def versions(self) -> Iterator[ServedVersion]:
        """Return every served version of every model."""
        return (served for split in self._models.values() for served in split.versions)

    def refresh(self) -> None:
        """Read every source again and put the result in force at once; one that fails keeps what it serves.

        Call it from one thread at a time. A source that fails in the same way again is not logged again.
        """
        snapshot = {source.name: self._read(source) for source in self._sources}
        if all(snapshot[name] is split for name, split in self._models.items()):
            return
        before = list(self.versions())
        self._models = MappingProxyType(snapshot)
        kept = set(map(id, self.versions()))
        for retired in (served for served in before if id(served) not in kept):
            _log.info("version retired", extra={"fields": retired.verdict()})

    def _read(self, source: Source) -> Split:
        current = self._models[source.name]
        try:
            split = source.read(current)
        except MlrtError as error:
            self._complain(source.name, str(error))
            return current
        self._complaints.pop(source.name, None)
        if split is not current:
            _log.info("routing changed", extra={"fields": _describe(split)})
        return split

    def _complain(self, name: str, reason: str) -> None:
        if self._complaints.get(name) != reason:
            _log.error("kept the versions in force: %s", reason, extra={"fields": _describe(self._models[name])})
        self._complaints[name] = reason


def _describe(split: Split) -> dict[str, str]:
    canary = {} if split.canary is None else {"canary": split.canary.version, "weight": str(float(split.weight))}
    return {"model": split.stable.name, "version": split.stable.version, **canary}
