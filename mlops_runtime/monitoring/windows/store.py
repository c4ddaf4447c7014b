"""A durable log of closed windows, which any number of processes write and read at the same time.

    DIR/windows_<id>.journal    segments (core/journal.py): each process appends to its own, which it holds locked
    DIR/baselines/              what windows were counted over: baselines, and references of all columns together, by
                                their SHA-256
    DIR/lock                    there while somebody compacts, collects, or begins to refer to a baseline

A window is on the disk when `append` returns; a writer that is killed leaves at most a torn tail, which readers leave
out. Parts of one window, from several servers or from before and after a restart, add up when they are read.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mlops_runtime.core.blob import BlobStore
from mlops_runtime.core.clock import now
from mlops_runtime.core.errors import ConfigError, MlrtError, SchemaError, problem
from mlops_runtime.core.journal import Journal
from mlops_runtime.core.lock import exclusive, try_exclusive
from mlops_runtime.monitoring.multivariate import MULTIVARIATE_FILE, MultivariateReference
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.windows.record import WindowCodec, WindowHead, read_head
from mlops_runtime.monitoring.windows.rolling import is_pane_of, roll
from mlops_runtime.monitoring.windows.segments import (
    Segment,
    live_segments,
    new_segment,
    segment_paths,
    write_replacement,
)
from mlops_runtime.monitoring.windows.spec import Tumbling
from mlops_runtime.monitoring.windows.window import Window

__all__ = ["Collected", "StoreState", "WindowStore"]

_BASELINE_FILE = "baseline.json"


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a store holds. torn_bytes: after the last whole records, of writers that did not end well or write now."""

    segments: int
    bytes: int
    records: int
    torn_bytes: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed. segments: beyond the store's limits; baselines: that no window refers to any more."""

    segments: int
    baselines: int
    baseline_bytes: int


@dataclass(frozen=True, slots=True)
class _Extent:
    """When the last window of a segment ended. segment: without its records."""

    end: dt.datetime
    segment: Segment


