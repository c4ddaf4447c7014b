"""The audit log: an append-only Merkle tree (RFC 6962) of every state change, in the same transaction as the change.

`verify` notices any leaf edited, removed, inserted or reordered, and any head or outbox event that disagrees. It cannot
notice someone with write access to the database who rewrites leaves, heads and outbox together, or cuts the end off all
three: for that, keep a root elsewhere and compare (`audit verify --root`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa

from mlops_runtime.core.db import UnitOfWork, unit_of_work
from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import IntegrityError, RegistryError
from mlops_runtime.core.events import Event
from mlops_runtime.governance import merkle
from mlops_runtime.governance.tables import audit_head, audit_leaf, outbox

__all__ = ["AuditEntry", "AuditState", "InclusionProof", "append", "entries", "prove", "root", "verify"]

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class AuditState:
    """A log that verified: its size and root (hex)."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One state change: its place in the log and the CloudEvent."""

    index: int
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Evidence that `leaf` is entry `index` of the log of `size` entries with `root`. Hashes are hex."""

    index: int
    size: int
    leaf: str
    path: tuple[str, ...]
    root: str

    def holds(self) -> bool:
        """Return whether the path leads from the leaf to the root; needs nothing but this object."""
        leaf = merkle.leaf_hash(self.leaf.encode())
        found = merkle.root_of_proof(leaf, self.index, self.size, [bytes.fromhex(node) for node in self.path])
        return found is not None and found.hex() == self.root

    def to_dict(self) -> dict[str, Any]:
        """Return the proof as plain JSON values."""
        return asdict(self) | {"path": list(self.path)}


def append(uow: UnitOfWork, event: Event) -> int:
    """Append an event inside the unit of work and return its index. O(log n); `governance.commit` calls it."""
    leaf = canonical_json(event.to_cloudevent())
    last = uow.connection.execute(sa.select(audit_head).order_by(audit_head.c.size.desc()).limit(1)).one_or_none()
    size = last.size if last else 0
    frontier = merkle.extend(_split(last.frontier) if last else [], size, merkle.leaf_hash(leaf))
    uow.connection.execute(
        audit_leaf.insert().values(index=size, tenant=event.tenant, leaf=leaf, hash=merkle.leaf_hash(leaf))
    )
    head = {"root": merkle.root_of_frontier(frontier), "frontier": b"".join(frontier)}
    uow.connection.execute(audit_head.insert().values(size=size + 1, tenant=event.tenant, **head))
    return size


def _split(frontier: bytes) -> list[bytes]:
    return [frontier[at : at + _HASH_BYTES] for at in range(0, len(frontier), _HASH_BYTES)]


def root(size: int | None = None) -> AuditState:
    """Return the recorded root at `size` entries, or now. Raises RegistryError when the log was never that long."""
    newest = sa.select(audit_head.c.size, audit_head.c.root).order_by(audit_head.c.size.desc()).limit(1)
    with unit_of_work() as uow:
        row = uow.connection.execute(newest if size is None else newest.where(audit_head.c.size == size)).one_or_none()
    if row is not None:
        return AuditState(row.size, row.root.hex())
    if size:
        raise RegistryError(f"audit log: expected at most {root().size} entries, got {size} — ask for a smaller size")
    return AuditState(0, merkle.root([]).hex())


def entries(*, tenant: str = "default", newest: int = 50) -> list[AuditEntry]:
    """Return the newest entries of one tenant, oldest of them first."""
    query = sa.select(audit_leaf.c.index, audit_leaf.c.leaf).where(audit_leaf.c.tenant == tenant)
    with unit_of_work() as uow:
        rows = uow.connection.execute(query.order_by(audit_leaf.c.index.desc()).limit(newest)).all()
    return [AuditEntry(row.index, json.loads(row.leaf)) for row in reversed(rows)]


def prove(index: int) -> InclusionProof:
    """Return the proof that entry `index` is in the log as it stands. Raises RegistryError when there is none."""
    with unit_of_work() as uow:
        hashes = list(uow.connection.execute(sa.select(audit_leaf.c.hash).order_by(audit_leaf.c.index)).scalars())
        leaf = uow.connection.execute(sa.select(audit_leaf.c.leaf).where(audit_leaf.c.index == index)).scalar()
    if leaf is None:
        raise RegistryError(f"audit log: expected an index below {len(hashes)}, got {index} — see `mlrt audit list`")
    path = tuple(node.hex() for node in merkle.inclusion_proof(hashes, index))
    return InclusionProof(index, len(hashes), leaf.decode(), path, merkle.root(hashes).hex())


def verify(expected_root: str | None = None) -> AuditState:
    """Recompute the whole log and compare it with every recorded head and outbox event.

    expected_root: a root (hex) kept elsewhere; the log must have had it at some size.
    Raises IntegrityError naming the first entry that disagrees.
    """
    state = AuditState(0, merkle.root([]).hex())
    seen = expected_root in (None, state.root)
    with unit_of_work() as uow:
        for state in _replay(uow):
            seen = seen or state.root == expected_root
        _check_outbox(uow)
    if not seen:
        raise IntegrityError(
            f"audit log: expected root {expected_root} at some size, got {state.root} at {state.size} — "
            "the log was rewritten or cut; compare with a backup"
        )
    return state


def _replay(uow: UnitOfWork) -> Iterator[AuditState]:
    """Yield the state after each entry, each checked against the leaf's hash, the recorded head and the position."""
    leaves = uow.connection.execute(sa.select(audit_leaf).order_by(audit_leaf.c.index))
    heads = uow.connection.execute(sa.select(audit_head).order_by(audit_head.c.size))
    frontier: list[bytes] = []
    for position, (leaf, head) in enumerate(zip_longest(leaves, heads)):
        if leaf is None or head is None or leaf.index != position or head.size != position + 1:
            raise _broken(position, "one leaf and one head", "a gap")
        if merkle.leaf_hash(leaf.leaf) != leaf.hash or json.loads(leaf.leaf)["tenant"] != leaf.tenant:
            raise _broken(position, "the leaf its hash was made of", "an edited one")
        frontier = merkle.extend(frontier, position, leaf.hash)
        found = merkle.root_of_frontier(frontier)
        if found != head.root or b"".join(frontier) != head.frontier:
            raise _broken(position, f"root {head.root.hex()[:16]}…", f"{found.hex()[:16]}…")
        yield AuditState(position + 1, found.hex())


def _check_outbox(uow: UnitOfWork) -> None:
    leaves = uow.connection.execute(sa.select(audit_leaf.c.index, audit_leaf.c.leaf)).all()
    events = {row.id: row.event for row in uow.connection.execute(sa.select(outbox.c.id, outbox.c.event))}
    for index, leaf in leaves:
        if events.pop(json.loads(leaf)["id"], None) != leaf.decode():
            raise _broken(index, "the same event in the outbox", "another or none")
    if events:
        raise _broken(len(leaves), "every outbox event in the log", f"{len(events)} without an entry")


def _broken(index: int, expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        f"audit log, entry {index}: expected {expected}, got {got} — the database was changed behind the log; "
        "compare with a backup"
    )
