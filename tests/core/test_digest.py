"""Canonical bytes: the same value has one spelling, and floats keep every bit."""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.digest import canonical_json, from_hex_float, hex_float, sha256_bytes, sha256_file

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_the_order_of_keys_does_not_change_the_bytes(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(backwards)


def test_canonical_json_sorts_by_utf16_code_units_as_the_standard_demands() -> None:
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53])
def test_what_json_cannot_hold_exactly_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_json({"x": value})


@given(st.floats())
def test_a_hex_float_keeps_every_bit_of_a_number(value: float) -> None:
    back = from_hex_float(hex_float(value))
    assert math.isnan(back) if math.isnan(value) else struct.pack("<d", back) == struct.pack("<d", value)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "file").write_bytes(data)
    assert sha256_file(tmp_path / "file") == sha256_bytes(data) == hashlib.sha256(data).hexdigest()
