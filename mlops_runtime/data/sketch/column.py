"""The states behind a column's sketch: each is mergeable, and neither order nor batches of the data change it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable, Moments, QuantileSample, VocabularyCounter
from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.data.sketch.distinct import DistinctSample
from mlops_runtime.data.sketch.model import QUANTILES, TOP, KeySketch, NumberSketch
from mlops_runtime.data.sketch.rows import SAMPLE_ERROR
from mlops_runtime.kernels.moments.summary import summarise

__all__ = ["Keys", "Numbers"]

_LOG_200 = math.log(2 / 0.01)
_LONGEST_KEY = 128
_KEY_START = 96
_DIGEST_START = 16


class Numbers:
    """Exact moments and a bottom-k sample of 65,536 values, from which the quantiles are taken."""

    def __init__(self) -> None:
        self._moments = Moments()
        self._sample = QuantileSample()

    def update(self, table: ArrowTable, position: int, first_row: int) -> None:
        """Add a numeric column; first_row: the ordinal of its first row, the others following without a gap."""
        self._moments.update(table, position)
        self._sample.update(table, position, first_row)

    def merge(self, other: Numbers) -> None:
        """Add what another state has seen."""
        self._moments.merge(other._moments)
        self._sample.merge(other._sample)

    @property
    def missing(self) -> int:
        """Null and NaN."""
        return self._moments.missing

    def freeze(self) -> NumberSketch:
        """Return the sketch."""
        summary, ascending = summarise(self._moments), self._sample.sorted_values()
        present = summary.count > 0
        ranks = np.maximum(np.ceil(np.arange(QUANTILES + 1) / QUANTILES * len(ascending)).astype(np.int64) - 1, 0)
        return NumberSketch(
            count=summary.count,
            positive_infinite=summary.positive_infinite,
            negative_infinite=summary.negative_infinite,
            minimum=summary.minimum if present else None,
            maximum=summary.maximum if present else None,
            mean=summary.mean if present else None,
            deviation=summary.std if present and math.isfinite(summary.std) else None,
            quantiles=tuple(ascending[ranks].tolist()) if present else (),
            sampled=len(ascending),
            error=SAMPLE_ERROR if summary.count > len(ascending) else 0.0,
        )


class Keys:
    """Exact counts while there are at most 16,384 distinct keys; beyond, the sampled rows must speak."""

    def __init__(self) -> None:
        self._present = 0
        self._distinct = DistinctSample()
        self._counter: VocabularyCounter | None = VocabularyCounter()

    def update(self, values: pa.ChunkedArray) -> None:
        """Add texts or whole numbers, none of them missing."""
        self._present += len(values)
        self._distinct.update(values)
        if self._distinct.full:
            self._counter = None
        elif self._counter is not None:
            self._counter.update(ArrowTable(pa.table({"key": values})), 0)

    def merge(self, other: Keys) -> None:
        """Add what another state has seen."""
        self._present += other._present
        self._distinct.merge(other._distinct)
        if self._distinct.full or other._counter is None:
            self._counter = None
        elif self._counter is not None:
            self._counter.merge(other._counter)

    @property
    def present(self) -> int:
        """How many keys were seen, repetitions counted."""
        return self._present

    def estimate(self) -> tuple[int, float]:
        """Return the number of distinct keys and its relative error at 99 %."""
        return self._distinct.estimate()

    def freeze(self, sampled: pa.ChunkedArray | None, *, of_lists: bool) -> KeySketch:
        """Return the sketch. sampled: the keys of the sampled rows; of_lists: that they come in lists."""
        if self._counter is not None:
            entries = _entries(self._counter)
            return KeySketch(present=self._present, top=entries[:TOP], complete=len(entries) <= TOP, error=0.0)
        if sampled is None:
            raise AssertionError("there are keys, so there are sampled rows")
        scale = self._present / max(1, len(sampled))
        top = tuple((_shown(key), round(count * scale)) for key, count in _most_frequent(sampled))
        error = 2 * math.sqrt(_LOG_200 / (2 * len(sampled))) if len(sampled) < self._present else 0.0
        return KeySketch(present=self._present, top=top, complete=False, error=1.0 if of_lists else min(1.0, error))


def _most_frequent(keys: pa.ChunkedArray) -> Iterator[tuple[str, int]]:
    """Yield the most frequent keys as texts, and their counts; of equally many the ones whose UTF-8 comes first."""
    counted = pc.value_counts(keys)
    table = pa.table({"key": counted.field("values").cast(pa.utf8()), "count": counted.field("counts")})
    order = pc.sort_indices(table, sort_keys=[("count", "descending"), ("key", "ascending")])
    first = table.take(order[:TOP])
    yield from zip(first["key"].to_pylist(), first["count"].to_pylist(), strict=True)


def _entries(counter: VocabularyCounter) -> tuple[tuple[str, int], ...]:
    if counter.kind == "empty":
        return ()
    if counter.kind == "int64":
        keys, counts = counter.integer_entries()
        return tuple((str(key), int(count)) for key, count in zip(keys.tolist(), counts.tolist(), strict=True))
    text, offsets, counts = counter.string_entries()
    content, bounds = text.tobytes(), itertools.pairwise(offsets.tolist())
    return tuple((_shown(content[a:b].decode()), count) for (a, b), count in zip(bounds, counts.tolist(), strict=True))


def _shown(key: object) -> str:
    """A key as a text of bounded length: a long one is cut, and its digest tells it from others."""
    text = str(key)
    if len(text) <= _LONGEST_KEY:
        return text
    return f"{text[:_KEY_START]}…{sha256_bytes(text.encode())[:_DIGEST_START]}"
