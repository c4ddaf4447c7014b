"""The tables of this floor: versions, aliases, their history, routes, lineage."""

from __future__ import annotations

import sqlalchemy as sa

from mlops_runtime.core.db import metadata

__all__ = ["alias", "alias_history", "lineage", "route", "version"]


def _alias_key() -> tuple[sa.Column[str], ...]:
    sizes = {"tenant": 128, "name": 128, "alias": 64}
    return tuple(sa.Column(column, sa.String(size), primary_key=True) for column, size in sizes.items())


def _version_key(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "name", column],
        ["registry_version.tenant", "registry_version.name", "registry_version.version"],
    )


version = sa.Table(
    "registry_version",
    metadata,
    sa.Column("tenant", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("signature", sa.String(64), nullable=False),
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("task", sa.String(32), nullable=False),
    sa.Column("model_kind", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("created", sa.String(32), nullable=False),
    sa.UniqueConstraint("tenant", "name", "digest", name="registry_version_digest"),
)
"""digest: of the bundle, the blob of its manifest. signature: the blob of its signature document."""

lineage = sa.Table(
    "registry_lineage",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant", sa.String(128), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("edge", sa.Text, nullable=False),
    _version_key("version"),
)
"""edge: one `core.lineage.Edge` as canonical JSON."""

alias = sa.Table(
    "registry_alias", metadata, *_alias_key(), sa.Column("version", sa.Integer, nullable=False), _version_key("version")
)
"""Where each alias points now."""

alias_history = sa.Table(
    "registry_alias_history",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant", sa.String(128), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("alias", sa.String(64), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("from_version", sa.Integer),
    sa.Column("to_version", sa.Integer, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("time", sa.String(32), nullable=False),
    sa.Index("registry_alias_history_of", "tenant", "name", "alias", "id"),
    _version_key("to_version"),
)
"""Append-only: every move of every alias. action: `set`, `promote` or `rollback`."""

route = sa.Table(
    "registry_route",
    metadata,
    *_alias_key(),
    sa.Column("canary", sa.Integer, nullable=False),
    sa.Column("weight", sa.Float(53), nullable=False),
    _version_key("canary"),
)
"""The canary of an alias, if there is one, and its share of the requests."""
