"""A whole fitted program over the wide table, 13 numbers and 26 categories, against scikit-learn's ColumnTransformer.

Both impute the median and standardise the numbers, and give every category its vocabulary id; fitting is not measured
(bench_fit does). Ours reads plain strings and dictionaries (as our reader hands them over), on 1 and 2 threads, into
matrices that are there already; scikit-learn works on one thread, over the pandas frame that it wants. Before timing,
the results are checked to be the same.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from wide_table import CATEGORIES, NUMBERS, wide_table

from mlops_runtime import _native
from mlops_runtime.data import from_frame
from mlops_runtime.features import CategoryFeature, FeatureProgram, FeatureSpec, Matrices, NumericFeature, fit_program
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_ROWS, _QUICK_ROWS = 2_000_000, 50_000
_CHECKED, _MOST_KEYS = 100_000, 1 << 20
_CALLS = 5  # in a row, as a loop over batches would: each after scikit-learn finds every cache cold


def run(quick: bool) -> list[Measurement]:
    """Measure the transform of 2M rows."""
    table = wide_table(_QUICK_ROWS if quick else _ROWS)
    conformed, schema, _ = from_frame(table)
    numbers = [NumericFeature(column=name, indicator=False) for name in NUMBERS]
    categories = [CategoryFeature(column=name, max_size=_MOST_KEYS) for name in CATEGORIES]
    program = fit_program(FeatureSpec(features=(*numbers, *categories)), conformed, schema)
    frame = table.to_pandas()
    theirs = _sklearn().fit(frame)
    _check_same(program.transform(conformed.slice(0, _CHECKED)), theirs.transform(frame[:_CHECKED]))
    contenders = [*_ours(program, conformed), Contender("scikit-learn over pandas", lambda: theirs.transform(frame))]
    name, rounds = f"whole program, {table.num_rows:,} x (13 + 26)", 3 if quick else 5
    return [measure(name, contenders, rounds=rounds, warmup=1, patience=1)]  # a round of scikit-learn's takes 20 s


def _ours(program: FeatureProgram, table: pa.Table) -> list[Contender]:
    encoded = pa.table({name: _encoded(table[name]) for name in table.column_names})
    out = program.transform(table)
    copies = Matrices(np.empty_like(out.dense), np.empty_like(out.sparse), {})

    def transform(threads: int, rows: pa.Table) -> None:
        _native.set_thread_count(threads)
        program.transform(rows, out=out)

    def copy() -> None:
        np.copyto(copies.dense, out.dense)
        np.copyto(copies.sparse, out.sparse)

    return [
        Contender("mlops_runtime", partial(transform, 2, table), 2, role="subject", calls=_CALLS),
        Contender("mlops_runtime, 1 thread", partial(transform, 1, table), calls=_CALLS),
        Contender("mlops_runtime, dictionaries", partial(transform, 2, encoded), 2, calls=_CALLS),
        Contender("mlops_runtime, dictionaries, 1 thread", partial(transform, 1, encoded), calls=_CALLS),
        Contender("copy of the output", copy, role="floor", calls=_CALLS),
    ]


def _encoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


def _sklearn() -> ColumnTransformer:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(NUMBERS)),
            ("categories", encoder, list(CATEGORIES)),
        ]
    )


def _check_same(ours: Matrices, theirs: np.ndarray) -> None:
    """Numbers agree to float32 but for medians, which are sampled; ids are one to one."""
    if not np.allclose(ours.dense, theirs[:, : len(NUMBERS)], atol=1e-2):
        raise AssertionError("the numbers differ from scikit-learn's")
    for position, name in enumerate(CATEGORIES):
        ids = pd.Series(theirs[:, len(NUMBERS) + position]).fillna(-2)
        pairs = pd.DataFrame({"ours": ours.sparse[:, position], "theirs": ids}).drop_duplicates()
        if pairs["ours"].duplicated().any() or pairs["theirs"].duplicated().any():
            raise AssertionError(f"{name}: the ids differ from scikit-learn's by more than their names")


if __name__ == "__main__":
    benchmark_main("wide_features", run, packages=("pandas", "scikit-learn"))
