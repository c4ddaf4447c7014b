"""Drift of all columns together: exact states, what they find, what they refuse, and how they travel."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multivariate_cases import correlated, mixed
from scipy import stats
from sklearn.metrics import roc_auc_score

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError
from mlops_runtime.monitoring import compare
from mlops_runtime.monitoring.anomalies import RowAnomalies
from mlops_runtime.monitoring.multivariate import MultivariateMonitor, MultivariateReference
from mlops_runtime.monitoring.multivariate.discriminator import domain_auc
from mlops_runtime.monitoring.multivariate.encoding import UNIT
from mlops_runtime.monitoring.multivariate.fourier import COSINE_UNIT
from mlops_runtime.monitoring.multivariate.products import gram, product
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.multivariate.table_sample import TableSample
from mlops_runtime.monitoring.multivariate.tails import mean_change_p, weighted_chi_square_tail
from mlops_runtime.monitoring.multivariate.tally import Tally
from mlops_runtime.monitoring.points import Span


@pytest.fixture(scope="module")
def reference() -> MultivariateReference:
    return MultivariateReference.fit(correlated(np.random.default_rng(1), 4000))


@pytest.fixture(scope="module")
def of_mixed() -> MultivariateReference:
    return MultivariateReference.fit(mixed(np.random.default_rng(2), 3000))


# States


def whole_of(reference: MultivariateReference, table: pa.Table) -> MultivariateState:
    return MultivariateMonitor(reference).update(table).state


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6), seed=st.integers(0, 99))
def test_any_batches_in_any_order_merge_to_the_whole(
    of_mixed: MultivariateReference, cuts: list[int], seed: int
) -> None:
    table = mixed(np.random.default_rng(3), 3000)
    bounds = sorted({0, 3000, *cuts})
    merged = MultivariateMonitor(of_mixed)
    for part in np.random.default_rng(seed).permutation(len(bounds) - 1):
        start, end = bounds[part], bounds[part + 1]
        merged.merge(MultivariateMonitor(of_mixed).update(table[start:end], first_row=start))
    assert merged.state.to_dict() == whole_of(of_mixed, table).to_dict()
    assert len(merged.state.sample.rows) == 2048


def test_batches_in_turn_are_the_whole_from_any_library(reference: MultivariateReference) -> None:
    table = correlated(np.random.default_rng(4), 1000)
    in_turn = MultivariateMonitor(reference)
    for start in range(0, 1000, 64):
        in_turn.update(pl.from_arrow(table[start : start + 64]))
    assert in_turn.rows == 1000
    assert in_turn.state.to_dict() == whole_of(reference, table).to_dict()


def test_a_state_travels_as_plain_values(reference: MultivariateReference) -> None:
    state = whole_of(reference, correlated(np.random.default_rng(4), 500))
    document = json.loads(json.dumps(state.to_dict()))
    assert MultivariateState.from_dict(document, where="here").to_dict() == document
    for entry in document:
        with pytest.raises((SchemaError, KeyError, TypeError, ValueError)):
            MultivariateState.from_dict({**document, entry: [] if entry == "reference" else {}}, where="here")


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_a_reference_is_the_same_whatever_the_batches(of_mixed: MultivariateReference, cuts: list[int]) -> None:
    table, bounds = mixed(np.random.default_rng(2), 3000), sorted({0, 3000, *cuts})
    batches = (table[start:end] for start, end in pairwise(bounds))
    assert MultivariateReference.fit(batches).to_files() == of_mixed.to_files()


def test_a_sample_of_a_stream_is_the_rows_with_the_smallest_keys() -> None:
    table = pa.table({"x": range(100_000), "t": pa.array(["a", "b"] * 50_000).dictionary_encode()})
    whole, parts = TableSample(1000, seed=3), TableSample(1000, seed=3)
    whole.offer(table)
    for start in range(0, 100_000, 700):
        parts.offer(table[start : start + 700])
    assert parts.table().equals(whole.table())
    assert stats.kstest(parts.table()["x"].to_numpy() / 1e5, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("arrow", [pa.int64(), pa.uint8(), pa.bool_()])
def test_declared_categories_are_measured_as_such_and_read_back(arrow: pa.DataType) -> None:
    rng = np.random.default_rng(14)

    def table(codes: list[int], rows: int = 2000) -> pa.Table:
        drawn = pa.array(rng.choice(codes, rows)).cast(arrow)
        return pa.table({"code": drawn, "x": rng.normal(size=rows)})

    found = MultivariateReference.fit(table([0, 1]), categorical=["code"])
    read = MultivariateReference.from_files(found.to_files())
    assert read.encoding == found.encoding
    assert read.encoding.columns[0].categories in (("0", "1"), ("1", "0"))
    assert not MultivariateMonitor(read).update(table([0, 1])).report().drifted
    assert MultivariateMonitor(read).update(table([1])).report().drifted
    with pytest.raises(SchemaError, match="categorical column `code`"):
        MultivariateMonitor(read).update(pa.table({"code": [0.5], "x": [1.0]}))


def test_what_never_varied_is_measured_when_it_does() -> None:
    rng = np.random.default_rng(15)
    rows = pa.table({"x": rng.normal(size=5000), "b": np.where(rng.random(5000) < 0.3, "n", "s")})
    found = MultivariateReference.fit(rows)
    assert found.components.degrees == 2  # a number, and a category that is there or not
    assert np.mean(found.row_distances(rows) ** 2) == pytest.approx(2.0, rel=0.05)
    usual, new = found.row_distances(pa.table({"x": [0.0, 0.0], "b": ["s", "a new one"]}))
    assert new > 100.0 * usual


def test_times_move_on_and_are_left_out() -> None:
    rows = correlated(np.random.default_rng(1), 1000)
    before, later = (
        rows.append_column("at", pa.array(np.arange(start, start + 1000)).cast(pa.timestamp("s")))
        for start in (0, 9000)
    )
    found = MultivariateReference.fit(before)
    assert "at" not in {column.name for column in found.encoding.columns}
    assert not MultivariateMonitor(found).update(later).report().drifted


def test_a_table_of_too_many_columns_is_refused() -> None:
    wide = pa.table({f"x{place}": np.zeros(100) for place in range(257)})
    with pytest.raises(SchemaError, match="257 columns that take 257 — select fewer"):
        MultivariateReference.fit(wide)


def test_other_references_do_not_merge(reference: MultivariateReference) -> None:
    other = MultivariateReference.fit(correlated(np.random.default_rng(5), 100))
    with pytest.raises(SchemaError, match="a state of reference"):
        MultivariateMonitor(reference).merge(MultivariateMonitor(other))


def test_a_reference_travels_as_bytes(of_mixed: MultivariateReference) -> None:
    files = of_mixed.to_files()
    read = MultivariateReference.from_files(files)
    table = mixed(np.random.default_rng(6), 500)
    assert read.to_files() == files
    assert whole_of(read, table).to_dict() == whole_of(of_mixed, table).to_dict()
    assert np.array_equal(read.row_distances(table), of_mixed.row_distances(table))
    MultivariateMonitor(read).merge(MultivariateMonitor(of_mixed))


@pytest.mark.parametrize("entry", ["columns", "components", "features", "rows", "residuals", "sample", "seed"])
@pytest.mark.parametrize("value", [None, -1, "x", {}, []])
def test_a_reference_that_nobody_wrote_is_refused(of_mixed: MultivariateReference, entry: str, value: object) -> None:
    document = json.loads(of_mixed.to_files()["multivariate.json"])
    with pytest.raises(SchemaError, match="fit the reference again"):
        MultivariateReference.from_files({"multivariate.json": json.dumps({**document, entry: value}).encode()})


@pytest.mark.parametrize("change", [{"shape": [8, 8]}, {"dtype": "f8"}, {"base64": "AAAA"}, {"base64": "?"}])
def test_an_array_of_another_shape_is_refused(reference: MultivariateReference, change: dict[str, object]) -> None:
    document = json.loads(reference.to_files()["multivariate.json"])
    document["features"]["frequencies"] |= change
    with pytest.raises(SchemaError, match=r"multivariate\.json"):
        MultivariateReference.from_files({"multivariate.json": json.dumps(document).encode()})


@pytest.mark.parametrize("columns", [1, 2, 20, 64, 65, 130, 334])
@pytest.mark.parametrize("rows", [0, 1, 31, 200, 2048])
def test_products_in_small_parts_are_the_products(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows + columns)
    values, matrix = (rng.integers(-99, 99, shape).astype(np.float64) for shape in ((rows, columns), (columns, 130)))
    weight = rng.integers(0, 9, rows).astype(np.float64)
    assert np.array_equal(product(values, matrix), values @ matrix)  # whole numbers: exact in any order
    assert np.array_equal(gram(values, weight), (values * weight[:, None]).T @ values)


# What they find


def test_a_rotation_that_no_column_shows_is_found_by_all_three(reference: MultivariateReference) -> None:
    before, now = (correlated(np.random.default_rng(seed), 4000, sign) for seed, sign in ((1, 0.6), (7, -0.6)))
    assert compare(before, now).dataset.drifted is False
    report = MultivariateMonitor(reference).update(now).report()
    assert report.reasons == ("reconstruction_error", "mmd", "domain_auc")
    assert report.statistics["domain_auc"].low > 0.6


def test_the_same_rows_and_a_tiny_shift_do_not_alarm(reference: MultivariateReference) -> None:
    table = correlated(np.random.default_rng(8), 50_000)
    shifted = table.set_column(0, "x0", pa.array(table["x0"].to_numpy() + 0.005))
    for current in (table, shifted):
        report = MultivariateMonitor(reference).update(current).report()
        assert not report.drifted
        assert report.statistics["mmd"].low <= 0.0 <= report.statistics["mmd"].high


@pytest.mark.parametrize(("scale", "offset"), [(1e-5, 0.0), (1.0, 0.0), (1.0, 1e9), (1e12, 0.0), (1e12, 1e9)])
def test_a_shift_is_found_at_any_scale_beside_an_outlier_and_half_missing(scale: float, offset: float) -> None:
    rng = np.random.default_rng(9)

    def table(shift: float) -> pa.Table:
        values = rng.normal(shift, 1.0, (2000, 3))
        values[0, 0] = 1e6
        columns = {f"x{number}": values[:, number] * scale + offset for number in range(3)}
        return pa.table({name: pa.array(one, mask=rng.random(2000) < 0.5) for name, one in columns.items()})

    found = MultivariateReference.fit(table(0.0))
    assert MultivariateMonitor(found).update(table(1.0)).report().drifted
    assert not MultivariateMonitor(found).update(table(0.0)).report().drifted


def test_categories_that_part_company_are_found(of_mixed: MultivariateReference) -> None:
    table = mixed(np.random.default_rng(10), 3000)
    parted = table.set_column(5, "rare", table["rare"].take(np.random.default_rng(0).permutation(3000)))
    assert not MultivariateMonitor(of_mixed).update(table).report().drifted
    assert MultivariateMonitor(of_mixed).update(parted).report().drifted


def test_a_new_category_lies_far_from_the_reference(of_mixed: MultivariateReference) -> None:
    table = mixed(np.random.default_rng(11), 200)
    new = table.set_column(4, "letters", pa.array(["unheard of"] * 200))
    assert np.median(of_mixed.row_distances(new)) > np.quantile(of_mixed.row_distances(table), 0.9)


def test_constant_infinite_and_missing_columns_are_measured_like_any_other() -> None:
    rng = np.random.default_rng(12)
    values = rng.normal(size=1000)
    table = pa.table(
        {
            "x": np.where(np.arange(1000) % 97 == 0, np.inf, values),
            "constant": np.full(1000, 7.0),
            "null": pa.nulls(1000),
            "one": ["a"] * 1000,
            "largest": np.where(values > 0, 1.7e308, -1.7e308),
        }
    )
    monitor = MultivariateMonitor(MultivariateReference.fit(table)).update(table)
    assert not monitor.report().drifted
    assert np.isfinite([one.value for one in monitor.report().statistics.values()]).all()


def _columns() -> dict[str, pa.Array]:
    whole = np.random.default_rng(24).integers(0, 50, 100)
    texts = pa.array([str(value % 5) for value in whole])
    small = pa.array(whole.astype(np.int32))
    return {
        "bool": pa.array(whole % 2 == 0),
        "uint64": pa.array(whole.astype(np.uint64) + 2**63),
        "float16": pa.array(whole.astype(np.float16)),
        "timestamp": pa.array(whole).cast(pa.timestamp("ns", "UTC")),
        "date": small.cast(pa.date32()),
        "time": small.cast(pa.time32("s")),
        "duration": pa.array(whole).cast(pa.duration("us")),
        "decimal": pa.array([Decimal(int(value)) for value in whole]),
        "dictionary": texts.dictionary_encode(),
        "dictionary of numbers": pa.array(whole).dictionary_encode(),
        "large": texts.cast(pa.large_utf8()),
        "view": texts.cast(pa.string_view()),
        "polars category": pl.DataFrame({"c": pl.Series(texts.to_pylist(), dtype=pl.Categorical)}).to_arrow()["c"],
        "null": pa.nulls(100),
    }


@pytest.mark.parametrize("name", _columns())
def test_every_type_of_column_is_measured_whole_or_empty(name: str) -> None:
    table = pa.table({"c": _columns()[name], "x": np.random.default_rng(25).normal(size=100)})
    monitor = MultivariateMonitor(MultivariateReference.fit(table)).update(table)
    report = monitor.update(table[:0]).update(table.schema.empty_table()).report()
    assert report.rows == 100
    assert not report.drifted


def test_too_few_rows_say_nothing(reference: MultivariateReference) -> None:
    report = MultivariateMonitor(reference).update(correlated(np.random.default_rng(13), 29)).report()
    assert (report.rows, report.statistics, report.drifted) == (29, {}, False)
    assert MultivariateMonitor(reference).report().to_dict()["drifted"] is False


def test_a_report_is_plain_values(reference: MultivariateReference) -> None:
    report = MultivariateMonitor(reference).update(correlated(np.random.default_rng(14), 100)).report()
    entry = json.loads(json.dumps(report.to_dict()))["statistics"]["domain_auc"]
    assert (entry["n"], entry["m"], entry["limits"], entry["null"]) == (2000, 100, "interval", 0.5)


def test_a_report_makes_points_for_rules(reference: MultivariateReference) -> None:
    report = MultivariateMonitor(reference).update(correlated(np.random.default_rng(14), 400, -0.6)).report()
    points = {point.metric: point for point in report.points(Span.of_seconds(0, 60), {"model": "claims"})}
    auc = report.statistics["domain_auc"]
    assert (points["domain_auc"].value, points["domain_auc"].low, points["domain_auc"].n) == (auc.value, auc.low, 400)
    assert points["mmd_p_value"].value == report.statistics["mmd"].p_value
    assert points["multivariate_drifted"].value == 1.0
    assert points["multivariate_drifted"].labels == {"model": "claims"}


# Distances of rows


def test_row_distances_are_about_chi_square_and_point_at_odd_rows(reference: MultivariateReference) -> None:
    table = correlated(np.random.default_rng(15), 5000)
    squares = reference.row_distances(table) ** 2
    assert squares.mean() == pytest.approx(reference.components.degrees, rel=0.05)
    ordinary, odd = ([0.0] * 8 for _ in range(2))
    ordinary[:2], odd[:2] = [2.0, 2.0], [2.0, -2.0]  # as far in each column, but against the correlation
    rows = pa.table({f"x{number}": [ordinary[number], odd[number]] for number in range(8)})
    near, far = reference.row_distances(rows)
    assert far == pytest.approx(2.0 * near, rel=0.1)  # variances 1.6 and 0.4 along and against
    assert reference.row_distances(table[:0]).shape == (0,)


def test_row_anomalies_hold_their_share_of_false_finds_and_find_what_no_column_shows() -> None:
    rng = np.random.default_rng(23)
    distances = MultivariateReference.fit(correlated(rng, 4000, 0.95))
    anomalies = RowAnomalies(distances, correlated(rng, 4000, 0.95))
    batch = correlated(rng, 500, 0.95)
    odd = [0, 100, 499]
    against = batch["x1"].to_numpy().copy()
    against[odd] = -2.0 * np.sign(batch["x0"].to_numpy()[odd])
    beside = batch["x0"].to_numpy().copy()
    beside[odd] = 2.0 * np.sign(beside[odd])
    batch = batch.set_column(0, "x0", pa.array(beside)).set_column(1, "x1", pa.array(against))
    found = set(anomalies.judge(batch).flagged.tolist())
    assert found >= set(odd)
    assert len(found) <= 6


def test_components_are_those_of_numpy(reference: MultivariateReference) -> None:
    encoded = reference.encoding.encode(correlated(np.random.default_rng(16), 300)).astype(np.float64) / UNIT
    components = reference.components
    axes = components.axes[:, : components.retained] / 2.0**14
    centred = encoded - components.centre / UNIT
    expected = np.linalg.norm(centred - centred @ axes @ np.linalg.pinv(axes), axis=1)
    found = components.residuals((encoded * UNIT).astype(np.int16)) / UNIT
    assert found == pytest.approx(expected, abs=0.01)


# What they are made of


@pytest.mark.parametrize("changed", ["x3", "absent"])
def test_other_columns_are_refused_before_anything_is_counted(reference: MultivariateReference, changed: str) -> None:
    table = correlated(np.random.default_rng(17), 100)
    wrong = table.drop_columns(["x3"])
    if changed == "x3":
        wrong = wrong.append_column("x3", pa.array(["text"] * 100))
    monitor = MultivariateMonitor(reference)
    with pytest.raises(SchemaError, match="column `x3`"):
        monitor.update(wrong)
    assert monitor.rows == 0


def test_a_reference_needs_rows_columns_and_sense() -> None:
    table = correlated(np.random.default_rng(18), 100)
    with pytest.raises(EmptyInputError, match="30 reference rows or more, got 29"):
        MultivariateReference.fit(table[:29])
    with pytest.raises(SchemaError, match="a column of numbers or strings, got list"):
        MultivariateReference.fit(pa.table({"x": [[1]] * 40}))
    with pytest.raises(ConfigError, match="seed -1"):
        MultivariateReference.fit(table, seed=-1)


def test_many_rows_are_sampled_alike_for_one_seed() -> None:
    table = correlated(np.random.default_rng(19), 2000)
    first, again, other = (MultivariateReference.fit(table, most_rows=200, seed=seed) for seed in (0, 0, 1))
    assert first.rows == 200
    assert first.to_files() == again.to_files() != other.to_files()


def test_features_make_the_gaussian_kernel(reference: MultivariateReference) -> None:
    rows = reference.encoding.encode(correlated(np.random.default_rng(20), 60))
    features = reference.features.of(rows) / COSINE_UNIT
    found = features @ features.T / (reference.features.size / 2)
    width = 1.0 / (2.0 * np.pi * (reference.features.frequencies / 2.0**18).std())
    gaps = ((rows[:, None].astype(np.float64) - rows[None]) ** 2).sum(axis=2) / UNIT**2
    error = found - np.exp(-gaps / (2.0 * width**2))
    assert np.abs(np.diag(error)).max() < 1e-5
    assert np.sqrt((error**2).mean()) < 0.1  # 1/sqrt(128) for one pair


@pytest.mark.parametrize("degrees", [1, 2, 5, 50, 300])
@pytest.mark.parametrize("share", [0.9, 0.55, 0.5, 0.1, 0.05, 0.01, 1e-6])
def test_the_tail_of_equal_weights_is_chi_square_s(degrees: int, share: float) -> None:
    x = stats.chi2.isf(share, degrees)
    assert weighted_chi_square_tail(3.0 * x, np.full(degrees, 3.0)) == pytest.approx(share, rel=0.1)
    assert weighted_chi_square_tail(degrees, np.ones(degrees)) == pytest.approx(stats.chi2.sf(degrees, degrees), 0.03)


def test_the_tail_of_unequal_weights_is_that_of_draws() -> None:
    weights, rng = 0.7 ** np.arange(40.0), np.random.default_rng(21)
    draws = (rng.standard_normal((200_000, 40)) ** 2) @ weights
    for share in (0.5, 0.1, 0.05, 0.01):
        found = weighted_chi_square_tail(float(np.quantile(draws, 1.0 - share)), weights)
        assert found == pytest.approx(share, rel=0.06)
    assert weighted_chi_square_tail(0.0, weights) == 1.0


@pytest.mark.parametrize(("n", "m", "shift"), [(10, 12, 0), (40, 1000, 60), (500, 30, 20), (200, 200, 30)])
def test_a_change_of_the_mean_is_welch_s(n: int, m: int, shift: int) -> None:
    rng = np.random.default_rng(n)
    a, b = (rng.normal(0, 100, n)).astype(np.int64), (rng.normal(shift, 150, m)).astype(np.int64)
    expected = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert mean_change_p(Tally().add(a), Tally().add(b)) == pytest.approx(expected, rel=0.02)


def test_means_that_cannot_be_compared_say_nothing_and_constants_everything() -> None:
    one, constant = Tally().add(np.array([1])), Tally().add(np.array([2, 2, 2]))
    assert mean_change_p(one, constant) == 1.0
    assert mean_change_p(constant, constant) == 1.0
    assert mean_change_p(Tally().add(np.array([3, 3])), constant) == 0.0
    with pytest.raises(ValueError, match="too small"):
        Tally.from_dict({"count": 2, "total": 10, "squares": 1})


def test_the_area_is_that_of_a_classifier_that_sees_other_rows() -> None:
    rng = np.random.default_rng(22)
    a, b = rng.normal(size=(600, 3)), rng.normal([0.0, 0.8, 0.0], 1.0, (400, 3))
    found = domain_auc(a, b, np.random.default_rng(0))
    ideal = roc_auc_score(np.repeat([0, 1], [600, 400]), np.concatenate([a[:, 1], b[:, 1]]))
    assert found.low < ideal < found.high
    assert found.p_value < 1e-9
    same = domain_auc(np.zeros((50, 2)), np.zeros((50, 2)), np.random.default_rng(0))
    assert (same.auc, same.p_value) == (0.5, 0.5)
    apart = domain_auc(a, a[:100] + 100.0, np.random.default_rng(0))
    assert (apart.auc, apart.high) == (1.0, 1.0)
