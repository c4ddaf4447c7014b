"""hash_bytes against the specification's oracle and against the reference library, at every level and alignment."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash

from mlops_runtime._native import hash_bytes
from mlops_runtime.kernels.block_hash.reference import block_hash

# The ends of each formula, a stripe (64), a block of stripes (1,024), and what is left behind one.
LENGTHS = [0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 255, 256, 257, 1023, 1024, 1025, 1088, 2048, 2049, 4097]
BYTES = np.random.default_rng(0).integers(0, 256, 1 << 20, np.uint8)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_hash_is_the_specifications(isa, length):
    data = BYTES[:length].tobytes()
    assert hash_bytes(data) == block_hash(data)


@pytest.mark.parametrize("start", [0, 1, 7, 8, 31, 63])
def test_a_hash_does_not_depend_on_where_the_bytes_lie(isa, start):
    for length in (*range(230, 400), 65_535, 1 << 19):
        data = BYTES[start : start + length]
        assert hash_bytes(data) == xxhash.xxh3_64_intdigest(data.tobytes())


def test_one_changed_bit_changes_the_hash(isa):
    data = BYTES[:5000].copy()
    before = hash_bytes(data)
    for place in np.random.default_rng(1).integers(0, 8 * len(data), 200):
        data[place // 8] ^= np.uint8(1 << place % 8)
        assert hash_bytes(data) != before
        data[place // 8] ^= np.uint8(1 << place % 8)


def test_any_buffer_is_its_bytes():
    values = np.arange(60, dtype=np.float64).reshape(6, 10)
    assert hash_bytes(values) == hash_bytes(memoryview(values)) == hash_bytes(values.tobytes())


def test_bytes_with_gaps_between_them_are_refused():
    with pytest.raises(ValueError, match="contiguous bytes"):
        hash_bytes(np.arange(10)[::2])
    with pytest.raises(TypeError):
        hash_bytes("text")
