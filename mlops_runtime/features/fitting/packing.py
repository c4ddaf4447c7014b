"""A fit's state as bytes: a JSON header, then what each collector has seen. No pickle, nothing believed unchecked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from mlops_runtime.core.errors import IntegrityError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.spec import FeatureSpec

__all__ = ["Header", "pack", "refusal", "unpack"]

_MAGIC = b"MLRTFIT1"
_LENGTH_BYTES = 8


class Header(BaseModel):
    """What a state is of, and how long its parts are."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    spec: FeatureSpec
    columns: dict[str, Any]
    rows: int = Field(ge=0)
    sizes: tuple[int, ...]

    @property
    def schema_of_columns(self) -> Schema:
        """The schema the state was made with. Raises SchemaError when it is none."""
        return Schema.from_dict(self.columns)


def pack(spec: FeatureSpec, schema: Schema, rows: int, parts: Sequence[bytes]) -> bytes:
    """Return the bytes of a state."""
    header = Header(spec=spec, columns=schema.to_dict(), rows=rows, sizes=tuple(map(len, parts)))
    text = header.model_dump_json().encode()
    return b"".join([_MAGIC, len(text).to_bytes(_LENGTH_BYTES, "little"), text, *parts])


def unpack(data: bytes) -> tuple[Header, list[bytes]]:
    """Return the header and the parts. Raises IntegrityError when the bytes are anything but what `pack` wrote."""
    begin = len(_MAGIC) + _LENGTH_BYTES
    if data[: len(_MAGIC)] != _MAGIC or len(data) < begin:
        raise refusal("other bytes")
    end = begin + int.from_bytes(data[len(_MAGIC) : begin], "little")
    try:
        header = Header.model_validate_json(data[begin:end])
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise refusal(f"{'.'.join(map(str, first['loc'])) or 'a header'}: {first['msg']}") from error
    if any(size < 0 for size in header.sizes) or end + sum(header.sizes) != len(data):
        raise refusal(f"{len(data)} bytes where the header announces {end + sum(header.sizes)}")
    parts = []
    for size in header.sizes:
        parts.append(data[end : end + size])
        end += size
    return header, parts


def refusal(got: str) -> IntegrityError:
    """Return the error for bytes that are no state of a fit."""
    return IntegrityError(
        problem(
            expected="what FitState.to_bytes wrote",
            got=got[:300],
            where="FitState.from_bytes",
            next_step="fit that part of the data again",
        )
    )
