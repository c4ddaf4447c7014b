"""How a Redis server is reached: addresses, TLS, and messages that never show how it is logged in to."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mlops_runtime.core.errors import ConfigError, PolicyError, UnavailableError
from mlops_runtime.features.online.opening import open_online_store
from mlops_runtime.features.online.redis_link import RedisLink

SECRET = "open-sesame"


def linked(url: str, *, insecure: bool = False) -> RedisLink:
    return RedisLink(url, timeout_s=0.5, insecure=insecure)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{SECRET}@host:port/0",
        f"redis://user:{SECRET}/@127.0.0.1/0",
        f"redis://user:{SECRET}@127.0.0.1/database",
        f"http://user:{SECRET}@127.0.0.1/0",
        f"redis://user:{SECRET}@:6379/0",
        f"redis://user:{SECRET}@127.0.0.1:0/0",
        f"unix://user:{SECRET}@",
        f"redis://127.0.0.1/0?socket_timeout={SECRET}",
        f"redis://127.0.0.1/0?passwort={SECRET}",
        f"redis://[{SECRET}/0",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        linked(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"redis://user:{SECRET}@127.0.0.1", "redis://127.0.0.1:6379/0"),
        (f"redis://:{SECRET}@localhost:7000/3?socket_timeout=2", "redis://localhost:7000/3"),
        (f"redis://user:{SECRET}@[::1]/1", "redis://[::1]:6379/1"),
        (f"rediss://user:{SECRET}@store.example.com/1", "rediss://store.example.com:6379/1"),
        (f"unix:///run/redis%20one.sock?password={SECRET}", "unix:///run/redis one.sock"),
    ],
)
def test_a_place_is_named_without_user_password_or_options(url: str, place: str) -> None:
    assert linked(url).place == place


def test_what_is_not_encrypted_stays_on_this_machine_unless_one_insists() -> None:
    url = f"redis://user:{SECRET}@store.example.com/0"
    with pytest.raises(PolicyError, match="expected rediss:// or a loopback address") as caught:
        linked(url)
    assert SECRET not in str(caught.value)
    assert linked(url, insecure=True).place == "redis://store.example.com:6379/0"


def test_a_server_that_is_not_there_or_says_nothing_is_unavailable_soon() -> None:
    with pytest.raises(UnavailableError, match="no answer from the Redis server"):
        linked(f"redis://user:{SECRET}@127.0.0.1:{unused_port()}/0").run(lambda client: client.ping())
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"redis://user:{SECRET}@127.0.0.1:{mute.getsockname()[1]}/0?socket_timeout=0.2"
        link = RedisLink(url, timeout_s=60.0, insecure=False)  # what the address says goes before
        started = dt.datetime.now(dt.UTC)
        with pytest.raises(UnavailableError) as caught:
            link.run(lambda client: client.ping())
    assert dt.datetime.now(dt.UTC) - started < dt.timedelta(seconds=5)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (f"redis://user:{SECRET}@127.0.0.1/0", "got an address without `#VIEW`"),
        (f"http://user:{SECRET}@127.0.0.1/0#people", "got another text"),
    ],
)
def test_a_place_that_names_no_store_is_refused_without_being_shown(place: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        open_online_store(place)
    assert SECRET not in str(caught.value)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "server.crt", folder / "server.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_tls_is_verified_and_no_older_than_1_3(make_redis: Callable[..., Any], tmp_path: Path) -> None:
    chain, key = map(str, certificate(tmp_path))
    options = ["--tls-cert-file", chain, "--tls-key-file", key, "--tls-ca-cert-file", chain, "--tls-auth-clients", "no"]
    login = ["--requirepass", SECRET]
    port, old = unused_port(), unused_port()
    make_redis(*options, *login, "--tls-port", str(port))
    make_redis(*options, *login, "--tls-port", str(old), "--tls-protocols", "TLSv1.2")
    trusted = f"?ssl_ca_certs={chain}"
    assert linked(f"rediss://:{SECRET}@127.0.0.1:{port}/0{trusted}").run(lambda client: client.ping())
    for address, words in ((f"{port}/0", "certificate verify failed"), (f"{old}/0{trusted}", "protocol version")):
        with pytest.raises(UnavailableError, match=words) as caught:
            linked(f"rediss://:{SECRET}@127.0.0.1:{address}").run(lambda client: client.ping())
        assert SECRET not in "".join(traceback.format_exception(caught.value))
