"""What the registry answers with: versions, routes, moves of aliases, and references to them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from mlops_runtime.core.errors import RegistryError

__all__ = ["AliasMove", "Reference", "Route", "Version", "check_alias"]

_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Version:
    """One registered bundle. version counts from 1 within a name. key_id: who signed it. created: RFC 3339, UTC."""

    name: str
    version: int
    digest: str
    signature: str
    key_id: str
    task: str
    model_kind: str
    actor: str
    created: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """Return the version as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests to an alias go: `weight` of them (0 to 1) to the canary, the rest to the stable version."""

    stable: Version
    canary: Version | None
    weight: float

    def to_dict(self) -> dict[str, Any]:
        """Return the route as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One line of an alias's history. action: `set`, `promote` or `rollback`. from_version: None at first."""

    name: str
    alias: str
    action: str
    from_version: int | None
    to_version: int
    actor: str
    reason: str
    time: str

    def to_dict(self) -> dict[str, Any]:
        """Return the move as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed `NAME`, `NAME@VERSION` or `NAME@ALIAS`; at most one of `version` and `alias` is set."""

    name: str
    version: int | None
    alias: str | None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference. Raises RegistryError when it has another form.

        >>> Reference.parse("claims@7")
        Reference(name='claims', version=7, alias=None)
        """
        name, at, target = text.partition("@")
        if name and not at:
            return cls(name, None, None)
        if name and target.isascii() and target.isdigit() and len(target) < 10:
            return cls(name, int(target), None)
        if name and _ALIAS.match(target):
            return cls(name, None, target)
        raise RegistryError(
            f"reference: expected NAME, NAME@VERSION or NAME@ALIAS, got {text[:200]!r} — for example claims@production"
        )


def check_alias(alias: str) -> str:
    """Return an alias if it is usable. Raises RegistryError otherwise.

    >>> check_alias("production")
    'production'
    """
    if not _ALIAS.match(alias):
        raise RegistryError(
            f"alias: expected 1 to 64 letters, digits, `.`, `_` or `-`, starting with a letter, got {alias[:80]!r} — "
            "choose another; numbers are versions"
        )
    return alias
