"""Bags of hashed n-grams against scikit-learn, and of list elements against pyarrow.

Texts of about 30 characters, three to five n-grams of code points, 2**18 buckets. scikit-learn's HashingVectorizer
(signs and norms off) makes a sparse matrix of counts; ours makes ids and offsets, which an EmbeddingBag takes. Tags: 1
to 9 of 10,000 different strings a row, looked up in a vocabulary; pyarrow's index_in looks the flattened elements up.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import HashingVectorizer

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Bag, Vocabulary
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_BUCKETS = 2**18
_TAGS = 10_000


def run(quick: bool) -> list[Measurement]:
    """Measure texts and lists."""
    rows, rounds = (5_000, 3) if quick else (200_000, 7)
    return [_texts(rows // 10, rounds), _lists(rows, rounds)]


def _ours(bag: Bag, view: ArrowTable) -> list[Contender]:
    def at(threads: int) -> None:
        _native.set_thread_count(threads)
        bag.run(view)

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
    contenders = [
        *_ours(bag, view),
        Contender("scikit-learn HashingVectorizer", lambda: vectorizer.transform(texts)),
    ]
    return measure(f"character 3- to 5-grams, {rows:,} texts, 2 threads", contenders, rounds=rounds)


def _lists(rows: int, rounds: int) -> Measurement:
    rng = np.random.default_rng(1)
    tags = pa.array([f"tag-{i}" for i in range(_TAGS)])
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 10, rows))])
    elements = tags.take(pa.array(rng.integers(0, _TAGS, offsets[-1])))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements)
    vocabulary = Vocabulary(ArrowTable(pa.table({"key": tags})), np.arange(3, 3 + _TAGS))
    bag = Bag(0, "list", 1, 1, False, vocabulary, 1, 0)
    contenders = [
        *_ours(bag, ArrowTable(pa.table({"tags": lists}))),
        Contender("pyarrow.compute.index_in", lambda: pc.index_in(lists.flatten(), tags)),
    ]
    return measure(f"bags of listed keys, {rows:,} rows, 2 threads", contenders, rounds=rounds)


if __name__ == "__main__":
    benchmark_main("bag", run, packages=("scikit-learn", "pyarrow"))
