"""An online store in Redis (extra `redis`): one value a key, read by one MGET, replaced only by a newer row.

Under `mlrt:online:TENANT:VIEW:` lie `view`, what the store holds, as JSON; `files`, a hash of the files whose rows it
has; and `row:KEY`, a row each (see `redis_rows`). A script compares and replaces rows inside the server, so any number
of writers may run at once, and a write that was cut short is mended by running it again. A row is seen as soon as it
is written; a file is recorded when all its rows are.

A server that evicts rows, or loses them when it is restarted, loses features silently: give it an append-only file
(`appendonly yes`) and `maxmemory-policy noeviction`. A writer warns of an eviction policy that could remove rows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

from mlops_runtime.core.errors import ConfigError, PolicyError, SchemaError, problem
from mlops_runtime.core.logs import get_logger
from mlops_runtime.features.online.keys import encoded_keys
from mlops_runtime.features.online.moments import bounds
from mlops_runtime.features.online.redis_link import RedisLink
from mlops_runtime.features.online.redis_rows import RowPacking
from mlops_runtime.features.online.redis_write import RedisWriting
from mlops_runtime.features.online.rows import OnlineRows
from mlops_runtime.features.online.store import FileState, Keys, Moment
from mlops_runtime.features.online.view import OnlineView

__all__ = ["RedisStore"]

_FORMAT_VERSION = 1

_log = get_logger("features.online")


class RedisStore:
    """The newest rows of a view, on a Redis server. Thread-safe.

    url: as in `redis_link`. tenant: whose rows; a tenant sees no other's. expires: let the server remove rows, too,
    when the view's ttl_s has passed; reads refuse them in any case. timeout_s: to connect, and for each answer.
    insecure: allow an unencrypted connection that leaves this machine.
    Besides what each method says, all raise UnavailableError when the server does not answer, PolicyError when it
    refuses the login or a command, CapacityError when it has no room.
    """

    def __init__(
        self,
        url: str,
        view: OnlineView | str,
        *,
        tenant: str = "default",
        expires: bool = False,
        timeout_s: float = 1.0,
        insecure: bool = False,
    ) -> None:
        """Open the store of a view, which is made if need be, or of a view's name.

        Raises SchemaError when the server holds another view of this name; ConfigError when it holds none and only a
        name is given, for a URL that cannot be used, and without redis-py.
        """
        self._link = RedisLink(url, timeout_s=timeout_s, insecure=insecure)
        name = view if isinstance(view, str) else view.name
        self._prefix = f"mlrt:online:{quote(tenant, safe='')}:{quote(name, safe='')}:"
        self._expires = expires
        self.view = self._stored(name) if isinstance(view, str) else self._agreed(view)
        self._packing = RowPacking(self.view)

    @property
    def files(self) -> Mapping[str, FileState]:
        """The files that writes have recorded."""
        stored = self._link.run(lambda client: cast("dict[bytes, bytes]", client.hgetall(self._prefix + "files")))
        return {file.decode(): FileState(**json.loads(state)) for file, state in stored.items()}

    @contextlib.contextmanager
    def writing(self) -> Iterator[RedisWriting]:
        """Begin a write. Rows are seen as they are added; files are recorded when the block ends without an error."""
        self._warn_of_eviction()
        writing = RedisWriting(self._link, self._prefix, self.view, self._packing, expires=self._expires)
        yield writing
        writing.finish()

    def read(self, keys: Keys, *, at: Moment | None = None) -> OnlineRows:
        """Return the rows of keys, in their order, by one command; see `OnlineStore.read`.

        Raises SchemaError for keys of another kind, IntegrityError for a value that another program wrote.
        """
        names = self._names(keys)
        asked = [name for name in names if name is not None]
        got = iter(self._link.run(lambda client: cast("list[bytes | None]", client.mget(asked))) if asked else ())
        values = [None if name is None else next(got) for name in names]
        return self._packing.unpack(values, *bounds(at, self.view.ttl_us))

    def forget(self, keys: Keys) -> int:
        """Remove the rows of keys, for good; return how many there were."""
        names = [name for name in self._names(keys) if name is not None]
        return self._link.run(lambda client: client.unlink(*names)) if names else 0

    def _names(self, keys: Keys) -> list[bytes | None]:
        prefix = f"{self._prefix}row:".encode()
        return [None if key is None else prefix + key for key in encoded_keys(self.view, keys)]

    def _stored(self, name: str) -> OnlineView:
        """Return the view of this name on the server."""
        text = self._link.run(lambda client: cast("bytes | None", client.get(self._prefix + "view")))
        if text is None:
            raise ConfigError(
                problem(
                    expected=f"the online view `{name}`",
                    got="none of this name",
                    where=self._link.place,
                    next_step="materialise its feature table first, or correct the name or the tenant",
                )
            )
        return self._read_view(name, text)

    def _agreed(self, view: OnlineView) -> OnlineView:
        """Write the view, unless one is there; refuse when that is another."""
        text = json.dumps({"format_version": _FORMAT_VERSION, "view": view.to_dict()})
        if self._link.run(lambda client: client.set(self._prefix + "view", text, nx=True)):
            return view
        stored = self._stored(view.name)
        different = view.differences(stored)
        if different:
            raise SchemaError(
                problem(
                    expected=f"the online view `{view.name}` as it was made",
                    got=f"other {' and '.join(different)}",
                    where=self._link.place,
                    next_step="give the new view a name of its own, so that readers of the old one go on",
                )
            )
        return stored

    def _read_view(self, name: str, text: bytes) -> OnlineView:
        try:
            document: dict[str, Any] = json.loads(text)
            if document["format_version"] == _FORMAT_VERSION:
                return OnlineView.from_dict(document["view"])
            got = f"version {document['format_version']}"
        except (ValueError, KeyError, TypeError) as error:
            got = f"something else ({error})"
        raise SchemaError(
            problem(
                expected=f"the online view `{name}` in format {_FORMAT_VERSION}",
                got=got,
                where=self._link.place,
                next_step="read it with the version of mlops_runtime that wrote it",
            )
        )

    def _warn_of_eviction(self) -> None:
        try:
            memory = self._link.run(lambda client: client.info("memory"))
        except PolicyError:  # a user who may not ask
            return
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory") and policy != "noeviction":
            _log.warning(
                "the server may evict rows, which then are missing features: set maxmemory-policy to noeviction",
                extra={"fields": {"server": self._link.place, "view": self.view.name, "policy": policy}},
            )
