"""The detector in scikit-learn's manners: any table or array, the same counts, exact merges, errors that help."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import scipy.stats
import sklearn.base
from multivariate_cases import correlated

import mlops_runtime
from mlops_runtime.core.errors import ConfigError, MlrtError, SchemaError, ShapeError
from mlops_runtime.monitoring import Baseline, DriftDetector, compare
from mlops_runtime.monitoring.multivariate import MultivariateReference

RNG = np.random.default_rng(3)
REFERENCE = RNG.normal(size=(2000, 3))
CURRENT = RNG.normal([0.0, 0.0, 0.8], size=(600, 3))


def table(values: np.ndarray) -> pa.Table:
    return pa.table({f"x{place}": values[:, place] for place in range(values.shape[1])})


def test_it_is_a_public_name_that_says_what_compare_says() -> None:
    detector = mlops_runtime.DriftDetector().fit(REFERENCE).update(CURRENT[:100]).update(CURRENT[100:])
    assert detector.report().to_dict() == compare(table(REFERENCE), table(CURRENT)).to_dict()
    assert detector.report().drifted == ("x2",)


def test_every_form_of_the_same_data_counts_alike() -> None:
    expected = DriftDetector().fit(table(REFERENCE)).update(table(CURRENT)).report().to_dict()
    frame = table(CURRENT)
    with duckdb.connect() as session:
        session.register("rows", frame)
        forms = [
            CURRENT,
            np.asfortranarray(CURRENT),
            np.repeat(CURRENT, 2, axis=0)[::2],
            frame.to_pandas(),
            pl.from_arrow(frame),
            session.sql("select * from rows"),
        ]
        for form in forms:
            assert DriftDetector().fit(REFERENCE).update(form).report().to_dict() == expected


def test_arrays_of_integers_and_texts_are_tables_too() -> None:
    whole = RNG.integers(0, 5, (500, 2))
    assert DriftDetector().fit(whole).update(whole + 3).report().drifted
    texts = np.array([["a"], ["b"]] * 100, object)
    report = DriftDetector().fit(texts).update(np.array([["c"]] * 100, object)).report()
    assert report.column("x0").new_share == 1.0


def test_parts_merge_and_a_reset_forgets_the_data_but_not_the_reference() -> None:
    whole = DriftDetector().fit(REFERENCE).update(CURRENT)
    first, second = (DriftDetector.of(whole.baseline_).update(part) for part in (CURRENT[:50], CURRENT[50:]))
    assert second.merge(first).report().to_dict() == whole.report().to_dict()
    assert whole.reset().report().dataset.n_current == 0
    assert whole.update(CURRENT).report().dataset.n_current == len(CURRENT)
    with pytest.raises(SchemaError, match="same baseline"):
        whole.merge(DriftDetector().fit(CURRENT))


def test_scikit_learn_clones_it() -> None:
    detector = DriftDetector(bins=64).fit(REFERENCE)
    clone = sklearn.base.clone(detector)
    assert clone.get_params() == {"bins": 64, "categorical": (), "multivariate": False, "exact": False}
    assert not hasattr(clone, "baseline_")
    assert len(clone.set_params(bins=16).fit(REFERENCE, None).baseline_.columns["x0"].counts) < 30  # type: ignore[union-attr]


def test_declared_integers_are_categories() -> None:
    zips = pa.table({"zip": [10, 20] * 200})
    detector = DriftDetector().set_params(categorical=("zip",)).fit(zips)
    assert detector.update(pa.table({"zip": [10, 30] * 200})).report().column("zip").kind == "categorical"
    assert sklearn.base.clone(detector).get_params()["categorical"] == ("zip",)


@pytest.mark.parametrize("batches", [1, 3])
def test_it_takes_all_columns_together_and_every_number_when_asked(batches: int) -> None:
    before, now = (correlated(np.random.default_rng(seed), 1000, sign) for seed, sign in ((1, 0.6), (2, -0.6)))
    reference = [before[start : start + 400] for start in range(0, 1000, 400)] if batches > 1 else before
    detector = DriftDetector(multivariate=True, exact=True).fit(reference)
    for part in np.array_split(np.arange(1000), batches):
        detector.update(now[int(part[0]) : int(part[-1]) + 1])
    report = detector.report()
    assert (report.drifted, report.any_drifted) == ((), True)
    sides = (table["x0"].to_numpy() for table in (before, now))
    assert report.column("x0").ks == pytest.approx(scipy.stats.ks_2samp(*sides).statistic, rel=1e-12)
    assert detector.reset().update(before).report().multivariate.drifted is False  # type: ignore[union-attr]
    assert DriftDetector().fit(before).update(now).report().multivariate is None


def test_parts_merge_with_what_they_took_of_rows() -> None:
    before, now = (correlated(np.random.default_rng(seed), 1000, sign) for seed, sign in ((1, 0.6), (2, -0.6)))
    whole = DriftDetector(multivariate=True, exact=True).fit(before)
    other = DriftDetector(multivariate=True, exact=True).fit(before).update(now[500:])
    merged = whole.update(now[:500]).merge(other).report()
    assert merged.multivariate is not None
    assert (merged.multivariate.rows, merged.multivariate.drifted) == (1000, True)
    once = DriftDetector(exact=True).fit(before).update(now).report()
    assert [column.statistics["ks"] for column in merged.columns] == [one.statistics["ks"] for one in once.columns]


def test_a_bundles_references_make_a_detector_that_wants_every_column() -> None:
    table = correlated(np.random.default_rng(1), 1000)
    detector = DriftDetector.of(Baseline.fit(table), multivariate=MultivariateReference.fit(table))
    with pytest.raises(SchemaError, match="`x1`"):
        detector.update(table.drop_columns(["x1"]))
    assert detector.update(table).report().dataset.n_current == 1000


def test_the_baseline_it_learned_is_that_of_the_table() -> None:
    assert DriftDetector().fit(REFERENCE).baseline_.to_files() == Baseline.fit(table(REFERENCE)).to_files()


@pytest.mark.parametrize("act", ["update", "report", "merge", "reset"])
def test_before_it_is_fitted_it_says_so(act: str) -> None:
    detector = DriftDetector()
    calls = {"update": lambda: detector.update(CURRENT), "merge": lambda: detector.merge(detector)}
    with pytest.raises(ConfigError, match=r"call fit\(reference\)"):
        calls.get(act, getattr(detector, act))()


@pytest.mark.parametrize(
    ("data", "error"), [(np.zeros(5), ShapeError), (np.zeros((2, 2, 2)), ShapeError), ("text", MlrtError)]
)
def test_what_is_no_table_is_refused(data: object, error: type[MlrtError]) -> None:
    for act in (DriftDetector().fit, DriftDetector().fit(REFERENCE).update):
        with pytest.raises(error, match="expected"):
            act(data)
    with pytest.raises(ConfigError, match="`bins`"):
        DriftDetector().set_params(bin=3)
