"""Durable writes: after a crash at any instant a path holds the old content or the new, never a mixture.

The order is always the same: write beside the target, fsync, rename over it, fsync the directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mlops_runtime.core.errors import CapacityError, ConfigError, MlrtError

__all__ = ["durable_directory", "durable_stream", "durable_write", "fsync_directory", "unwritten"]


def fsync_directory(path: Path) -> None:
    """Make the entries of a directory (created or renamed names) survive a power loss."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sibling(path: Path) -> Path:
    """Return an unused hidden name beside `path`, so that a rename stays on one file system."""
    return path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}.tmp")


def unwritten(error: OSError, target: Path) -> MlrtError:
    """Return the error for a file that could not be written: CapacityError when the disk is full, else ConfigError."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CapacityError(
            f"{target}: no space left to write it — free space on this file system; nothing was changed"
        )
    return ConfigError(f"{target}: cannot be written ({error.strerror}) — choose a writable place; nothing was changed")


def durable_write(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replace the content of `path` with `data`, durably and atomically.

    mode: permission bits of the new file, less the process's umask; 0o600 for what only its owner may read.
    Raises CapacityError when the disk is full and ConfigError when the place is not writable; either way the previous
    content is untouched and no temporary file stays behind.
    """
    with durable_stream(path, mode=mode) as stream:
        stream.write(data)


@contextlib.contextmanager
def durable_stream(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes become the content of `path`, whole, when the block ends without an error.

    Raises as `durable_write` does; on any error the previous content of `path` is untouched.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _sibling(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        temporary = None
        fsync_directory(path.parent)
    except OSError as error:
        raise unwritten(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def durable_directory(path: Path) -> Iterator[Path]:
    """Yield an empty scratch directory that becomes `path`, whole, when the block ends without an error.

    Every file in it is fsynced before the rename. Raises ConfigError when `path` exists already or cannot be written,
    CapacityError when the disk is full; on any error nothing is left at `path`.
    """
    if path.exists():
        raise ConfigError(f"{path}: exists already — choose another place or remove it first")
    scratch: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = _sibling(path)
        scratch.mkdir()
        yield scratch
        _fsync_tree(scratch)
        scratch.rename(path)
        scratch = None
        fsync_directory(path.parent)
    except OSError as error:
        raise unwritten(error, path) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _fsync_tree(root: Path) -> None:
    for directory, _, files in os.walk(root):
        for name in files:
            handle = os.open(Path(directory) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        fsync_directory(Path(directory))
