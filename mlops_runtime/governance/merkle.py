"""The Merkle tree of RFC 6962 and 9162 over a growing list of leaves: pure functions, no storage.

A log of n leaves is summed up by its frontier: the roots of the perfect subtrees that n's binary digits name, largest
first. Appending touches at most log2(n) of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["extend", "inclusion_proof", "leaf_hash", "root", "root_of_frontier", "root_of_proof"]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf: SHA-256 of a zero byte and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def extend(frontier: Sequence[bytes], size: int, leaf: bytes) -> list[bytes]:
    """Return the frontier of `size + 1` leaves, given that of `size` and the next leaf's hash. O(log size)."""
    nodes, carry = list(frontier), leaf
    while size & 1:
        carry = _node_hash(nodes.pop(), carry)
        size >>= 1
    return [*nodes, carry]


def root_of_frontier(frontier: Sequence[bytes]) -> bytes:
    """Return the tree's root; of no leaves it is the SHA-256 of nothing."""
    if not frontier:
        return hashlib.sha256().digest()
    *rest, result = frontier
    for node in reversed(rest):
        result = _node_hash(node, result)
    return result


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes.

    >>> root([leaf_hash(b"a"), leaf_hash(b"b")]).hex()[:16]
    'b137985ff484fb60'
    """
    frontier: list[bytes] = []
    for size, leaf in enumerate(leaves):
        frontier = extend(frontier, size, leaf)
    return root_of_frontier(frontier)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of all `leaves` (RFC 6962, 2.1.1), lowest node first."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def root_of_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root that an audit path leads to, or None when its length does not fit (RFC 9162, 2.1.3.2)."""
    position, last, result = index, size - 1, leaf
    for node in proof:
        if last == 0:
            return None
        if position & 1 or position == last:
            result = _node_hash(node, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = _node_hash(result, node)
        position, last = position >> 1, last >> 1
    return result if last == 0 and 0 <= index < size else None
