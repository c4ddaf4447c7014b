"""Where an online store is, in one text.

redis://HOST:PORT/DB#VIEW              a view in Redis, over any of the URLs of `redis_link`
redis://HOST:PORT/DB#TENANT/VIEW       the same of a tenant
"""

from __future__ import annotations

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
    from mlops_runtime.features.online.redis import RedisStore

    url, _, view = place.partition("#")
    if not place.startswith(tuple(f"{scheme}://" for scheme in REDIS_SCHEMES)) or not view:
        raise ConfigError(
            problem(
                expected="the address of a store and the name of its view",
                got="an address without `#VIEW`" if not view else "another text",
                where="online store",
                next_step="write it as redis://HOST:PORT/DB#VIEW or redis://HOST:PORT/DB#TENANT/VIEW",
            )
        )
    tenant, _, name = view.rpartition("/")
    return RedisStore(url, unquote(name), tenant=unquote(tenant) or "default", insecure=insecure)
