"""Which version answers: the stable one, or for an exact share of requests the canary. Deterministic, no randomness.

A request with an id is routed by the hash of that id, so that the same id always meets the same version. Requests
without one are counted: with weight 0.2, exactly one of any five in a row goes to the canary.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from mlops_runtime.serving.versions import ServedVersion

__all__ = ["Split"]

_HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Split:
    """One model's routing snapshot: never changed, only replaced. weight: the canary's share, 0 to 1."""

    stable: ServedVersion
    canary: ServedVersion | None = None
    weight: Fraction = Fraction(0)
    _turns: Iterator[int] = field(default_factory=itertools.count, compare=False)

    @property
    def versions(self) -> tuple[ServedVersion, ...]:
        """The versions this snapshot can answer with, the stable one first."""
        return (self.stable,) if self.canary is None else (self.stable, self.canary)

    def choose(self, request_id: str) -> ServedVersion:
        """Return the version that answers this request; an empty id means none was given. Thread-safe."""
        if self.canary is None:
            return self.stable
        chosen = hashed_share(request_id, self.weight) if request_id else takes_turn(next(self._turns), self.weight)
        return self.canary if chosen else self.stable

    def find(self, version: str) -> ServedVersion | None:
        """Return the version a client asked for by its number, whatever the weights say."""
        return next((served for served in self.versions if served.version == version), None)


def takes_turn(turn: int, weight: Fraction) -> bool:
    """Say whether request number `turn` is one of the chosen: floor((turn + 1) w) exceeds floor(turn w).

    >>> [takes_turn(turn, Fraction("0.2")) for turn in range(5)]
    [False, False, False, False, True]
    """
    return (turn + 1) * weight.numerator // weight.denominator > turn * weight.numerator // weight.denominator


def hashed_share(key: str, weight: Fraction) -> bool:
    """Say whether a key falls into the first `weight` of the hash space.

    >>> sum(hashed_share(f"request {n}", Fraction("0.2")) for n in range(1000)) in range(160, 240)
    True
    """
    point = int.from_bytes(hashlib.sha256(key.encode()).digest()[:_HASH_BYTES], "big")
    return point * weight.denominator < weight.numerator << 8 * _HASH_BYTES
