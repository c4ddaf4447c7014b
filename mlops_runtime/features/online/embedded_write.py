"""Writing an embedded store: rows are gathered in memory, become segments, and are seen with the next manifest."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import (
    ArrowTable,
    OnlineBuilder,
    OnlineFormat,
    OnlineSegment,
    OnlineVersion,
    merge_online_segments,
)
from mlops_runtime.features.online.keys import key_error, key_table
from mlops_runtime.features.online.manifest import SegmentEntry, StoreManifest
from mlops_runtime.features.online.moments import LATEST
from mlops_runtime.features.online.segments import form_of, merge_start, open_segment, write_segment
from mlops_runtime.features.online.store import FileState, WriteReport
from mlops_runtime.features.online.values import stored_values
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["MEMORY_BYTES", "EmbeddedWriting", "without_keys"]

MEMORY_BYTES = 1 << 28  # rows beyond this become a segment before the write ends


class EmbeddedWriting:
    """A write that is going on.

    manifest: the version it begins with. segments: its segments, by name. memory_bytes: what rows may take before they
    become a segment, which nobody sees until the write ends.
    """

    def __init__(
        self, folder: Path, manifest: StoreManifest, segments: Mapping[str, OnlineSegment], *, memory_bytes: int
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._form = form_of(manifest)
        self._entries = list(manifest.segments)
        self._segments = dict(segments)
        self._memory_bytes = memory_bytes
        self._files = dict(manifest.files)
        self._rows = self._keys = self._incomplete = 0
        self._begin()

    @property
    def report(self) -> WriteReport:
        """What became of the rows. A key is counted in each segment that gave it another row."""
        return WriteReport(self._rows, self._keys, self._incomplete)

    def add(self, rows: pa.Table, event: NDArray[np.int64], known: NDArray[np.int64]) -> None:
        """Take rows; see `Writing.add`."""
        view = self._manifest.view
        numbers, texts = stored_values(view, rows)
        table = key_table(view, rows)
        for name, values in zip(view.texts, texts, strict=True):
            table = table.append_column(name, values)
        try:
            self._builder.add(ArrowTable(table), numbers, event, known, self._base)
        except (TypeError, ValueError) as error:
            raise key_error(view, error) from error
        self._rows += rows.num_rows
        if self._builder.bytes > self._memory_bytes:
            self._flush()

    def record(self, file: str, state: FileState) -> None:
        """Remember, with the rows, that those of `file` were added."""
        self._files[file] = state

    def finish(self) -> StoreManifest:
        """Write what is in memory, merge what should be one segment, and return the next version."""
        self._flush()
        start = merge_start([entry.bytes for entry in self._entries])
        if len(self._entries) - start > 1:
            newest_first = [self._segments[entry.name] for entry in reversed(self._entries[start:])]
            self._entries[start:] = [
                write_segment(self._folder, functools.partial(merge_online_segments, self._form, newest_first))
            ]
        if tuple(self._entries) == self._manifest.segments and self._files == self._manifest.files:
            return self._manifest
        return replace(
            self._manifest,
            generation=self._manifest.generation + 1,
            segments=tuple(self._entries),
            files=self._files,
        )

    def _begin(self) -> None:
        newest_first = [self._segments[entry.name] for entry in reversed(self._entries)]
        self._builder = OnlineBuilder(self._form)
        self._base = OnlineVersion(self._form, newest_first)

    def _flush(self) -> None:
        """Make what is in memory the newest segment."""
        self._incomplete += self._builder.incomplete
        self._keys += self._builder.rows
        if self._builder.rows:
            entry = write_segment(self._folder, functools.partial(self._builder.write, self._form))
            self._entries.append(entry)
            self._segments[entry.name] = open_segment(self._folder, self._form, entry)
        self._begin()


def without_keys(
    folder: Path, manifest: StoreManifest, segments: Mapping[str, OnlineSegment], keys: ArrowTable | Sequence[Any]
) -> tuple[int, StoreManifest]:
    """Write anew the segments that hold any of these keys; return how many keys had a row, and the next version."""
    form = form_of(manifest)
    entries: list[SegmentEntry] = []
    for entry in manifest.segments:
        segment = segments[entry.name]
        held = segment.count(form, keys)
        if held == 0:
            entries.append(entry)
        elif held < segment.rows:
            entries.append(write_segment(folder, functools.partial(segment.write_without, form, keys)))
    if tuple(entries) == manifest.segments:
        return 0, manifest
    count = _count(form, [segments[entry.name] for entry in reversed(manifest.segments)], keys)
    return count, replace(manifest, generation=manifest.generation + 1, segments=tuple(entries))


def _count(form: OnlineFormat, newest_first: Sequence[OnlineSegment], keys: ArrowTable | Sequence[Any]) -> int:
    found, *_ = OnlineVersion(form, newest_first).read(keys, MISSING_TIME, LATEST)
    return len({key for key, is_found in zip(form.encode(keys), found.tolist(), strict=True) if is_found})
