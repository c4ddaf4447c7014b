"""The files of a window store: journals of window records, and which of them count.

A compacted segment begins with a record that names the segments it replaces. It appears whole, by a rename, and from
then on readers leave those out, whether they are still there or not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import IntegrityError, problem
from mlops_runtime.core.ids import new_id
from mlops_runtime.core.journal import journal_bytes, read_journal

__all__ = ["Segment", "live_segments", "new_segment", "segment_paths", "write_replacement"]

_NAME = re.compile(r"windows_[0-9a-f]{32}\.journal\Z")
_REPLACES = b'{"replaces":'
_TRIES, _CALM_TRIES = 100, 10


@dataclass(frozen=True, slots=True)
class Segment:
    """A file's records of windows. replaces: names of segments that it stands for. torn_bytes: cut off at its end."""

    path: Path
    records: tuple[bytes, ...]
    replaces: frozenset[str]
    size: int
    torn_bytes: int


def new_segment(folder: Path) -> Path:
    """Return an unused path; later ones sort later."""
    return folder / f"{new_id('windows')}.journal"


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in a folder, the oldest first; none when there is no folder."""
    return sorted(path for path in folder.glob("windows_*.journal") if _NAME.match(path.name))


def live_segments(folder: Path, known: Callable[[Path], Segment | None] = lambda _: None) -> list[Segment]:
    """Read the segments that count, all as they were at one time.

    known: what takes the place of a segment that need not be read. Raises IntegrityError when one is damaged before its
    end, or is no journal.
    """
    for attempt in range(_TRIES):
        paths = segment_paths(folder)
        try:
            found = [known(path) or _read(path) for path in paths]
        except IntegrityError:
            if all(path.exists() for path in paths):
                raise
            continue  # one was removed while we read: look again
        if attempt < _CALM_TRIES and segment_paths(folder) != paths:
            continue  # a listing during a replacement may hold neither the old nor the new
        replaced = frozenset[str]().union(*(segment.replaces for segment in found))
        return [segment for segment in found if segment.path.name not in replaced]
    raise IntegrityError(f"{folder}: segments vanish faster than they are read — stop what removes them")


def _read(path: Path) -> Segment:
    journal = read_journal(path)
    records, replaces = journal.payloads, frozenset[str]()
    if records and records[0].startswith(_REPLACES):
        replaces = _replaced(path, records[0])
        records = records[1:]
    return Segment(path, records, replaces, journal.size, journal.torn_bytes)


def _replaced(path: Path, record: bytes) -> frozenset[str]:
    try:
        return frozenset(map(str, json.loads(record)["replaces"]))
    except (TypeError, ValueError, RecursionError) as error:
        expected, next_step = "names of segments", "it was written by something else: move the file away"
        raise IntegrityError(
            problem(expected=expected, got=repr(record[:80]), where=str(path), next_step=next_step)
        ) from error


def write_replacement(folder: Path, old: Sequence[Segment], records: Sequence[bytes]) -> None:
    """Put records in the place of segments, at once, and remove those."""
    names = sorted(segment.path.name for segment in old)
    head = canonical_json({"replaces": names})
    durable_write(new_segment(folder), journal_bytes([head, *records]), mode=0o600)
    for segment in old:
        segment.path.unlink(missing_ok=True)
