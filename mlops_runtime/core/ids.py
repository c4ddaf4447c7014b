"""Identifiers that sort by creation time (UUID version 7, RFC 9562)."""

from __future__ import annotations

import os
import time

__all__ = ["new_id"]


def new_id(prefix: str) -> str:
    """Return `<prefix>_<32 hex digits>`; ids made later sort later, to the millisecond.

    >>> new_id("run").startswith("run_")
    True
    """
    milliseconds = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    random_a = tail >> 68
    random_b = tail & ((1 << 62) - 1)
    value = (milliseconds << 80) | (7 << 76) | (random_a << 64) | (2 << 62) | random_b
    return f"{prefix}_{value:032x}"
