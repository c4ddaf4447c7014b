"""Rows cached on disk: written once under a name known beforehand, verified whole whenever they are opened.

    <home>/cache/rows/<digest>/manifest.json   layout, rows, where each block lies and its hash
    <home>/cache/rows/<digest>/rows.arrow      the rows, in an Arrow IPC file
    <home>/cache/rows/<digest>.lock            there while somebody builds them

A folder appears whole or not at all. Whoever has rows open holds their file by a shared lock, and what is held is never
evicted. The manifest's time of change is when the rows were last opened: those unused for longest are evicted first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mlops_runtime._native import Rows
from mlops_runtime.core.durable import durable_directory
from mlops_runtime.core.errors import ConfigError, IntegrityError, RegistryError, problem
from mlops_runtime.core.lock import exclusive, shared
from mlops_runtime.core.logs import get_logger
from mlops_runtime.core.settings import settings
from mlops_runtime.data.rows.eviction import Collected, Entry, collect, discard, entries, remove_remains
from mlops_runtime.data.rows.layout import RowLayout
from mlops_runtime.data.rows.manifest import MANIFEST, ROWS, RowManifest, rows_digest
from mlops_runtime.data.rows.row_file import Batch, write_row_file
from mlops_runtime.data.rows.table import RowTable

__all__ = ["RowCache"]

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_GIB = 1 << 30
_READ_ONLY = 0o444
_DAMAGE = {errno.EIO, errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO}


class RowCache:
    """A folder of cached rows, each under the digest of what they are made of.

    root: by default `<home>/cache/rows`. limit_bytes: what all of it may take, by default `MLRT_CACHE_GIB`.
    """

    def __init__(self, root: Path | None = None, *, limit_bytes: int | None = None) -> None:
        self.root = root or settings().home / "cache" / "rows"
        self.limit_bytes = int(settings().cache_gib * _GIB) if limit_bytes is None else limit_bytes

    def open(self, digest: str) -> RowTable:
        """Verify cached rows whole, on all threads, then map them; they stay readable if they are deleted meanwhile.

        Raises RegistryError when there are none, IntegrityError when any bit of them has changed.
        """
        folder = self._folder(digest)
        try:
            manifest = self.manifest(digest)
            table = RowTable(manifest.row_layout, _mapped(folder / ROWS, manifest), digest)
        except IntegrityError as error:
            if folder.exists():
                raise
            raise RegistryError(f"{folder}: no such rows are cached — build them") from error
        with contextlib.suppress(OSError):  # a cache that is lent read-only keeps no order of use
            os.utime(folder / MANIFEST)
        return table

    def manifest(self, digest: str) -> RowManifest:
        """Return what is said of cached rows. Raises IntegrityError when it is not what was written of these."""
        folder = self._folder(digest)
        if folder.is_symlink():
            raise _damaged(folder, "a folder", "a symbolic link")
        manifest = RowManifest.read(folder / MANIFEST)
        if manifest.digest != digest:
            raise _damaged(folder / MANIFEST, f"the manifest of {digest}", f"that of {manifest.digest}")
        return manifest

    def build(self, layout: RowLayout, parts: Mapping[str, str], batches: Iterable[Batch]) -> RowTable:
        """Open cached rows; write them first when there are none, from arrays [n] or [n, width] of each field.

        parts: the identities of all the rows are made of; with the layout they are the rows' own, `rows_digest`.
        batches: not drawn from when the rows are there. Of two who build the same rows, in whatever process, the
        second waits for the first and opens its rows. Damaged rows are logged and written anew. Raises CapacityError
        when the rows alone pass the limit or the disk is full, SchemaError for a batch of another layout; nothing is
        left then. Raises IntegrityError when rows are there that cannot be read for want of memory or permission.
        """
        digest = rows_digest(layout, parts)
        with contextlib.suppress(RegistryError, IntegrityError):
            return self.open(digest)
        with exclusive(self.root / f"{digest}.lock"):
            try:
                return self.open(digest)
            except RegistryError:
                pass
            except IntegrityError as error:
                if not _is_damage(error):
                    raise
                get_logger("data.rows").warning("cached rows are damaged and written anew: %s", error)
                discard(self.root / digest)
            remove_remains(self.root, digest)
            return self._written(digest, layout, parts, batches)

    def _written(self, digest: str, layout: RowLayout, parts: Mapping[str, str], batches: Iterable[Batch]) -> RowTable:
        with contextlib.ExitStack() as held:
            with durable_directory(self.root / digest) as scratch:
                manifest = write_row_file(scratch / ROWS, layout, parts, batches, most_bytes=self.limit_bytes)
                (scratch / MANIFEST).write_bytes(manifest.to_bytes())
                (scratch / ROWS).chmod(_READ_ONLY)
                held.enter_context(shared(scratch / ROWS))  # or somebody's collect() might take it before it is open
            _drop_from_memory(self.root / digest / ROWS)
            self.collect()
            return self.open(digest)

    def entries(self) -> list[Entry]:
        """Return what is cached, the longest unused first."""
        return entries(self.root)

    def collect(self) -> Collected:
        """Remove what interrupted builders left, then the longest unused rows until the limit is kept.

        Rows that somebody has open are left, so that more than the limit may remain.
        """
        return collect(self.root, self.limit_bytes)

    def _folder(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            got = repr(digest[:80])
            raise ConfigError(problem(expected="64 hex digits", got=got, where="row cache", next_step="pass a digest"))
        return self.root / digest


def _is_damage(error: IntegrityError) -> bool:
    """Whether the files are at fault: not so when the system lacks memory or descriptors, or does not let us read."""
    return not isinstance(error.__cause__, OSError) or error.__cause__.errno in _DAMAGE


def _drop_from_memory(path: Path) -> None:
    """Let a file that is on the disk be read from there next: so it is verified as it lies there, and in huge pages."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def _mapped(path: Path, manifest: RowManifest) -> Rows:
    try:
        return Rows.map(
            str(path),
            manifest.file_bytes,
            manifest.row_layout.row_bytes,
            manifest.rows,
            manifest.block_rows,
            np.array([place for place, _ in manifest.blocks], np.int64),
            np.array([int(hashed, 16) for _, hashed in manifest.blocks] + [int(manifest.frame, 16)], np.uint64),
        )
    except (OSError, ValueError) as error:
        raise IntegrityError(str(error)) from error


def _damaged(path: Path, expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        problem(expected=expected, got=got, where=str(path), next_step="remove it; the rows are cached anew")
    )
