"""The segments of an embedded store as files: written durably, verified when opened, merged by size, removed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_runtime._native import OnlineFormat, OnlineSegment
from mlops_runtime.core.durable import durable_stream
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.features.online.keys import key_parts
from mlops_runtime.features.online.manifest import SEGMENT_NAME, SegmentEntry, StoreManifest

__all__ = ["form_of", "merge_start", "open_segment", "sweep", "write_segment"]

_MOST_SEGMENTS = 4
_RATIO = 3
_REMAINS = re.compile(r"\.(manifest\.json|[0-9a-f]{16}\.rows)\.[0-9a-f]{16}\.tmp\Z")


def form_of(manifest: StoreManifest) -> OnlineFormat:
    """Return what the rows of a store look like."""
    view = manifest.view
    return OnlineFormat(key_parts(view), len(view.numbers), len(view.texts), manifest.seed)


def open_segment(folder: Path, form: OnlineFormat, entry: SegmentEntry) -> OnlineSegment:
    """Map a segment, every byte of it checked. Raises FileNotFoundError; IntegrityError when it cannot be believed."""
    try:
        return OnlineSegment(form, str(folder / entry.name), entry.bytes, entry.digest)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise IntegrityError(str(error)) from error


def write_segment(folder: Path, write: Callable[[int], tuple[int, int, int]]) -> SegmentEntry:
    """Write a new segment: `write` gets the descriptor of an empty file, and returns its rows, bytes and digest.

    Raises CapacityError when the disk is full; nothing is left then.
    """
    name = f"{secrets.randbits(64):016x}.rows"
    with durable_stream(folder / name) as stream:
        rows, size, digest = write(stream.fileno())
    return SegmentEntry(name, size, rows, digest)


def merge_start(sizes: Sequence[int]) -> int:
    """Return the place from which on segments, oldest first, should become one; their number if all are well.

    A segment is merged with what is newer once that is a third of it, so that a byte is written a few times in its life
    however small the writes are; and the newest are, whatever their sizes, when there are more than four.

    >>> merge_start([900, 10]), merge_start([900, 20, 10]), merge_start([900, 200, 50, 10, 2])
    (2, 1, 3)
    """
    start, newer = len(sizes), 0
    for place in range(len(sizes) - 1, -1, -1):
        if newer > 0 and sizes[place] <= _RATIO * newer:
            start = place
        newer += sizes[place]
    return min(start, _MOST_SEGMENTS - 1) if len(sizes) > _MOST_SEGMENTS else start


def sweep(folder: Path, manifest: StoreManifest) -> None:
    """Remove what the manifest does not name: dead segments, and what a killed writer left. For the writer alone."""
    live = {entry.name for entry in manifest.segments}
    for path in folder.iterdir():
        if (SEGMENT_NAME.match(path.name) and path.name not in live) or _REMAINS.match(path.name):
            path.unlink(missing_ok=True)
