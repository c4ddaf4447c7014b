"""Ed25519 signatures (RFC 8032): this installation's key, and signature documents that verify by themselves.

A signature proves that the bytes are what the holder of `public_key` signed. Whether that key is trusted is a separate
question, which `Signature.key_id` lets a reader ask.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.durable import fsync_directory
from mlops_runtime.core.errors import ConfigError, IntegrityError
from mlops_runtime.core.settings import settings

__all__ = ["Signature", "local_key", "sign", "verify"]

_ALGORITHM = "ed25519"


@dataclass(frozen=True, slots=True)
class Signature:
    """A detached signature. `public_key` and `signature` are lower-case hex of 32 and 64 bytes."""

    algorithm: str
    public_key: str
    signature: str

    @property
    def key_id(self) -> str:
        """A short name of the signing key: the first 16 hex digits of the SHA-256 of its bytes."""
        return sha256_bytes(bytes.fromhex(self.public_key))[:16]

    def to_bytes(self) -> bytes:
        """Return the signature document, canonical JSON."""
        return canonical_json(asdict(self))


def _create_key(path: Path) -> None:
    """Write a new private key to `path`, whole and 0600, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor, name = tempfile.mkstemp(prefix=".key.", dir=path.parent)  # mkstemp creates it 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)  # unlike rename, a link never replaces the key of a faster process
    finally:
        temporary.unlink(missing_ok=True)
    fsync_directory(path.parent)


def _unusable(path: Path, got: str) -> ConfigError:
    return ConfigError(f"{path}: expected a readable Ed25519 key, got {got} — restore it or check MLRT_HOME")


def local_key() -> Ed25519PrivateKey:
    """Return this installation's key, `$MLRT_HOME/keys/ed25519.pem`, created (0600) on first use.

    Raises ConfigError when the key cannot be created or read.
    """
    path = settings().home / "keys" / "ed25519.pem"
    try:
        if not path.exists():
            _create_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: expected a readable Ed25519 key, got {error} — restore it or check MLRT_HOME"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(
            f"{path}: expected an Ed25519 key, got {type(key).__name__} — restore the key of this installation"
        )
    return key


def sign(data: bytes) -> Signature:
    """Sign `data` with this installation's key. Ed25519 is deterministic: same key and data, same signature."""
    key = local_key()
    public = key.public_key().public_bytes_raw()
    return Signature(algorithm=_ALGORITHM, public_key=public.hex(), signature=key.sign(data).hex())


def verify(data: bytes, document: bytes, *, where: str, what: str) -> Signature:
    """Check a signature document over `data` and return it. where: the document's name; what: the name of `data`.

    The document must be canonical to the byte, so no bit of it can change unnoticed.
    Raises IntegrityError when it is malformed or does not match.
    """
    try:
        signature = TypeAdapter(Signature).validate_json(document, strict=True)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.public_key))
        raw = bytes.fromhex(signature.signature)
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            f"{where}: expected an Ed25519 signature document, got {len(document)} other bytes"
        ) from error
    canonical = Signature(_ALGORITHM, key.public_bytes_raw().hex(), raw.hex()).to_bytes()
    if canonical != document:
        raise IntegrityError(f"{where}: expected a canonical {_ALGORITHM} document, got an altered one — restore it")
    try:
        key.verify(raw, data)
    except InvalidSignature as error:
        raise IntegrityError(
            f"{where}: expected a signature of `{what}`, got one of other bytes — one of the two changed; restore both"
        ) from error
    return signature
