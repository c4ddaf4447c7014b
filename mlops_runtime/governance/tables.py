"""The tables of this floor: the audit log, its heads, and the outbox."""

from __future__ import annotations

import sqlalchemy as sa

from mlops_runtime.core.db import metadata

__all__ = ["audit_head", "audit_leaf", "outbox"]

audit_leaf = sa.Table(
    "governance_audit_leaf",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(128), nullable=False, index=True),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)
"""One row a state change. leaf: the event as canonical JSON. hash: RFC 6962 leaf hash."""

audit_head = sa.Table(
    "governance_audit_head",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(128), nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("frontier", sa.LargeBinary, nullable=False),
)
"""One row an append: the tree's root at that size, and its frontier (32-byte hashes, largest subtree first)."""

outbox = sa.Table(
    "governance_outbox",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(128), nullable=False, index=True),
    sa.Column("type", sa.String(128), nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("created", sa.String(32), nullable=False),
    sa.Column("delivered", sa.String(32)),
)
"""Events to deliver at least once, as CloudEvents JSON; `id` sorts by time."""
