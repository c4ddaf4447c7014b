"""Encoders: whole-number ids of a row, one (an embedding's index) or several (a bag of tokens)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.expression import Expression
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = [
    "MAX_BUCKETS",
    "MAX_SEED",
    "MAX_TOKEN",
    "Bag",
    "Encoder",
    "ExpressionIds",
    "HashBuckets",
    "HashIds",
    "Tokens",
    "VocabularyIds",
]

MAX_BUCKETS = 2**31 - 1
MAX_SEED = 2**53 - 1  # the largest integer of canonical JSON
MAX_TOKEN = 64

Tokens = Literal["list", "characters", "words"]


@dataclass(frozen=True, slots=True)
class VocabularyIds:
    """The id of a column's value in a vocabulary: 0 missing, 1 rare, 2 unseen, then the keys."""

    column: str
    vocabulary: FittedVocabulary

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.vocabulary.cardinality

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the encoder reads its columns."""
        return (Reading(self.column, "code"),)

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks keys up in."""
        return (self.vocabulary,)


@dataclass(frozen=True, slots=True)
class HashBuckets:
    """Ids by XXH3-64: 0 missing, then 1 + the bucket of the hash. Raises ShapeError for a number out of range."""

    buckets: int
    seed: int

    def __post_init__(self) -> None:
        if not (1 <= self.buckets <= MAX_BUCKETS and 0 <= self.seed <= MAX_SEED):
            raise ShapeError(
                problem(
                    expected=f"1 to {MAX_BUCKETS:,} buckets and a seed from 0 to 2**53 - 1",
                    got=f"{self.buckets:,} buckets, seed {self.seed}",
                    where="hash encoder",
                    next_step="choose fewer buckets or a smaller seed",
                )
            )

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.buckets + 1


@dataclass(frozen=True, slots=True)
class HashIds:
    """The bucket of the hash of one column, or of the cross of several: 0 where (all of) the columns are missing."""

    columns: tuple[str, ...]
    buckets: int
    seed: int

    def __post_init__(self) -> None:
        HashBuckets(self.buckets, self.seed)
        if not self.columns:
            raise ShapeError(
                problem(expected="at least one column", got="none", where="hash encoder", next_step="name a column")
            )

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.buckets + 1

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the encoder reads its columns."""
        return tuple(Reading(column, "code") for column in self.columns)

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """None: a hash needs no vocabulary."""
        return ()


@dataclass(frozen=True, slots=True)
class ExpressionIds:
    """0 where an expression is missing, else 1 + its whole-number value.

    The expression ends in `bucket` (size: its edges + 2) or `table`, whose values at or beyond `size` - 1 get the
    largest id. Raises ShapeError otherwise.
    """

    expression: Expression
    size: int

    def __post_init__(self) -> None:
        last = self.expression.steps[-1] if self.expression.steps else None
        ends_well = last is not None and (
            last.name == "table" or (last.name == "bucket" and self.size == last.parameters.size + 2)
        )
        if not (ends_well and 2 <= self.size <= MAX_BUCKETS):
            raise ShapeError(
                problem(
                    expected="an expression that ends in bucket (edges + 2 ids) or table",
                    got=f"{last.name if last else 'no step'} and {self.size:,} ids",
                    where="ids of an expression",
                    next_step="add a bucket step, and count missing as an id of its own",
                )
            )

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.size

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the encoder reads its columns."""
        return self.expression.reads

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary of the expression, if any."""
        return self.expression.vocabularies


Encoder = VocabularyIds | HashIds | ExpressionIds


@dataclass(frozen=True, slots=True)
class Bag:
    """The ids of all tokens of a row: elements of a list, or n-grams of a text.

    tokens: "list" takes a list column's elements, missing ones skipped; "characters" n-grams of Unicode code points and
    "words" n-grams of runs without whitespace, joined by one space, `shortest` to `longest` of them. lower: ASCII
    letters are lower-cased first. encoder: ids of a vocabulary, or of a hash. Raises ShapeError for lengths out of
    range.
    """

    column: str
    tokens: Tokens
    shortest: int
    longest: int
    lower: bool
    encoder: FittedVocabulary | HashBuckets

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest <= MAX_TOKEN:
            raise ShapeError(
                problem(
                    expected=f"1 <= shortest <= longest <= {MAX_TOKEN}",
                    got=f"{self.shortest} and {self.longest}",
                    where=f"tokens of column `{self.column}`",
                    next_step="choose other lengths",
                )
            )

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.encoder.cardinality

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How the bag reads its column."""
        return (Reading(self.column, "list" if self.tokens == "list" else "text"),)

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks tokens up in, if any."""
        return (self.encoder,) if isinstance(self.encoder, FittedVocabulary) else ()
