"""Where an online store is, in one text.

FOLDER                              an embedded store
redis://HOST:PORT/DB#VIEW           a view in Redis, at any of the URLs of `redis_link`
redis://HOST:PORT/DB#TENANT/VIEW    the same of a tenant
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.online.redis_link import REDIS_SCHEMES
from mlops_runtime.features.online.store import OnlineStore

__all__ = ["open_online_store"]


def open_online_store(place: str, *, insecure: bool = False) -> OnlineStore:
    """Open a store that is there.

    insecure: allow an unencrypted connection that leaves this machine.
    Raises ConfigError when the text names no store, and whatever the store raises when it cannot be opened.
    """
    if place.startswith(tuple(f"{scheme}://" for scheme in REDIS_SCHEMES)):
        return _open_redis(place, insecure=insecure)
    if "://" in place:
        raise _unreadable("another text")
    from mlops_runtime.features.online.embedded import EmbeddedStore

    return EmbeddedStore(Path(place))


def _open_redis(place: str, *, insecure: bool) -> OnlineStore:
    from mlops_runtime.features.online.redis import RedisStore

    url, _, view = place.partition("#")
    tenant, _, name = view.rpartition("/")
    if not name:
        raise _unreadable("an address without `#VIEW`")
    return RedisStore(url, unquote(name), tenant=unquote(tenant) or "default", insecure=insecure)


def _unreadable(got: str) -> ConfigError:
    """Return the error for a text that is not repeated in it: it may hold a password."""
    return ConfigError(
        problem(
            expected="a folder, or the address of a Redis server and a view",
            got=got,
            where="online store",
            next_step="write it as FOLDER, redis://HOST:PORT/DB#VIEW or redis://HOST:PORT/DB#TENANT/VIEW",
        )
    )
