"""Lineage edges: what was made from what. Lower floors return them; the registry stores them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Edge", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One thing with an identity: kind is `dataset`, `program`, `model`, `bundle` or `run`."""

    kind: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Edge:
    """`output` was produced from `input` by `activity` (for example `train`)."""

    input: Node
    output: Node
    activity: str
    facts: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the edge as plain JSON values."""
        return asdict(self)
