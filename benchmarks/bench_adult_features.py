"""Fit and transform features of a million rows: our program against scikit-learn's ColumnTransformer over pandas.

Both impute the median and standardise numbers, and give categories ids, on Adult's training file repeated to 1M rows
(without that file: on synthetic claims). Measured from decoded tables, and from the CSV file; at 1 and 2 of our threads
(scikit-learn does this work on one). Our reader hands over strings as dictionaries; plain strings, as other producers
have them, are measured too. Before timing, both results are checked to be the same.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from mlops_runtime import _native
from mlops_runtime.core.settings import settings
from mlops_runtime.data import Dataset, read_dataset
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features import FeatureSpec, Matrices, fit_program, infer_spec
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_ROWS, _QUICK_ROWS = 1_000_000, 100_000
_DATA = Path(os.environ.get("MLRT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def run(quick: bool) -> list[Measurement]:
    """Measure (a) from decoded tables and (b) from the CSV file, at 1 and 2 threads."""
    with tempfile.TemporaryDirectory() as folder:
        path, target = _write_csv(Path(folder) / "rows.csv", _QUICK_ROWS if quick else _ROWS)
        return _measure(path, target, rounds=3 if quick else 5)


def _measure(path: Path, target: str, *, rounds: int) -> list[Measurement]:
    dataset = read_dataset(path)
    spec = infer_spec(dataset.table, dataset.schema, target=target).spec
    frame = _read_pandas(path)
    _check_same(_ours(spec, dataset), _sklearn(spec).fit_transform(frame))
    rows = f"{path.stem}, {dataset.manifest.rows:,} rows"
    plain = _plain(dataset)
    floor = _floor(_ours(spec, dataset))
    measurements = []
    for threads in (1, 2):
        decoded = [
            Contender("mlops_runtime", _threaded(threads, lambda: _ours(spec, dataset)), threads, "subject", calls=5),
            Contender("mlops_runtime, plain strings", _threaded(threads, lambda: _ours(spec, plain)), threads, calls=5),
            Contender("scikit-learn over pandas", lambda: _sklearn(spec).fit_transform(frame)),
            floor,
        ]
        name = f"fit + transform, {rows}, {threads} thread{'s' * (threads > 1)}"
        measurements.append(measure(name, decoded, rounds=rounds, warmup=1))
        from_file = [
            Contender("mlops_runtime", _threaded(threads, lambda: _ours(spec, read_dataset(path))), threads, "subject"),
            Contender("pandas.read_csv + scikit-learn", lambda: _sklearn(spec).fit_transform(_read_pandas(path))),
        ]
        measurements.append(measure(f"read CSV + {name}", from_file, rounds=rounds, warmup=1))
    return measurements


def _ours(spec: FeatureSpec, dataset: Dataset) -> Matrices:
    return fit_program(spec, dataset.table, dataset.schema).transform(dataset.table)


def _plain(dataset: Dataset) -> Dataset:
    """The same rows with plain strings: what a producer without dictionaries hands over."""
    table = dataset.table
    columns = [c.cast(pa.utf8()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return replace(dataset, table=pa.table(columns, names=table.column_names))


def _floor(output: Matrices) -> Contender:
    """Writing the result's bytes once, into memory that is there already."""
    dense, sparse = np.empty_like(output.dense), np.empty_like(output.sparse)

    def copy() -> None:
        np.copyto(dense, output.dense)
        np.copyto(sparse, output.sparse)

    return Contender("copy of the output", copy, role="floor", calls=10)


def _sklearn(spec: FeatureSpec) -> ColumnTransformer:
    numbers = [feature.column for feature in spec.features if feature.kind == "numeric"]
    categories = [feature.column for feature in spec.features if feature.kind == "category"]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (
                "categories",
                make_pipeline(SimpleImputer(strategy="constant", fill_value="missing"), encoder),
                categories,
            ),
        ]
    )


def _read_pandas(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, skipinitialspace=True, na_values="?")


def _threaded(threads: int, work: Callable[[], object]) -> Callable[[], object]:
    def run_with_threads() -> object:
        os.environ["MLRT_THREADS"] = str(threads)
        settings.cache_clear()
        pa.set_cpu_count(threads)
        _native.set_thread_count(threads)
        return work()

    return run_with_threads


def _check_same(ours: Matrices, theirs: np.ndarray) -> None:
    """Numbers agree to float32 (medians beyond 65,536 rows are sampled, so imputed ones may not); ids one to one."""
    width = theirs.shape[1] - ours.sparse.shape[1]
    values = ours.dense[:, [j for j in range(ours.dense.shape[1]) if set(np.unique(ours.dense[:100, j])) != {0.0, 1.0}]]
    if values.shape[1] == width and not np.allclose(values, theirs[:, :width], atol=1e-2):
        raise AssertionError("the dense outputs differ from scikit-learn's")
    for position in range(ours.sparse.shape[1]):
        pairs = np.unique(np.stack([ours.sparse[:, position], theirs[:, width + position].astype(np.int64)]), axis=1)
        if len(np.unique(pairs[0])) != pairs.shape[1] or len(np.unique(pairs[1])) != pairs.shape[1]:
            raise AssertionError(f"category {position}: the ids differ from scikit-learn's by more than their names")


def _write_csv(path: Path, rows: int) -> tuple[Path, str]:
    adult = _DATA / "adult" / "train.csv"
    if adult.is_file():
        lines = adult.read_bytes().splitlines(keepends=True)
        header, body, target = lines[0], [line for line in lines[1:] if line.strip()], "income"
        path = path.with_name("adult.csv")
    else:
        buffer = pa.BufferOutputStream()
        pyarrow.csv.write_csv(claims(32_561, seed=0).drop_columns(["submitted"]), buffer)
        header, *body = buffer.getvalue().to_pybytes().splitlines(keepends=True)
        target, path = "fraud", path.with_name("claims.csv")
    whole, rest = divmod(rows, len(body))
    with path.open("wb") as stream:
        stream.write(header)
        for _ in range(whole):
            stream.writelines(body)
        stream.writelines(body[:rest])
    return path, target


if __name__ == "__main__":
    benchmark_main("adult_features", run, packages=("pandas", "scikit-learn"))
