"""Where an online store is, in one text.

FOLDER                              an embedded store
redis://HOST:PORT/DB#VIEW           a view in Redis, at any of the URLs of `redis_link`
redis://HOST:PORT/DB#TENANT/VIEW    the same of a tenant
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.online.redis_link import REDIS_SCHEMES, server_of
from mlops_runtime.features.online.store import OnlineStore
from mlops_runtime.features.online.view import OnlineView

__all__ = ["open_online_store", "shown_place"]

_IN_REDIS = tuple(f"{scheme}://" for scheme in REDIS_SCHEMES)


def open_online_store(place: str, view: OnlineView | None = None, *, insecure: bool = False) -> OnlineStore:
    """Open a store that is there; with a view, make it when there is none.

    insecure: allow an unencrypted connection that leaves this machine.
    Raises ConfigError when the text names no store, or one of another name than the view's, and whatever the store
    raises when it cannot be opened.
    """
    if place.startswith(_IN_REDIS):
        return _open_redis(place, view, insecure=insecure)
    if "://" in place:
        raise _unreadable("another text")
    from mlops_runtime.features.online.embedded import EmbeddedStore

    return EmbeddedStore(Path(place), view)


def shown_place(place: str) -> str:
    """Return a place as it may be shown: without user, password and options. ConfigError for one that names no store.

    >>> shown_place("redis://user:secret@127.0.0.1/0#people"), shown_place("online/people")
    ('redis://127.0.0.1:6379/0#people', 'online/people')
    """
    if not place.startswith(_IN_REDIS):
        return place
    url, hash_sign, named = place.partition("#")
    return server_of(url) + hash_sign + named


def _open_redis(place: str, view: OnlineView | None, *, insecure: bool) -> OnlineStore:
    from mlops_runtime.features.online.redis import RedisStore

    url, _, named = place.partition("#")
    tenant, name = (unquote(part) for part in named.rpartition("/")[::2])
    if not name:
        raise _unreadable("an address without `#VIEW`")
    if view is not None and view.name != name:
        raise _unreadable(f"`#{name}` for the online view `{view.name}`")
    return RedisStore(url, view or name, tenant=tenant or "default", insecure=insecure)


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
