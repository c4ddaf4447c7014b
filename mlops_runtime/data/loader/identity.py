"""What decides the order of samples, and nothing else: the data set, the split, the sampler, the seed, the epoch."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import Field

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.document import Strict
from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["LARGEST_SEED", "OrderIdentity", "OrderKey"]

LARGEST_SEED = 2**53 - 1  # the largest integer of canonical JSON

OrderKey = tuple[int, int]  # two 64-bit halves, low and high


class OrderIdentity(Strict):
    """The order of samples of every epoch.

    dataset: digest of the rows. split: "all", or the digest of the rows taken. sampler: its specification as plain
    JSON. seed: 0 to 2^53-1. Worker counts, batch sizes and world sizes are no part of it.
    """

    dataset: str
    split: str
    sampler: dict[str, Any]
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]

    def key(self, epoch: int) -> OrderKey:
        """Return the 128-bit key of an epoch's order: the first bytes, little-endian, of the SHA-256 of its RFC 8785.

        >>> identity = OrderIdentity(dataset="d", split="all", sampler={"kind": "shuffled"}, seed=7)
        >>> [f"{half:016x}" for half in identity.key(0)]
        ['ad9011de966c9dd8', 'c1fe7941eb20b501']
        """
        digest = hashlib.sha256(canonical_json({**self.model_dump(), "epoch": epoch})).digest()
        return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")

    def require(self, other: OrderIdentity, *, where: str) -> None:
        """Raise ConfigError, naming what differs, unless `other` is the same order."""
        ours, theirs = self.model_dump(), other.model_dump()
        differing = [name for name in ours if ours[name] != theirs[name]]
        if differing:
            raise ConfigError(
                problem(
                    expected=", ".join(f"{name} {ours[name]}" for name in differing),
                    got=", ".join(f"{name} {theirs[name]}" for name in differing),
                    where=where,
                    next_step="resume with what the state was saved with, or start without a state",
                )
            )
