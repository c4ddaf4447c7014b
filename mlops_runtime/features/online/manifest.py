"""The manifest of an embedded store: which segments are the store now, and whose rows they hold.

RFC 8785 JSON with its own SHA-256, so that any change of it is noticed before it is believed. It is replaced whole, and
with it the store changes from one version to the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from mlops_runtime.core.blob import read_regular
from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.document import Strict
from mlops_runtime.core.errors import IntegrityError, SchemaError, problem
from mlops_runtime.features.online.store import FileState
from mlops_runtime.features.online.view import OnlineView

__all__ = ["MANIFEST", "SEGMENT_NAME", "SegmentEntry", "StoreManifest"]

MANIFEST = "manifest.json"
SEGMENT_NAME = re.compile(r"[0-9a-f]{16}\.rows\Z")

_MOST_BYTES = 1 << 28
_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Microseconds = Annotated[str, Field(pattern=r"^-?[0-9]{1,19}$")]  # RFC 8785 has no integers of 64 bits


class _Segment(Strict):
    name: Annotated[str, Field(pattern=r"^[0-9a-f]{16}\.rows$")]
    bytes: _Count
    rows: _Count
    digest: _Hex


class _File(Strict):
    until: _Microseconds
    withheld_from: _Microseconds | None


class _Document(Strict):
    format_version: Literal[1]
    sha256: str
    view: dict[str, Any]
    seed: _Hex
    generation: _Count
    segments: tuple[_Segment, ...]
    files: dict[str, _File]


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment of a store. digest: XXH3-64 of the XXH3-64 of each 4 MiB of its file."""

    name: str
    bytes: int
    rows: int
    digest: int


@dataclass(frozen=True, slots=True)
class StoreManifest:
    """A version of a store.

    seed: of the hash of its keys. generation: how many versions came before. segments: the oldest first. files: those
    that writes have recorded.

    >>> from mlops_runtime.data import Column, Schema
    >>> view = OnlineView("people", Schema((Column("id", "integer"),)), Schema((Column("age", "number"),)))
    >>> manifest = StoreManifest(view, 7, files={"a" * 64: FileState(5, None)})
    >>> StoreManifest.from_bytes(manifest.to_bytes(), where="here") == manifest
    True
    """

    view: OnlineView
    seed: int
    generation: int = 0
    segments: tuple[SegmentEntry, ...] = ()
    files: Mapping[str, FileState] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the manifest as RFC 8785 JSON, its own SHA-256 included."""
        content = self._content()
        return canonical_json(content | {"sha256": sha256_bytes(canonical_json(content))})

    def _content(self) -> dict[str, Any]:
        return {
            "format_version": 1,
            "view": self.view.to_dict(),
            "seed": f"{self.seed:016x}",
            "generation": self.generation,
            "segments": [
                {"name": entry.name, "bytes": entry.bytes, "rows": entry.rows, "digest": f"{entry.digest:016x}"}
                for entry in self.segments
            ],
            "files": {name: _to_texts(state) for name, state in self.files.items()},
        }

    @classmethod
    def read(cls, path: Path) -> StoreManifest:
        """Read a manifest file. Raises IntegrityError when it is absent or not as it was written."""
        return cls.from_bytes(read_regular(path, limit=_MOST_BYTES), where=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> StoreManifest:
        """Read what `to_bytes` wrote. Raises IntegrityError, saying `where`, for anything else."""
        try:
            document = _Document.model_validate_json(data)
            view = OnlineView.from_dict(document.view)
        except (ValidationError, SchemaError) as error:
            raise _damaged(where, "a manifest of format 1", str(error).splitlines()[0][:200]) from error
        manifest = cls(
            view,
            int(document.seed, 16),
            document.generation,
            tuple(SegmentEntry(s.name, s.bytes, s.rows, int(s.digest, 16)) for s in document.segments),
            {name: _from_texts(state) for name, state in document.files.items()},
        )
        actual = sha256_bytes(canonical_json(manifest._content()))
        if actual != document.sha256:
            raise _damaged(where, f"content with sha256 {document.sha256[:16]}…", f"{actual[:16]}…")
        return manifest


def _to_texts(state: FileState) -> dict[str, str | None]:
    withheld = None if state.withheld_from is None else str(state.withheld_from)
    return {"until": str(state.until), "withheld_from": withheld}


def _from_texts(file: _File) -> FileState:
    return FileState(int(file.until), None if file.withheld_from is None else int(file.withheld_from))


def _damaged(where: str, expected: str, got: str) -> IntegrityError:
    advice = "the store was changed by something else: remove it and materialise it anew"
    return IntegrityError(problem(expected=expected, got=got, where=where, next_step=advice))
