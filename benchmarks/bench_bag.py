"""Bags of hashed n-grams and of list elements, as ids and as counts, against scikit-learn, pyarrow and polars.

Texts of about 30 characters, three to five n-grams of code points, 2**18 buckets. scikit-learn's HashingVectorizer
(signs and norms off) makes a sparse matrix of counts; ours makes ids and offsets, which an EmbeddingBag takes. Tags: 1
to 9 of 10,000 different strings a row, looked up in a vocabulary; pyarrow's index_in and polars' cast to Enum look the
flattened elements up. Few tags: of 64 different ones, as a dense 0/1 matrix; scikit-learn's MultiLabelBinarizer was
fitted beforehand, and takes the lists as Python's.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import MultiLabelBinarizer

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Bag, BagCounts, DensePlan, Vocabulary
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_BUCKETS = 2**18
_TAGS, _FEW_TAGS = 10_000, 64


def run(quick: bool) -> list[Measurement]:
    """Measure texts, lists, and lists as a matrix."""
    rows, rounds = (5_000, 3) if quick else (200_000, 7)
    return [_texts(rows // 10, rounds), _lists(rows, rounds), _matrix(rows, rounds)]


def _ours(work: Bag | DensePlan, view: ArrowTable) -> list[Contender]:
    def at(threads: int) -> None:
        _native.set_thread_count(threads)
        work.run(view)

    return [
        Contender("mlops_runtime", partial(at, 2), 2, role="subject"),
        Contender("mlops_runtime, 1 thread", partial(at, 1)),
    ]


def _texts(rows: int, rounds: int) -> Measurement:
    rng = np.random.default_rng(0)
    words = np.array([f"{word:x}" for word in rng.integers(16, 2**20, 5000)])
    texts = [" ".join(row) for row in words[rng.integers(0, words.size, (rows, 6))]]
    view = ArrowTable(pa.table({"text": texts}))
    vectorizer = HashingVectorizer(
        analyzer="char", ngram_range=(3, 5), n_features=_BUCKETS, alternate_sign=False, norm=None, lowercase=False
    )
    bag = Bag(0, "characters", 3, 5, False, None, _BUCKETS, 0)
    ids, _ = bag.run(view)
    contenders = [
        *_ours(bag, view),
        Contender("scikit-learn HashingVectorizer", lambda: vectorizer.transform(texts)),
        Contender("copy of the ids", ids.copy, role="floor"),
    ]
    return measure(f"character 3- to 5-grams, {rows:,} texts, 2 threads", contenders, rounds=rounds)


def _tagged(rows: int, tags: int) -> tuple[pa.ListArray, pa.Array, Bag]:
    rng = np.random.default_rng(1)
    known = pa.array([f"tag-{i}" for i in range(tags)])
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 10, rows))])
    elements = known.take(pa.array(rng.integers(0, tags, offsets[-1])))
    vocabulary = Vocabulary(ArrowTable(pa.table({"key": known})), np.arange(3, 3 + tags))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements)
    return lists, known, Bag(0, "list", 1, 1, False, vocabulary, 1, 0)


def _lists(rows: int, rounds: int) -> Measurement:
    lists, known, bag = _tagged(rows, _TAGS)
    view = ArrowTable(pa.table({"tags": lists}))
    ids, _ = bag.run(view)
    enum, column = pl.Enum(pl.Series(known)), pl.Series(pl.from_arrow(lists))
    contenders = [
        *_ours(bag, view),
        Contender("pyarrow.compute.index_in", lambda: pc.index_in(lists.flatten(), known)),
        Contender("polars, cast to Enum", lambda: column.explode().cast(enum).to_physical(), pl.thread_pool_size()),
        Contender("copy of the ids", ids.copy, role="floor"),
    ]
    return measure(f"bags of listed keys, {rows:,} rows, 2 threads", contenders, rounds=rounds)


def _matrix(rows: int, rounds: int) -> Measurement:
    lists, known, bag = _tagged(rows, _FEW_TAGS)
    view = ArrowTable(pa.table({"tags": lists}))
    plan = DensePlan([BagCounts(bag, 3, _FEW_TAGS, True)])
    rows_of_tags = lists.to_pylist()
    binarizer = MultiLabelBinarizer().fit([known.to_pylist()])
    contenders = [
        *_ours(plan, view),
        Contender("scikit-learn MultiLabelBinarizer", lambda: binarizer.transform(rows_of_tags)),
        Contender("copy of the output", plan.run(view).copy, role="floor"),
    ]
    return measure(f"listed keys as {_FEW_TAGS} columns, {rows:,} rows, 2 threads", contenders, rounds=rounds)


if __name__ == "__main__":
    benchmark_main("bag", run, packages=("scikit-learn", "pyarrow", "polars"))
