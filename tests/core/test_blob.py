"""The content-addressed store: copies in, verified bytes out, nothing followed that leads elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_runtime.core.blob import BlobStore, read_regular, read_verified
from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.errors import IntegrityError, RegistryError


def test_a_blob_comes_back_as_it_went_in(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    assert store.get(store.put(b"content")) == b"content"


def test_a_blob_is_a_file_of_its_own(tmp_path: Path) -> None:
    path = BlobStore(tmp_path).path(BlobStore(tmp_path).put(b"content"))
    assert path.stat().st_nlink == 1


def test_a_damaged_blob_is_refused_and_healed_by_storing_it_again(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.put(b"content")
    store.path(digest).write_bytes(b"contenT")
    with pytest.raises(IntegrityError, match="expected sha256"):
        store.get(digest)
    assert store.put(b"content") == digest
    assert store.get(digest) == b"content"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_a_digest_names_a_blob(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryError, match="pass a digest, not a path"):
        BlobStore(tmp_path).get(name)


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(IntegrityError, match="got a symbolic link"):
        read_verified(tmp_path / "link", sha256_bytes(b"x"))


def test_a_fifo_or_a_directory_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "folder"):
        with pytest.raises(IntegrityError, match=r"expected a regular file|got Is a directory"):
            read_regular(tmp_path / name)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(IntegrityError, match="expected at most 10 bytes, got 1,099,511,627,776"):
        read_verified(tmp_path / "sparse", sha256_bytes(b""), size=10)


def test_an_absent_file_is_an_integrity_error(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="No such file"):
        read_verified(tmp_path / "absent", sha256_bytes(b""))
