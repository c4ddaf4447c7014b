"""Audit log, outbox, model versions, aliases and their history, routes, lineage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TENANT = 128
_NAME = 128
_ALIAS = 64
_TIME = 32
_SHA256 = 64


def upgrade() -> None:
    """Create the tables."""
    _create_governance()
    _create_versions()
    _create_aliases()


def _create_governance() -> None:
    op.create_table(
        "governance_audit_leaf",
        sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(_TENANT), nullable=False, index=True),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "governance_audit_head",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(_TENANT), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "governance_outbox",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(_TENANT), nullable=False, index=True),
        sa.Column("type", sa.String(128), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("created", sa.String(_TIME), nullable=False),
        sa.Column("delivered", sa.String(_TIME)),
    )


def _create_versions() -> None:
    op.create_table(
        "registry_version",
        sa.Column("tenant", sa.String(_TENANT), primary_key=True),
        sa.Column("name", sa.String(_NAME), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(_SHA256), nullable=False),
        sa.Column("signature", sa.String(_SHA256), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("task", sa.String(32), nullable=False),
        sa.Column("model_kind", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("created", sa.String(_TIME), nullable=False),
        sa.UniqueConstraint("tenant", "name", "digest", name="registry_version_digest"),
    )
    op.create_table(
        "registry_lineage",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant", sa.String(_TENANT), nullable=False),
        sa.Column("name", sa.String(_NAME), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("edge", sa.Text, nullable=False),
        _version_key("version"),
    )


def _create_aliases() -> None:
    op.create_table(
        "registry_alias", *_alias_key(), sa.Column("version", sa.Integer, nullable=False), _version_key("version")
    )
    op.create_table(
        "registry_alias_history",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant", sa.String(_TENANT), nullable=False),
        sa.Column("name", sa.String(_NAME), nullable=False),
        sa.Column("alias", sa.String(_ALIAS), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("from_version", sa.Integer),
        sa.Column("to_version", sa.Integer, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("time", sa.String(_TIME), nullable=False),
        sa.Index("registry_alias_history_of", "tenant", "name", "alias", "id"),
        _version_key("to_version"),
    )
    op.create_table(
        "registry_route",
        *_alias_key(),
        sa.Column("canary", sa.Integer, nullable=False),
        sa.Column("weight", sa.Float(53), nullable=False),
        _version_key("canary"),
    )


def _alias_key() -> tuple[sa.Column[str], ...]:
    sizes = {"tenant": _TENANT, "name": _NAME, "alias": _ALIAS}
    return tuple(sa.Column(column, sa.String(size), primary_key=True) for column, size in sizes.items())


def _version_key(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "name", column],
        ["registry_version.tenant", "registry_version.name", "registry_version.version"],
    )
