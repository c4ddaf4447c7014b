"""What a column of texts is: the narrowest type as which all of them can be read, found batch by batch.

The types and their order are those of pyarrow's CSV reader, which sees the whole file; here a bounded working set is
enough, because each candidate only has to be remembered until a text rules it out.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.data.infer import is_exact
from mlops_runtime.data.schema import Schema

__all__ = ["TextType", "null_texts"]

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_BOOLEANS = pa.array(["0", "1", "false", "False", "FALSE", "true", "True", "TRUE"])
_TYPES = (
    pa.int64(),
    pa.bool_(),
    pa.date32(),
    *(pa.timestamp(unit, zone) for unit in ("s", "ns") for zone in (None, "UTC")),
    pa.float64(),
)
_IMPLIED = {pa.date32(): {pa.timestamp("s")}}  # what reads as the one reads as the other


def null_texts(rules: Schema) -> list[str]:
    """Return the texts that stand for a missing number or time: the null tokens, alone or after one space."""
    return [f"{before}{token}" for token in rules.null_tokens for before in (("", " ") if rules.trim else ("",))]


class TextType:
    """The type of the texts seen so far.

    type: pa.null() when all were missing, else the first of int64, bool, date32, timestamp, float64 and utf8 that fits
    all of them. spaced: numbers throughout once odd spaces and null tokens are removed. exact: a float64 holds every
    whole number. numbers, others: how many present texts look like a number, or do not; example: the first of those.
    missing: how many are null or a null token.
    """

    def __init__(self, rules: Schema, *, decimal_point: str = ".") -> None:
        self.exact = True
        self.numbers = self.others = self.missing = 0
        self.example: str | None = None
        self._rules = rules
        self._nulls = pa.array(null_texts(rules), pa.utf8())
        self._tokens = pa.array(rules.null_tokens, pa.utf8())
        self._decimal_point = decimal_point
        self._fits: dict[pa.DataType, bool] = dict.fromkeys(_TYPES, True)
        self._fits_cleaned = rules.trim
        self._any = False

    @property
    def type(self) -> pa.DataType:
        if not self._any:
            return pa.null()
        return next((kind for kind, fits in self._fits.items() if fits), pa.utf8())

    @property
    def spaced(self) -> bool:
        return self.type == pa.utf8() and self._fits_cleaned and self.numbers + self.others > 0

    def update(self, texts: pa.Array) -> None:
        """Take a batch: texts, or a dictionary of them."""
        distinct, counts = _distinct(texts)
        self._count(distinct, counts)
        is_null = pc.is_in(distinct, value_set=self._nulls)
        self.missing += texts.null_count + int(counts[is_null.to_numpy(zero_copy_only=False)].sum())
        present = distinct.filter(pc.invert(is_null))
        if len(present) == 0:
            return
        self._any = True
        trimmed = pc.ascii_trim(present, " \t")
        implied: set[pa.DataType] = set()
        for kind in _TYPES:
            if not self._fits[kind] or kind in implied:
                continue
            self._fits[kind] = self._reads(present, trimmed, kind)
            if self._fits[kind]:
                implied |= _IMPLIED.get(kind, set())
        if self._fits_cleaned and not self._fits[pa.float64()]:
            self._fits_cleaned = _castable(self._clean(present), pa.float64())

    def _reads(self, present: pa.Array, trimmed: pa.Array, kind: pa.DataType) -> bool:
        if kind == pa.bool_():
            return bool(pc.all(pc.is_in(present, value_set=_BOOLEANS)).as_py())
        if kind == pa.int64():
            fits = _castable(trimmed, kind)
            self.exact = self.exact and (not fits or is_exact(trimmed.cast(kind)))
            return fits
        if kind == pa.float64() and self._decimal_point != ".":
            if pc.any(pc.match_substring(trimmed, ".")).as_py():
                return False
            trimmed = pc.replace_substring(trimmed, self._decimal_point, ".")
        return _castable(trimmed, kind)

    def _clean(self, texts: pa.Array) -> pa.Array:
        trimmed = pc.utf8_trim_whitespace(texts) if self._rules.trim else texts
        return trimmed.filter(pc.invert(pc.is_in(trimmed, value_set=self._tokens)))

    def _count(self, distinct: pa.Array, counts: NDArray[np.int64]) -> None:
        trimmed = pc.utf8_trim_whitespace(distinct) if self._rules.trim else distinct
        present = pc.invert(pc.is_in(trimmed, value_set=self._tokens)).to_numpy(zero_copy_only=False)
        number = pc.match_substring_regex(trimmed, _NUMBER).to_numpy(zero_copy_only=False)
        self.numbers += int(counts[present & number].sum())
        other = present & ~number
        self.others += int(counts[other].sum())
        if self.example is None and other.any():
            self.example = str(trimmed[int(np.argmax(other))].as_py())


def _distinct(texts: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the texts that occur, in order of first occurrence where the decoder kept it, and how often each does."""
    if not pa.types.is_dictionary(texts.type):
        present = texts.drop_null()
        return present, np.ones(len(present), np.int64)
    indices = texts.indices.drop_null().to_numpy()
    counts = np.bincount(indices, minlength=len(texts.dictionary)).astype(np.int64)
    occurs = counts > 0
    return texts.dictionary.filter(pa.array(occurs)), counts[occurs]


def _castable(texts: pa.Array, kind: pa.DataType) -> bool:
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True
