"""The Merkle tree against RFC 6962: published roots, and every proof of every small tree."""

from __future__ import annotations

import hashlib

import pytest

from mlops_runtime.governance import merkle

# Test vectors of the Certificate Transparency reference implementation (google/certificate-transparency, merkle tests).
_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
_LEAVES = [merkle.leaf_hash(bytes.fromhex(text)) for text in _INPUTS]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert merkle.root(_LEAVES[:size]).hex() == _ROOTS[size - 1]


def test_every_entry_of_every_tree_up_to_65_proves_its_place_and_no_other() -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(65)]
    for size in range(1, 66):
        root = merkle.root(leaves[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(leaves[:size], index)
            assert merkle.root_of_proof(leaves[index], index, size, proof) == root
            assert merkle.root_of_proof(leaves[index], (index + 1) % 66, size, proof) != root or size == 1
            assert merkle.root_of_proof(merkle.leaf_hash(b"other"), index, size, proof) != root
            assert merkle.root_of_proof(leaves[index], index, size, [*proof, root]) is None


def test_an_index_outside_the_tree_proves_nothing() -> None:
    assert merkle.root_of_proof(_LEAVES[0], 1, 1, []) is None


def test_the_frontier_stays_logarithmic() -> None:
    frontier: list[bytes] = []
    for size in range(1000):
        frontier = merkle.extend(frontier, size, _LEAVES[size % 8])
        assert len(frontier) == (size + 1).bit_count()
