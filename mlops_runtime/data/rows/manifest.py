"""The manifest of cached rows: what lies where in their file, and the hash of every byte of it.

RFC 8785 JSON. `sha256` is its last member: the SHA-256 of the document without that member, so that the bytes are
checked before they are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, ValidationError

from mlops_runtime.core.blob import read_regular
from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.document import Strict
from mlops_runtime.core.errors import IntegrityError, SchemaError, problem
from mlops_runtime.data.rows.layout import RowLayout

__all__ = ["FORMAT_VERSION", "MANIFEST", "ROWS", "RowManifest", "rows_digest"]

MANIFEST, ROWS = "manifest.json", "rows.arrow"  # the two files of cached rows
FORMAT_VERSION = 1
_MOST_BYTES = 1 << 30
_MEMBER = b',"sha256":"'
_SHA256_DIGITS = 64
_TAIL_BYTES = len(_MEMBER) + _SHA256_DIGITS + len(b'"}')


def rows_digest(layout: RowLayout, parts: Mapping[str, str]) -> str:
    """Return the identity of rows of this layout, known before them, from those of all they are made of.

    parts: say `{"dataset": …, "program": …, "target": …}`. Another format of the cache gives another identity.
    """
    return sha256_bytes(canonical_json({"format": FORMAT_VERSION, "layout": layout.to_dict(), "parts": dict(parts)}))


_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class RowManifest(Strict):
    """What the file of cached rows holds.

    parts: the identities of all the rows are made of. blocks: for each, where in the file it begins and the XXH3-64 of
    its bytes. frame: the XXH3-64 of all other bytes of the file, joined.
    """

    format: Literal["mlrt-rows"] = "mlrt-rows"
    format_version: Annotated[int, Field(ge=FORMAT_VERSION, le=FORMAT_VERSION)] = FORMAT_VERSION
    layout: dict[str, Any]
    parts: dict[str, str]
    rows: _Count
    block_rows: Annotated[int, Field(ge=1, lt=2**53)]
    file_bytes: _Count
    blocks: tuple[tuple[_Count, _Hash], ...]
    frame: _Hash

    @property
    def digest(self) -> str:
        """The identity of the rows."""
        return rows_digest(self.row_layout, self.parts)

    @property
    def row_layout(self) -> RowLayout:
        """The layout, checked. Raises SchemaError when it is none."""
        return RowLayout.from_dict(self.layout)

    def to_bytes(self) -> bytes:
        """Return the document."""
        body = canonical_json(self.model_dump(mode="json"))
        return body[:-1] + _MEMBER + sha256_bytes(body).encode() + b'"}'

    @classmethod
    def read(cls, path: Path) -> RowManifest:
        """Read a manifest. Raises IntegrityError when it is not, to the last byte, one that was written."""
        data = read_regular(path, limit=_MOST_BYTES)
        body = data[:-_TAIL_BYTES] + b"}"
        if data[-_TAIL_BYTES:] != _MEMBER + sha256_bytes(body).encode() + b'"}':
            _refuse(path, "the SHA-256 that stands at its end", "the bytes of another manifest")
        try:
            manifest = cls.model_validate(json.loads(body))
            manifest.row_layout  # noqa: B018 - it is checked here, once
        except (ValidationError, SchemaError, ValueError, RecursionError) as error:
            _refuse(path, f"a manifest of rows, format {FORMAT_VERSION}", " ".join(str(error).split())[:200])
        return manifest


def _refuse(path: Path, expected: str, got: str) -> NoReturn:
    raise IntegrityError(
        problem(expected=expected, got=got, where=str(path), next_step="remove the folder; the rows are cached anew")
    )
