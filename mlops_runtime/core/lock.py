"""Locks on files (flock): held by an open file, so they end with the process that holds them, however it ends.

They are advisory: they hold off who asks for them. Each call opens the file anew, so threads exclude each other too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from mlops_runtime.core.durable import unwritten

__all__ = ["exclusive", "shared", "try_exclusive"]


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait until nobody else holds the lock file `path`, and hold it; it is made for this and removed afterwards.

    Raises ConfigError or CapacityError when it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _held(path)
    except OSError as error:
        raise unwritten(error, path) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _held(path: Path) -> int:
    """Return a handle that holds the lock of what `path` names now: who waited may hold that of a removed file."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is(path, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a file that is there against who asks for it alone."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def try_exclusive(path: Path, *, remove: bool = False) -> Iterator[bool]:
    """Yield whether nobody holds the file, in which case it is held until the block ends; True when there is none.

    remove: then remove it, as a lock file that somebody left who did not end well.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # no file, or no file of ours: nobody holds it
        yield True
        return
    try:
        free = _taken(handle) and _is(path, handle)
        yield free
        if remove and free:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
