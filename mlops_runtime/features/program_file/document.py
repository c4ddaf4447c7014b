"""The shape of `program.json`: what it may say, before anything of it is believed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mlops_runtime.features.encoders import Tokens
from mlops_runtime.features.expression import Operation
from mlops_runtime.features.program_file.tables import TableEntry

__all__ = [
    "DOCUMENT",
    "FORMAT_VERSION",
    "ArithmeticEntry",
    "BagEntry",
    "BagOutputEntry",
    "ColumnEntry",
    "CountsEntry",
    "DenseEntry",
    "Document",
    "ExpressionEntry",
    "ExpressionIdsEntry",
    "HashIdsEntry",
    "IdEntry",
    "SparseEntry",
    "StepEntry",
    "TokenHashEntry",
    "TokenVocabularyEntry",
    "Version",
    "VocabularyIdsEntry",
]

DOCUMENT = "program.json"
FORMAT_VERSION = 2

_TableNumber = Annotated[int, Field(ge=0)]
_Rows = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ColumnEntry(_Strict):
    """A column's value."""

    kind: Literal["column"]
    column: str


class ArithmeticEntry(_Strict):
    """Two columns added, subtracted, multiplied or divided."""

    kind: Literal["arithmetic"]
    operation: Operation
    left: str
    right: str


class IdEntry(_Strict):
    """A column's id in a vocabulary."""

    kind: Literal["id"]
    column: str
    table: _TableNumber


class StepEntry(_Strict):
    """A step with its parameters: hex floats, or the number of their table."""

    name: str
    parameters: list[str] | _TableNumber


class ExpressionEntry(_Strict):
    """A source and its steps."""

    source: Annotated[ColumnEntry | ArithmeticEntry | IdEntry, Field(discriminator="kind")]
    steps: list[StepEntry]


class VocabularyIdsEntry(_Strict):
    """Ids of a column by vocabulary."""

    kind: Literal["vocabulary"]
    column: str
    table: _TableNumber


class HashIdsEntry(_Strict):
    """Ids of one column, or of a cross of several, by hash."""

    kind: Literal["hash"]
    columns: list[str]
    buckets: int
    seed: int


class ExpressionIdsEntry(_Strict):
    """Ids by the value of an expression."""

    kind: Literal["expression"]
    expression: ExpressionEntry
    size: int


class TokenVocabularyEntry(_Strict):
    """Ids of tokens by vocabulary."""

    kind: Literal["vocabulary"]
    table: _TableNumber


class TokenHashEntry(_Strict):
    """Ids of tokens by hash."""

    kind: Literal["hash"]
    buckets: int
    seed: int


class BagEntry(_Strict):
    """The tokens of a column and their ids."""

    column: str
    tokens: Tokens
    shortest: int
    longest: int
    lower: bool
    encoder: Annotated[TokenVocabularyEntry | TokenHashEntry, Field(discriminator="kind")]


class DenseEntry(_Strict):
    """One column of the dense matrix."""

    kind: Literal["expression"]
    name: str
    expression: ExpressionEntry
    missing: _Rows


class CountsEntry(_Strict):
    """Several columns of the dense matrix: one for each id of a bag."""

    kind: Literal["counts"]
    name: str
    names: list[str]
    bag: BagEntry
    first_id: int
    binary: bool


class SparseEntry(_Strict):
    """One column of the sparse matrix."""

    name: str
    encoder: Annotated[VocabularyIdsEntry | HashIdsEntry | ExpressionIdsEntry, Field(discriminator="kind")]
    missing: _Rows


class BagOutputEntry(_Strict):
    """One bag of ids."""

    name: str
    bag: BagEntry


class Version(BaseModel):
    """The one field that every format has."""

    format_version: int


class Document(_Strict):
    """All of `program.json`."""

    format_version: int
    rows: _Rows
    schema_: dict[str, Any] = Field(alias="schema")
    tables: list[TableEntry]
    dense: list[Annotated[DenseEntry | CountsEntry, Field(discriminator="kind")]]
    sparse: list[SparseEntry]
    bags: list[BagOutputEntry]
