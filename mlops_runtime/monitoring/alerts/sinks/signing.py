"""Signatures of webhooks, as Standard Webhooks (https://www.standardwebhooks.com) has them, so any receiver can check.

    webhook-id          of the notification; the same each time it is sent
    webhook-timestamp   seconds since 1970, of this sending
    webhook-signature   `v1,` and the base64 of HMAC-SHA256(secret, id.timestamp.body); one for each secret, with spaces

Old messages cannot be sent again: a receiver refuses a timestamp that is off by more than five minutes, and an id that
it has seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from mlops_runtime.core import clock
from mlops_runtime.core.errors import ConfigError, PolicyError, problem

__all__ = ["signed_headers", "verify_webhook"]

_PREFIX = "whsec_"
_TOLERANCE = timedelta(minutes=5)
_MIN_SECRET_BYTES = 16


def signed_headers(message_id: str, body: bytes, secrets: Sequence[str], *, at: datetime) -> dict[str, str]:
    """Return the headers of a message. secrets: every one signs, so that they can be replaced without a gap.

    Raises ConfigError for a secret that is no base64, or shorter than 16 bytes.
    """
    stamp = str(int(at.timestamp()))
    signatures = " ".join(f"v1,{_signature(secret, message_id, stamp, body)}" for secret in secrets)
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signatures}


def verify_webhook(body: bytes, headers: Mapping[str, str], secret: str, *, now: datetime | None = None) -> str:
    """Return the id of a message that is genuine and fresh; a receiver refuses ids that it has seen.

    headers: names in lower case. Raises PolicyError for another secret, an altered message, or an old one.

    >>> from datetime import UTC
    >>> at, secret = datetime(2026, 1, 1, tzinfo=UTC), "whsec_bWxydC1leGFtcGxlLXNlY3JldA=="
    >>> verify_webhook(b"{}", signed_headers("ntf_1", b"{}", [secret], at=at), secret, now=at)
    'ntf_1'
    """
    given = {name: headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")}
    stamp = given["timestamp"]
    sent = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 else 0
    if abs((now or clock.now()).timestamp() - sent) > _TOLERANCE.total_seconds():
        raise _refused("a timestamp of the last five minutes", repr(stamp), "refuse it, or set the clock")
    expected = f"v1,{_signature(secret, given['id'], stamp, body)}"
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given["signature"].split(" ")):
        raise _refused("a signature by this secret", "another", "refuse it: it was altered, or the secret is wrong")
    return given["id"]


def _refused(expected: str, got: str, next_step: str) -> PolicyError:
    return PolicyError(problem(expected=expected, got=got, where="webhook", next_step=next_step))


def _signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    return base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    is_base64 = secret.startswith(_PREFIX)
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if is_base64 else secret.encode()
    except ValueError:
        key = b""
    if len(key) < _MIN_SECRET_BYTES:
        expected = f"`{_PREFIX}` and base64 of at least {_MIN_SECRET_BYTES} bytes, or a text as long"
        where, next_step = "webhook secret", f"make one: echo {_PREFIX}$(openssl rand -base64 24)"
        raise ConfigError(problem(expected=expected, got=f"{len(key)} bytes", where=where, next_step=next_step))
    return key