class WindowStore:
    """Closed windows in a folder. Thread-safe; nothing is made before the first `append`.

    max_age: segments whose last record is older are removed; None keeps them. max_bytes: the oldest segments are
    removed while all take more. segment_bytes: a larger one is not appended to. Removal happens when a segment is
    begun, whole segments at a time, and never takes one that somebody writes. Raises ConfigError for limits that are
    not above 0.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_age: dt.timedelta | None = None,
        max_bytes: int = 1 << 30,
        segment_bytes: int = 4 << 20,
    ) -> None:
        if min(max_bytes, segment_bytes) <= 0 or (max_age is not None and max_age <= dt.timedelta(0)):
            got = f"max_age={max_age}, max_bytes={max_bytes}, segment_bytes={segment_bytes}"
            next_step = "leave them out, or give sizes and a timedelta"
            raise ConfigError(problem(expected="limits above 0", got=got, where="WindowStore", next_step=next_step))
        self.folder = Path(folder)
        self._max_age, self._max_bytes, self._segment_bytes = max_age, max_bytes, segment_bytes
        self._baselines = BlobStore(self.folder / "baselines")
        self._codecs: dict[str, WindowCodec] = {}
        self._extents: dict[str, _Extent] = {}
        self._journal: Journal | None = None
        self._referred: set[str] = set()  # what windows in the journal were counted over, which nobody removes
        self._writing = threading.Lock()

    def append(
        self, windows: Sequence[Window], baseline: Baseline, multivariate: MultivariateReference | None = None
    ) -> None:
        """Add closed windows counted over `baseline`; they are durable when this returns.

        multivariate: what all columns together were counted against, if they were.
        Raises SchemaError when one was counted over others, CapacityError when the disk is full, ConfigError when the
        folder is not writable; then none of them is in the store.
        """
        if not windows:
            return
        with self._writing:
            codec = self._codec_of(windows[0].baseline, baseline)
            _require_reference(windows, multivariate)
            records = [codec.write(window) for window in windows]
            try:
                self._add(records, codec.digest, baseline, multivariate)
            except MlrtError:
                self._end_segment()
                raise

    def _add(
        self, records: Sequence[bytes], digest: str, baseline: Baseline, multivariate: MultivariateReference | None
    ) -> None:
        """Append records. The first of a baseline in a segment comes with it, while nobody collects baselines."""
        over = {digest} if multivariate is None else {digest, multivariate.digest}
        if self._journal is not None and self._journal.size >= self._segment_bytes:
            self._end_segment()
        if self._journal is not None and over <= self._referred:
            self._journal.append(records)
            return
        with exclusive(self.folder / "lock"):
            self._baselines.put(baseline.to_files()[_BASELINE_FILE])
            if multivariate is not None:
                self._baselines.put(multivariate.to_files()[MULTIVARIATE_FILE])
            self._segment().append(records)
            self._referred |= over

    def windows(
        self,
        *,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        key: Mapping[str, str] | None = None,
    ) -> list[Window]:
        """Return the windows that end after `since` and begin before `until`, in order of time, parts added up.

        key: names and values that a window's key must have; others it may have. Who asks again and again with `since`
        reads only files that have grown or hold newer windows. Raises IntegrityError when a file of
        the store is damaged before its last whole record, or a baseline is.
        """
        wanted = (key or {}).items()

        def holds(head: WindowHead) -> bool:
            after = since is None or head.span.end > since
            return after and (until is None or head.span.start < until) and wanted <= head.key.items()

        segments = live_segments(self.folder, lambda path: self._known_before(path, since))
        parts = [part for segment in segments for part in self._read(segment, holds)]
        whole: dict[tuple[object, ...], Window] = {}
        for part in parts:
            before = whole.get(part.identity)
            whole[part.identity] = part if before is None or part.weighted else before.merge(part)
        return sorted(whole.values(), key=_order)

    def baseline(self, digest: str) -> Baseline:
        """Return a baseline that windows were counted over. Raises IntegrityError when it is not there or damaged."""
        return Baseline.from_files({_BASELINE_FILE: self._baselines.get(digest)})

    def multivariate(self, digest: str) -> MultivariateReference:
        """Return what all columns together were counted against. Raises as `baseline`."""
        return MultivariateReference.from_files({MULTIVARIATE_FILE: self._baselines.get(digest)})

    def state(self) -> StoreState:
        """Return how much the store holds."""
        segments = live_segments(self.folder)
        size = sum(path.stat().st_size for path in segment_paths(self.folder))
        records = sum(len(segment.records) for segment in segments)
        return StoreState(len(segments), size, records, sum(segment.torn_bytes for segment in segments))

    def trim(self) -> int:
        """Remove segments beyond `max_age` and `max_bytes`, the oldest first; return how many."""
        sizes = {path: path.stat() for path in segment_paths(self.folder)}
        total, removed = sum(status.st_size for status in sizes.values()), 0
        oldest = None if self._max_age is None else (now() - self._max_age).timestamp()
        for path, status in sizes.items():
            if total <= self._max_bytes and (oldest is None or status.st_mtime >= oldest):
                continue
            with try_exclusive(path, remove=True) as free:
                total -= status.st_size if free else 0
                removed += free
        return removed

    def collect(self) -> Collected:
        """Remove what `trim` does, and baselines of which no window was left before; while others write and read, too.

        The baselines of windows that are removed now stay until the next time, for who reads these windows meanwhile.
        """
        if not self.folder.is_dir():
            return Collected(0, 0, 0)
        kept = self._referred_to()
        segments = self.trim()
        with exclusive(self.folder / "lock"):
            kept |= self._referred_to()
            removed = [self._baselines.remove(name) for name in self._baselines.names() if name not in kept]
        return Collected(segments, len(removed), sum(removed))

    def compact(self, kind: Tumbling, *, before: dt.datetime) -> int:
        """Replace the segments that nobody writes, all of whose windows end by `before`, by one of coarser windows.

        Panes that lie within one window of `kind` are added up, exactly; others stay as they are. Readers see the old
        segments or the new one. Return how many segments were replaced. Raises as `windows` and `append` do.
        """
        with exclusive(self.folder / "lock"):
            old = [segment for segment in live_segments(self.folder) if self._is_over(segment, before)]
            parts = [part for segment in old for part in self._read(segment, lambda _: True)]
            fine = [part for part in parts if is_pane_of(part, kind)]
            kept = [part for part in parts if not is_pane_of(part, kind)]
            records = [self._codec(window.baseline).write(window) for window in (*roll(fine, kind), *kept)]
            if old:
                write_replacement(self.folder, old, records)
            return len(old)

    def close(self) -> None:
        """End the segment that this object writes; the next `append` begins another."""
        with self._writing:
            self._end_segment()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _segment(self) -> Journal:
        if self._journal is None:
            self.trim()
            self._journal = Journal(new_segment(self.folder))
        return self._journal

    def _end_segment(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
            self._referred = set()

    def _is_over(self, segment: Segment, before: dt.datetime) -> bool:
        with try_exclusive(segment.path) as free:
            heads = (read_head(record, where=str(segment.path)) for record in segment.records)
            return free and all(head.span.end <= before for head in heads)

    def _read(self, segment: Segment, holds: Callable[[WindowHead], bool]) -> list[Window]:
        where = str(segment.path)
        heads = [read_head(record, where=where) for record in segment.records]
        if heads:
            last = max(head.span.end for head in heads)
            self._extents[segment.path.name] = _Extent(last, replace(segment, records=()))
        return [self._codec(head.baseline).read(head, where=where) for head in heads if holds(head)]

    def _known_before(self, path: Path, since: dt.datetime | None) -> Segment | None:
        """Return a segment without records, if it has not grown since it was read and all it holds ended by `since`."""
        extent = self._extents.get(path.name)
        if since is None or extent is None or extent.end > since:
            return None
        with contextlib.suppress(FileNotFoundError):
            return extent.segment if path.stat().st_size == extent.segment.size else None
        return None

    def _referred_to(self) -> set[str]:
        """Return what all windows were counted over."""
        heads = (
            read_head(record, where=str(segment.path))
            for segment in live_segments(self.folder)
            for record in segment.records
        )
        return {digest for head in heads for digest in (head.baseline, head.multivariate) if digest is not None}

    def _codec_of(self, digest: str, baseline: Baseline) -> WindowCodec:
        """Return the codec of windows over `baseline`, which need not be in the store yet."""
        if digest not in self._codecs:
            codec = WindowCodec(baseline)
            self._codecs[codec.digest] = codec
            return codec
        return self._codecs[digest]

    def _codec(self, digest: str) -> WindowCodec:
        if digest not in self._codecs:
            self._codecs[digest] = WindowCodec(self.baseline(digest))
        return self._codecs[digest]


def _require_reference(windows: Sequence[Window], given: MultivariateReference | None) -> None:
    """Raise SchemaError for a window whose columns together were counted against another reference, or none given."""
    digest = None if given is None else given.digest
    for window in windows:
        if window.multivariate is not None and window.multivariate.reference != digest:
            expected = f"windows counted against reference {'none' if digest is None else digest[:16]}"
            got, next_step = f"one against {window.multivariate.reference[:16]}", "give `append` its own"
            raise SchemaError(problem(expected=expected, got=got, where="window", next_step=next_step))


def _order(window: Window) -> tuple[object, ...]:
    return window.span.end, window.span.start, window.number, tuple(sorted(window.key.items()))
