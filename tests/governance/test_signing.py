"""Signatures: the key of the installation, and documents in which no bit can change."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_runtime.core.errors import ConfigError, IntegrityError
from mlops_runtime.governance.signing import sign, verify


def test_a_signature_verifies_and_names_its_key(home: Path) -> None:
    document = sign(b"data").to_bytes()
    assert verify(b"data", document, where="signature", what="data").key_id == sign(b"other").key_id


def test_the_key_is_private_to_its_owner(home: Path) -> None:
    sign(b"data")
    key = home / "keys" / "ed25519.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [path.name for path in key.parent.iterdir()] == ["ed25519.pem"]


def test_any_flipped_bit_of_document_or_data_is_refused(home: Path) -> None:
    document = sign(b"data").to_bytes()
    for bit in range(len(document) * 8):
        altered = bytearray(document)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError, match=r"^signature: "):
            verify(b"data", bytes(altered), where="signature", what="data")
    with pytest.raises(IntegrityError, match="expected a signature of `data`"):
        verify(b"datA", document, where="signature", what="data")


def test_processes_that_start_together_share_one_key(home: Path) -> None:
    code = "from mlops_runtime.governance.signing import sign; print(sign(b'x').public_key)"
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({run.communicate(timeout=60)[0] for run in runs}) == 1


def test_a_broken_key_is_a_clear_error(home: Path) -> None:
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "ed25519.pem").write_text("no key")
    with pytest.raises(ConfigError, match="expected a readable Ed25519 key"):
        sign(b"data")
