"""One HTTP POST to an address that an operator wrote down, and to no other.

Redirects are not followed, proxies of the environment are not used. The host is resolved once, the address is checked,
and the connection goes to that address, so a name cannot change its mind in between. Link-local addresses (where clouds
keep their credentials), multicast and reserved ones are refused; this machine is reached only by its own names. TLS is
1.2 or later, with the host's name verified.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from mlops_runtime.core.errors import DataError, UnavailableError, problem

__all__ = ["post"]

_ANSWER_BYTES = 4096
_NEVER = frozenset({400, 413, 415, 422})  # the body is at fault: sending it again changes nothing
_LOCAL_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, ca_file: str | None = None) -> None:
    """Send JSON and return when the answer is a 2xx.

    ca_file: certificates (PEM) to trust instead of the system's. Raises UnavailableError when it may work later,
    DataError when this body never will.
    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _Pinned(url, timeout_s, ca_file)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            words = response.read(_ANSWER_BYTES).decode("utf-8", "replace")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(url, f"{type(error).__name__}: {error}", "it is tried again") from error
    _judge(url, response.status, words)


def _judge(url: str, status: int, words: str) -> None:
    if 200 <= status < 300:
        return
    got = f"{status} {words[:200]!r}"
    if 300 <= status < 400:
        raise _failed(url, got, "redirects are not followed: configure the final address")
    if status in _NEVER:
        raise DataError(problem(expected="2xx", got=got, where=_shown(url), next_step="it is put aside as refused"))
    raise _failed(url, got, "it is tried again")


def _failed(url: str, got: str, next_step: str) -> UnavailableError:
    return UnavailableError(problem(expected="2xx", got=got, where=_shown(url), next_step=next_step))


def _shown(url: str) -> str:
    """Return a URL without its path, which often holds a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"


class _Pinned(http.client.HTTPConnection):
    """A connection to the one address that was checked."""

    def __init__(self, url: str, timeout_s: float, ca_file: str | None) -> None:
        parts = urlsplit(url)
        self._name = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._address = _checked_address(self._name, port)
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        super().__init__(self._name, port, timeout=timeout_s)

    def connect(self) -> None:
        """Connect to the address, under the name."""
        plain = socket.create_connection((self._address, self.port), timeout=self.timeout)
        self.sock = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._name)


def _checked_address(name: str, port: int) -> str:
    """Return the first address of a host. Raises ValueError when it is one that must not be asked."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    text = str(found[0][4][0])
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    forbidden = address.is_link_local or address.is_multicast or address.is_reserved or address.is_unspecified
    if forbidden or (address.is_loopback and name not in _LOCAL_NAMES):
        raise ValueError(f"{name} is {text}, an address that webhooks must not reach")
    return text
