r"""Oracle of the hash kernel: XXH3, 64 bits, in Python integers, one statement for each line of the specification.

Test vectors, which any other implementation of XXH3-64 gives as well (hexadecimal). Integers are hashed as 8
little-endian bytes; a cross (x) as the hashes of its parts, 8 bytes each, 0 for a missing one.

    key               seed 0            seed 2**64 - 1
    ""                2d06800538d394c2  4c093276ae47a555
    "a"               e6c632b61e964e1f  43a7e49bc8a25756
    "ab"              a873719c24d5735c  87c2b6263733e650
    "abc"             78af5f94892f3950  291c3db09146c9c9
    "abcd"            6497a96f53a89890  01e169947214dfef
    "abcdefgh"        6f45a76842a96483  d8762a5ad46fc294
    "abcdefghi"       e0dde4fc174590a0  950d1e9c6921e1fd
    "a" * 16          13ba5039476cd10a  31efb155a8882456
    "a" * 17          39127b6816c5f92a  195210ca4edf6ca2
    "a" * 128         7a22200aadc3d36c  2450dfab162b35e9
    "a" * 129         1586e7ed07cba75b  af365776053af111
    "a" * 240         993c46d96a01b5c6  2894f5d019702787
    "a" * 241         f6cfef5c5aca1930  a6177efc4dfc2376
    "a" * 1025        d46a63acfb8da1ea  d823f7143d670d2c
    "Zürich"          0ba44fcc12cca74e  2e8513108c71aee6
    0                 c77b3abb6f87acd9  278ee7fde0ba32cc
    1                 2fbc593564db792e  7928e38151286e3c
    -1                5111c7e47d784413  da8f77a4d5c399ea
    2**53             d2806ed6d3c29cbc  be7d25ca5cdc5808
    "a" x 1           42a6a51a1f257833  e1cf63536997950a
    missing x 1       cbd4f84ea795717c  e36a6abc718f5cf3
    "a" x 1 x "a"     f8182a6b9cb43fbb  fc550b676cc677f7

The empty string alone is a missing key, whose hash counts as 0 (`hash_key`); above it is the hash of no bytes.

>>> f"{hash_key('abc', 0):016x}"
'78af5f94892f3950'

Source: Y. Collet, xxHash, doc/xxhash_spec.md 0.2.0 (2023).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["hash_cross", "hash_key", "ids_of_hashes", "xxh3_64"]

Key = str | int

_MASK = 2**64 - 1
_PRIME32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_PRIME64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_MIX = (0x165667919E3779F9, 0x9FB21C651E98DF25)
_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def hash_key(key: Key | None, seed: int) -> int:
    """Return the hash of one key: 0 for a missing one (None, or the empty string).

    >>> hash_key(7, 0) == xxh3_64((7).to_bytes(8, "little"), 0)
    True
    """
    if key is None or key == "":
        return 0
    return xxh3_64(key.encode() if isinstance(key, str) else struct.pack("<q", key), seed)


def hash_cross(parts: Sequence[Key | None], seed: int) -> int:
    """Return the hash of one row of two key columns or more: 0 when every part is missing.

    >>> hash_cross([None, ""], 0), hash_cross(["a", None], 0) == hash_cross([None, "a"], 0)
    (0, False)
    """
    hashes = [hash_key(part, seed) for part in parts]
    return xxh3_64(struct.pack(f"<{len(hashes)}Q", *hashes), seed) if any(hashes) else 0


def ids_of_hashes(hashes: Sequence[int], buckets: int) -> NDArray[np.int64]:
    """Return 0 for a missing key (hash 0), else 1 + the share of the hash's upper half that falls to each bucket.

    >>> ids_of_hashes([0, 1, 2**63, 2**64 - 1], 10)
    array([ 0,  1,  6, 10])
    """
    return np.array([0 if value == 0 else 1 + ((value >> 32) * buckets >> 32) for value in hashes], np.int64)


def xxh3_64(data: bytes, seed: int) -> int:
    """Return XXH3-64 of bytes.

    >>> f"{xxh3_64(b'', 0):016x}"
    '2d06800538d394c2'
    """
    size = len(data)
    if size == 0:
        return _avalanche_xxh64(seed ^ _words(_SECRET, 56)[0] ^ _words(_SECRET, 64)[0])
    if size <= 3:
        return _tiny(data, seed)
    if size <= 8:
        return _small(data, seed)
    if size <= 16:
        return _medium(data, seed)
    return _long(data, seed) if size <= 240 else _large(data, seed)


def _tiny(data: bytes, seed: int) -> int:
    size = len(data)
    combined = data[-1] | size << 8 | data[0] << 16 | data[size >> 1] << 24
    first, second = struct.unpack_from("<2I", _SECRET)
    return _avalanche_xxh64(((first ^ second) + seed & _MASK) ^ combined)


def _small(data: bytes, seed: int) -> int:
    size = len(data)
    swapped = int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big")
    combined = int.from_bytes(data[-4:], "little") | int.from_bytes(data[:4], "little") << 32
    one, two = _words(_SECRET, 8, 2)
    value = ((one ^ two) - (seed ^ swapped << 32) & _MASK) ^ combined
    value = (value ^ _rotate(value, 49) ^ _rotate(value, 24)) * _MIX[1] & _MASK
    value = (value ^ ((value >> 35) + size)) * _MIX[1] & _MASK
    return value ^ value >> 28


def _medium(data: bytes, seed: int) -> int:
    one, two, three, four = _words(_SECRET, 24, 4)
    low = ((one ^ two) + seed & _MASK) ^ _words(data, 0)[0]
    high = ((three ^ four) - seed & _MASK) ^ _words(data, len(data) - 8)[0]
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    return _avalanche(len(data) + swapped + high + _fold(low * high) & _MASK)


def _long(data: bytes, seed: int) -> int:
    size = len(data)
    total = size * _PRIME64[0]
    if size <= 128:
        for i in reversed(range((size - 1) // 32 + 1)):
            total += _mix(data, 16 * i, 32 * i, seed) + _mix(data, size - 16 * i - 16, 32 * i + 16, seed)
        return _avalanche(total & _MASK)
    total = _avalanche(total + sum(_mix(data, 16 * i, 16 * i, seed) for i in range(8)) & _MASK)
    total += sum(_mix(data, 16 * i, 16 * (i - 8) + 3, seed) for i in range(8, size // 16))
    return _avalanche(total + _mix(data, size - 16, 119, seed) & _MASK)


def _mix(data: bytes, offset: int, secret_offset: int, seed: int) -> int:
    (low, high), (one, two) = _words(data, offset, 2), _words(_SECRET, secret_offset, 2)
    return _fold((low ^ (one + seed & _MASK)) * (high ^ (two - seed & _MASK)))


def _large(data: bytes, seed: int) -> int:
    words = [word + (-seed if i % 2 else seed) & _MASK for i, word in enumerate(_words(_SECRET, 0, 24))]
    secret, stripe = struct.pack("<24Q", *words), 64
    sums = [_PRIME32[2], *_PRIME64[:4], _PRIME32[1], _PRIME64[4], _PRIME32[0]]
    for i in range((len(data) - 1) // stripe):
        _accumulate(sums, _words(data, i * stripe, 8), _words(secret, i % 16 * 8, 8))
        if i % 16 == 15:
            last = _words(secret, len(secret) - stripe, 8)
            sums = [(value ^ value >> 47 ^ word) * _PRIME32[0] & _MASK for value, word in zip(sums, last, strict=True)]
    _accumulate(sums, _words(data, len(data) - stripe, 8), _words(secret, len(secret) - 71, 8))
    mixed = [value ^ word for value, word in zip(sums, _words(secret, 11, 8), strict=True)]
    total = sum(_fold(mixed[i] * mixed[i + 1]) for i in range(0, 8, 2))
    return _avalanche(total + len(data) * _PRIME64[0] & _MASK)


def _accumulate(sums: list[int], stripe: tuple[int, ...], secret: tuple[int, ...]) -> None:
    for i, (word, key) in enumerate(zip(stripe, secret, strict=True)):
        mixed = word ^ key
        sums[i ^ 1] = sums[i ^ 1] + word & _MASK
        sums[i] = sums[i] + (mixed & 0xFFFFFFFF) * (mixed >> 32) & _MASK


def _words(data: bytes, offset: int, count: int = 1) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}Q", data, offset)


def _fold(product: int) -> int:
    return (product ^ product >> 64) & _MASK


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & _MASK


def _avalanche(value: int) -> int:
    value = (value ^ value >> 37) * _MIX[0] & _MASK
    return value ^ value >> 32


def _avalanche_xxh64(value: int) -> int:
    value = (value ^ value >> 33) * _PRIME64[1] & _MASK
    value = (value ^ value >> 29) * _PRIME64[2] & _MASK
    return value ^ value >> 32
