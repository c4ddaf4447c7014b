"""Oracle of the block_hash kernel: XXH3-64 in Python integers, whose test vectors stand beside that of `hash`."""

from __future__ import annotations

from mlops_runtime.kernels.hash.reference import xxh3_64

__all__ = ["block_hash"]


def block_hash(data: bytes) -> int:
    """Return the hash of all bytes of a block.

    >>> f"{block_hash(b'abc'):016x}"
    '78af5f94892f3950'
    """
    return xxh3_64(data, 0)
