"""A link to a Redis server: options from a URL, one retry, and errors that never say how it logged in.

    redis://HOST:PORT/DB                   a loopback address, or one that is trusted with `insecure`
    rediss://USER:PASSWORD@HOST:PORT/DB    TLS 1.3; redis-py's options as a query, such as ?ssl_ca_certs=FILE
    unix:///PATH/TO/SOCKET?db=DB           a Unix socket

A command that meets a broken connection is sent once more, over a new one: all of ours may be repeated.
"""

from __future__ import annotations

import contextlib
import ipaddress
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from mlops_runtime.core.errors import (
    CapacityError,
    ConfigError,
    IntegrityError,
    MlrtError,
    PolicyError,
    UnavailableError,
    problem,
)

if TYPE_CHECKING:
    import redis

__all__ = ["REDIS_SCHEMES", "RedisLink", "server_of"]

REDIS_SCHEMES = ("redis", "rediss", "unix")

_RETRIES = 1
_BACKOFF_S = 0.05
_PORT = 6379
_EXAMPLE = "write it as redis://127.0.0.1:6379/0, rediss://USER:PASSWORD@HOST:6379/0 or unix:///run/redis.sock"

_T = TypeVar("_T")


class RedisLink:
    """Connections to one server, made when they are needed and closed when the link is dropped. Thread-safe.

    timeout_s: to connect, and for each answer. insecure: allow an unencrypted connection that leaves this machine.
    Raises ConfigError for a URL that cannot be used or without redis-py, PolicyError for an insecure one.
    """

    def __init__(self, url: str, *, timeout_s: float, insecure: bool) -> None:
        parts = _parsed(url)
        self.place = _place(parts)
        if parts.scheme == "redis" and not insecure and not _is_loopback(parts.hostname or ""):
            raise PolicyError(
                problem(
                    expected="rediss:// or a loopback address",
                    got="an unencrypted connection to another machine",
                    where=self.place,
                    next_step="use rediss://, or say `insecure` where the network itself is trusted",
                )
            )
        self._client = _client(url, parts, self.place, timeout_s)
        weakref.finalize(self, self._client.connection_pool.disconnect)

    def run(self, command: Callable[[redis.Redis], _T]) -> _T:
        """Return what `command` says, given the client. Raises MlrtError (see `refusal`) when the server does not."""
        from redis.exceptions import RedisError

        try:
            return command(self._client)
        except RedisError as error:
            raise self.refusal(error) from error

    def refusal(self, error: Exception) -> MlrtError:
        """Return our error for one of redis-py's.

        UnavailableError: away, too slow, still loading or read-only. PolicyError: the login or a command was refused.
        CapacityError: out of memory or disk. IntegrityError: a key holds something that we did not write.
        """
        from redis import exceptions

        text = str(error)
        denied = exceptions.AuthenticationError | exceptions.AuthorizationError | exceptions.NoPermissionError
        if isinstance(error, denied) or text.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
            return PolicyError(f"{self.place}: the server refused ({text}) — correct the user, its password or its ACL")
        if isinstance(error, exceptions.BusyLoadingError):
            return UnavailableError(f"{self.place}: the server is still loading its data — try again")
        if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
            return UnavailableError(f"{self.place}: no answer from the Redis server ({text}) — start it, or try again")
        if isinstance(error, exceptions.OutOfMemoryError) or text.startswith("OOM"):
            return CapacityError(f"{self.place}: the server has no memory left — raise its `maxmemory`, then run again")
        if text.startswith("MISCONF"):
            return CapacityError(f"{self.place}: the server cannot write to its disk ({text}) — see its log")
        if isinstance(error, exceptions.ReadOnlyError) or text.startswith("READONLY"):
            return UnavailableError(f"{self.place}: the server is a read-only replica — name the primary, or try again")
        if "WRONGTYPE" in text:
            return IntegrityError(f"{self.place}: expected a string, got a key of another type — remove what wrote it")
        return MlrtError(f"{self.place}: the Redis server refused a command ({text}) — see its log")


def server_of(url: str) -> str:
    """Name the server of a URL for messages: no user, no password, no options.

    Raises ConfigError for a URL that cannot be used.

    >>> server_of("rediss://user:secret@store.example.com/1?ssl_ca_certs=ca.crt")
    'rediss://store.example.com:6379/1'
    """
    return _place(_parsed(url))


def _parsed(url: str) -> SplitResult:
    """Split a URL. No message repeats it: a mistyped one may show its password in any part."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in REDIS_SCHEMES and _names_a_server(parts):
            return parts
    raise ConfigError(f"online store: expected the URL of a Redis server, got another text — {_EXAMPLE}")


def _names_a_server(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return parts.path.startswith("/")
    database = parts.path.removeprefix("/")
    return bool(parts.hostname) and parts.port != 0 and (not database or database.isdigit())


def _place(parts: SplitResult) -> str:
    if parts.scheme == "unix":
        return f"unix://{unquote(parts.path)}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORT}/{parts.path.strip('/') or '0'}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _client(url: str, parts: SplitResult, place: str, timeout_s: float) -> redis.Redis:
    try:
        import redis
        from redis.backoff import ConstantBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ConfigError(
            f"{place}: expected the package redis, got none — pip install 'mlops_runtime[redis]'"
        ) from error
    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    if parts.scheme == "rediss":
        import ssl

        options["ssl_min_version"] = ssl.TLSVersion.TLSv1_3
    retry = Retry(ConstantBackoff(_BACKOFF_S), _RETRIES, supported_errors=(redis.ConnectionError,))
    try:
        client = redis.Redis.from_url(url, retry=retry, **options)
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing yet, but knows its options
        return client
    except (ValueError, TypeError, redis.RedisError):  # not chained: it may repeat the password
        raise ConfigError(f"{place}: expected options that redis-py knows, got others — {_EXAMPLE}") from None
