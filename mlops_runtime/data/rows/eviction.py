"""What a cache holds, and what of it goes when it holds too much."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlops_runtime.core.lock import exclusive, try_exclusive
from mlops_runtime.data.rows.manifest import MANIFEST, ROWS

__all__ = ["Collected", "Entry", "collect", "discard", "entries", "remove_remains"]

_ENTRY = re.compile(r"[0-9a-f]{64}\Z")
_REMAINS = re.compile(r"\.([0-9a-f]{64})\.[0-9a-f]{16}\.(?:tmp|gone)\Z")  # of a builder, of somebody who removed
_LOCK = re.compile(r"[0-9a-f]{64}\.lock\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """Cached rows: their size on disk, when they were last opened (seconds since 1970), and whether they are now."""

    digest: str
    bytes: int
    used: float
    in_use: bool


@dataclass(frozen=True, slots=True)
class Collected:
    """What was evicted, what was left of interrupted builders, in bytes; and what is there now."""

    evicted: tuple[Entry, ...]
    remains_bytes: int
    kept: tuple[Entry, ...]

    @property
    def kept_bytes(self) -> int:
        """What is taken now."""
        return sum(entry.bytes for entry in self.kept)


def entries(root: Path) -> list[Entry]:
    """Return what is cached below `root`, the longest unused first."""
    found = (_entry(folder) for folder in _folders(root) if _ENTRY.match(folder.name))
    return sorted((entry for entry in found if entry is not None), key=lambda entry: (entry.used, entry.digest))


def collect(root: Path, limit_bytes: int) -> Collected:
    """Remove remains, then evict the longest unused until no more than `limit_bytes` are taken, or all are in use."""
    if not root.is_dir():
        return Collected((), 0, ())
    with exclusive(root / "collect.lock"):
        remains_bytes = _remove_dead(root)
        kept, evicted = entries(root), []
        taken = sum(entry.bytes for entry in kept)
        for entry in list(kept):
            if taken > limit_bytes and _evicted(root / entry.digest):
                taken -= entry.bytes
                kept.remove(entry)
                evicted.append(entry)
    return Collected(tuple(evicted), remains_bytes, tuple(kept))


def discard(folder: Path) -> None:
    """Remove a folder of the cache: first its name, at once, then what is in it."""
    gone = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.gone")
    with contextlib.suppress(FileNotFoundError):
        if folder.is_symlink():
            folder.unlink()
        else:
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def remove_remains(root: Path, digest: str) -> None:
    """Remove what interrupted builders of these rows left. The caller holds their lock."""
    for folder in _folders(root):
        match = _REMAINS.match(folder.name)
        if match and match[1] == digest:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(root: Path) -> int:
    """Remove what remains of builders who are no more, for they would hold their locks; return its bytes."""
    freed = 0
    for folder in _folders(root):  # listed before its lock is asked for: who takes it later makes another folder
        match = _REMAINS.match(folder.name)
        if match is None:
            continue
        with try_exclusive(root / f"{match[1]}.lock") as free:
            if free:
                freed += _bytes(folder)
                shutil.rmtree(folder, ignore_errors=True)
    for path in root.iterdir():
        if _LOCK.match(path.name):
            with try_exclusive(path, remove=True):
                pass
    return freed


def _evicted(folder: Path) -> bool:
    with try_exclusive(folder / ROWS) as free:
        if free:
            discard(folder)
        return free


def _entry(folder: Path) -> Entry | None:
    try:
        with try_exclusive(folder / ROWS) as free:
            used = (folder / MANIFEST if (folder / MANIFEST).exists() else folder).stat().st_mtime
            return Entry(folder.name, _bytes(folder), used, not free)
    except FileNotFoundError:  # evicted meanwhile
        return None


def _bytes(folder: Path) -> int:
    try:
        return sum(path.lstat().st_size for path in folder.iterdir())
    except FileNotFoundError:  # moved or removed meanwhile
        return 0


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()] if root.is_dir() else []
