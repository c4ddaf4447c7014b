"""An online store in a folder: immutable segments, mapped into memory, under one manifest that says which are live.

    DIR/manifest.json      the present version (manifest.py); replaced whole
    DIR/<16 hex>.rows      segments (csrc/core/online_format.hpp); never changed, removed when no version names them
    DIR/lock               there while somebody writes

A reader maps what the manifest names, once every byte of it was checked, and looks at each read whether the manifest
still is the one it knows. What it has mapped stays whole when it is removed; who finds a segment gone before mapping it
reads the manifest anew. So a reader sees one version or the next, whatever a writer does, or whenever it is killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_runtime._native import OnlineSegment, OnlineVersion, WatchedFile
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import ConfigError, IntegrityError, SchemaError, problem
from mlops_runtime.core.lock import exclusive
from mlops_runtime.features.online.embedded_write import MEMORY_BYTES, EmbeddedWriting, without_keys
from mlops_runtime.features.online.keys import key_error, native_keys
from mlops_runtime.features.online.manifest import MANIFEST, StoreManifest
from mlops_runtime.features.online.moments import bounds
from mlops_runtime.features.online.rows import OnlineRows
from mlops_runtime.features.online.segments import form_of, open_segment, sweep
from mlops_runtime.features.online.store import FileState, Keys, Moment
from mlops_runtime.features.online.view import OnlineView

__all__ = ["EmbeddedStore"]

_LOCK = "lock"
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Live:
    """A version that was mapped. watch: of the manifest that names it."""

    watch: WatchedFile
    manifest: StoreManifest
    segments: Mapping[str, OnlineSegment]
    version: OnlineVersion


class EmbeddedStore:
    """The newest rows of a view, in a folder of this machine. Thread-safe; any number of processes may read.

    One writer at a time: the next waits for it. A killed writer leaves the version that it found.
    """

    def __init__(self, folder: Path, view: OnlineView | None = None, *, memory_bytes: int = MEMORY_BYTES) -> None:
        """Open the store in `folder`; with a view, make it when there is none.

        memory_bytes: what the rows of a write may take in memory before they go to the disk.
        Raises ConfigError when there is none and no view is given, SchemaError when the store is of another view,
        IntegrityError when any byte of it is not as it was written.
        """
        self.folder = folder
        self._path = folder / MANIFEST
        self._loading = threading.Lock()
        if not self._path.exists():
            self._create(view)
        self._live = self._load({})
        self._memory_bytes = memory_bytes
        self.view = view or self._live.manifest.view
        self._ttl_us = self.view.ttl_us
        self._require_view(self._live)

    @property
    def manifest(self) -> StoreManifest:
        """The present version."""
        return self._current().manifest

    @property
    def files(self) -> Mapping[str, FileState]:
        """The files that writes have recorded."""
        return self.manifest.files

    def read(self, keys: Keys, *, at: Moment | None = None) -> OnlineRows:
        """Return the rows of keys, in their order, all of one version; see `OnlineStore.read`.

        Raises SchemaError for keys of another kind, and IntegrityError when there is a new version that cannot be read.
        """
        live = self._live if self._live.watch.is_current else self._current()
        given = native_keys(self.view, keys)
        oldest, newest = bounds(at, self._ttl_us)
        try:
            found = live.version.read(given, oldest, newest)  # type: ignore[arg-type]  # both numbers, or both arrays
        except (TypeError, ValueError) as error:
            raise key_error(self.view, error) from error
        return OnlineRows(self.view, *found)

    @contextlib.contextmanager
    def writing(self) -> Iterator[EmbeddedWriting]:
        """Begin a write, once no other goes on; readers see all of it when the block ends without an error.

        Raises CapacityError when the disk is full: the store then is as it was.
        """
        with self._alone() as live:
            writing = EmbeddedWriting(self.folder, live.manifest, live.segments, memory_bytes=self._memory_bytes)
            yield writing
            self._publish(live.manifest, writing.finish())

    def forget(self, keys: Keys) -> int:
        """Remove the rows of keys from every segment and return how many keys had one; see `OnlineStore.forget`.

        When it returns, no file of the store holds them. Readers that have not read since still have them mapped.
        """
        given = native_keys(self.view, keys)
        with self._alone() as live:
            try:
                count, manifest = without_keys(self.folder, live.manifest, live.segments, given)
            except (TypeError, ValueError) as error:
                raise key_error(self.view, error) from error
            self._publish(live.manifest, manifest)
        return count

    @contextlib.contextmanager
    def _alone(self) -> Iterator[_Live]:
        """Hold the lock, and remove before and afterwards what no version names."""
        with exclusive(self.folder / _LOCK):
            sweep(self.folder, self._current().manifest)
            try:
                yield self._current()
            finally:
                sweep(self.folder, self._current().manifest)

    def _publish(self, old: StoreManifest, new: StoreManifest) -> None:
        if new != old:
            durable_write(self._path, new.to_bytes())

    def _create(self, view: OnlineView | None) -> None:
        if view is None:
            advice = "materialise a feature table first, or correct the path"
            raise ConfigError(problem(expected="an online store", got="none", where=str(self.folder), next_step=advice))
        with exclusive(self.folder / _LOCK):
            if not self._path.exists():
                durable_write(self._path, StoreManifest(view, secrets.randbits(64)).to_bytes())

    def _current(self) -> _Live:
        """Return the version that the manifest names now."""
        with self._loading:
            if not self._live.watch.is_current:
                live = self._load(self._live.segments)
                self._require_view(live)
                self._live = live
            return self._live

    def _load(self, known: Mapping[str, OnlineSegment]) -> _Live:
        while True:
            with _opened(self._path) as descriptor:  # before it is read: what is watched is what was read
                manifest = StoreManifest.read(self._path)
                watch = WatchedFile(descriptor, str(self._path))
            try:
                live = self._mapped(watch, manifest, known)
            except FileNotFoundError as error:
                if watch.is_current:
                    raise self._lost(error) from error
                continue  # the manifest was replaced, and the segment removed, before it was mapped
            if watch.is_current:
                return live

    def _mapped(self, watch: WatchedFile, manifest: StoreManifest, known: Mapping[str, OnlineSegment]) -> _Live:
        form = form_of(manifest)
        segments = {
            entry.name: known.get(entry.name) or open_segment(self.folder, form, entry) for entry in manifest.segments
        }
        return _Live(watch, manifest, segments, OnlineVersion(form, list(segments.values())[::-1]))

    def _lost(self, error: FileNotFoundError) -> IntegrityError:
        advice = "remove the store and materialise it anew"
        return IntegrityError(
            problem(expected="the segments of the manifest", got=str(error), where=str(self.folder), next_step=advice)
        )

    def _require_view(self, live: _Live) -> None:
        different = self.view.differences(live.manifest.view)
        if different:
            raise SchemaError(
                problem(
                    expected=f"a store of the view `{self.view.name}`",
                    got=f"one with other {' and '.join(different)}",
                    where=str(self.folder),
                    next_step="materialise a changed view into a new folder, so that readers of the old one go on",
                )
            )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        advice = "restore it, or remove the store and materialise it anew"
        raise IntegrityError(
            problem(expected="a manifest", got=str(error.strerror), where=str(path), next_step=advice)
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
