"""XXH3, 64 bits, of whole numbers and of crosses of them, as ONNX nodes.

A 64-bit word is an int64 tensor: additions and multiplications wrap, and shifts go through uint64, for which ONNX
Runtime 1.20 has no other arithmetic. Source: Y. Collet, xxHash, doc/xxhash_spec.md 0.2.0 (2023); the names are those of
`csrc/core/xxh3.hpp`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlops_runtime.features.onnx.graph import INT64, UINT64
from mlops_runtime.features.onnx.tensor import Tensor

__all__ = ["MOST_WORDS", "bucket_of", "hash_words"]

MOST_WORDS = 16  # longer inputs take the specification's later branches

_PRIME_1, _PRIME_2 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F
_MIX_1, _MIX_2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
_SECRET = [
    int(word, 16)
    for line in (
        "be4ba423396cfeb8 1cad21f72c81017c db979083e96dd4de 1f67b3b7a4a44072",
        "78e5c0cc4ee679cb 2172ffcc7dd05a82 8e2443f7744608b8 4c263a81e69035e0",
        "cb00c391bb52283c a32e531b8b65d088 4ef90da297486471 d8acdea946ef1938",
        "3f349ce33f76faa8 1d4f0bc7c7bbdcf9 3159b4cd4be0518a 647378d9c97e9fc8",
    )
    for word in line.split()
]
_LOW_HALF = 0xFFFFFFFF


def bucket_of(hashed: Tensor, buckets: int) -> Tensor:
    """Return 1 + the bucket of a hash: its upper half scaled to `buckets`."""
    return _shift_right(_shift_right(hashed, 32) * buckets, 32) + 1


def hash_words(words: Sequence[Tensor], seed: int) -> Tensor:
    """Return the hash of 1 to 16 words of 8 bytes, one after another, in each row; int64, the bits of the uint64."""
    if len(words) == 1:
        return _hash_small(words[0], seed)
    if len(words) == 2:
        return _hash_medium(words[0], words[1], seed)
    return _hash_128(words, seed)


def _hash_small(word: Tensor, seed: int) -> Tensor:
    swapped = int.from_bytes((seed & _LOW_HALF).to_bytes(4, "little"), "big")
    x = _rotate(word, 32) ^ _signed((_SECRET[1] ^ _SECRET[2]) - (seed ^ swapped << 32))
    x = (x ^ _rotate(x, 49) ^ _rotate(x, 24)) * _signed(_MIX_2)
    x = (x ^ (_shift_right(x, 35) + 8)) * _signed(_MIX_2)
    return x ^ _shift_right(x, 28)


def _hash_medium(head: Tensor, tail: Tensor, seed: int) -> Tensor:
    low = head ^ _signed((_SECRET[3] ^ _SECRET[4]) + seed)
    high = tail ^ _signed((_SECRET[5] ^ _SECRET[6]) - seed)
    return _avalanche(_swap_bytes(low) + high + _fold(low, high) + 16)


def _hash_128(words: Sequence[Tensor], seed: int) -> Tensor:
    total = words[0].constant(_signed(8 * len(words) * _PRIME_1))
    for i in range((len(words) - 1) // 4 + 1):
        front, back = 2 * i, len(words) - 2 * i - 2
        total = total + _mix(words[front], words[front + 1], 4 * i, seed)
        total = total + _mix(words[back], words[back + 1], 4 * i + 2, seed)
    return _avalanche(total)


def _mix(first: Tensor, second: Tensor, secret: int, seed: int) -> Tensor:
    return _fold(first ^ _signed(_SECRET[secret] + seed), second ^ _signed(_SECRET[secret + 1] - seed))


def _avalanche(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 37)) * _signed(_MIX_1)
    return x ^ _shift_right(x, 32)


def _fold(a: Tensor, b: Tensor) -> Tensor:
    """Return the two halves of the 128-bit product, one xor the other, from products of 32-bit halves."""
    low_a, high_a = _and(a, _LOW_HALF), _shift_right(a, 32)
    low_b, high_b = _and(b, _LOW_HALF), _shift_right(b, 32)
    lowest, middle = low_a * low_b, high_a * low_b
    carried = _shift_right(lowest, 32) + _and(middle, _LOW_HALF) + low_a * high_b
    upper = _shift_right(middle, 32) + _shift_right(carried, 32) + high_a * high_b
    return upper ^ (carried * (1 << 32)) ^ _and(lowest, _LOW_HALF)


def _swap_bytes(x: Tensor) -> Tensor:
    for bits, mask in ((8, 0x00FF00FF00FF00FF), (16, 0x0000FFFF0000FFFF), (32, _LOW_HALF)):
        x = (_and(x, mask) * (1 << bits)) ^ _and(_shift_right(x, bits), mask)
    return x


def _rotate(x: Tensor, bits: int) -> Tensor:
    return (x * (1 << bits)) ^ _shift_right(x, 64 - bits)


def _and(x: Tensor, mask: int) -> Tensor:
    return x.apply("BitwiseAnd", mask)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    return x.cast(UINT64).apply("BitShift", bits, direction="RIGHT").cast(INT64)


def _signed(word: int) -> np.int64:
    """Return the int64 with the bits of a number modulo 2**64."""
    return np.uint64(word & 0xFFFFFFFFFFFFFFFF).astype(np.int64)
