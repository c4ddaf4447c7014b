"""Expression: every source and step against the NumPy oracle, bit for bit, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import ArrowTable, Expression, Vocabulary, set_isa
from mlops_runtime.kernels.dense.calendar import date_part
from mlops_runtime.kernels.dense.reference import apply_step, combine

DATE_PARTS = ("year", "quarter", "month", "day", "day_of_week", "day_of_year", "week", "hour", "minute", "second",
              "minute_of_day")  # fmt: skip
KNOTS = [-1e5, -3.0, -0.5, 0.0, 0.25, 7.0, 1e9]
STEPS: list[tuple[str, list[float]]] = [
    ("impute", [1.5]),
    ("clip", [-2.5, 0.1]),
    ("log1p", []),
    ("signed_log1p", []),
    ("sqrt", []),
    *[("yeo_johnson", [power]) for power in (0.0, 2.0, 1.0, 0.37, -4.0, 5.5, 1e-9)],
    ("affine", [0.3, -7.0]),
    ("affine", [-1e308, 1e-310]),
    ("interpolate", [*KNOTS, 0.0, 0.1, 0.25, 0.25, 0.9, -2.0, 3.0]),
    ("interpolate", [1.0, 9.0]),
    ("interpolate", [1.0, 2.0, 9.0, -9.0]),
    ("bucket", KNOTS),
    ("bucket", [0.0]),
    ("bucket", list(np.linspace(-50, 50, 777))),
    ("table", [10.0, np.nan, 12.0, -0.0]),
    ("equals", [0.0]),
    ("is_missing", []),
    ("local_time", [*KNOTS, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    *[(f"date_{part}", []) for part in DATE_PARTS],
]
EDGES = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, -1.0, np.nextafter(-1.0, 0), -1.5, 1.7976931348623157e308,
                  -1.7976931348623157e308, 1e-310, 2.0**53 + 2, 0.5, -0.25, np.nextafter(0.5, 1)])  # fmt: skip


def evaluate(values: object, *steps: tuple[str, list[float]]) -> np.ndarray:
    named = [(name, np.array(parameters, np.float64)) for name, parameters in steps]
    return Expression([0], "column", named).evaluate(column(values))


def same(got: np.ndarray, expected: np.ndarray) -> bool:
    """The same bits, but for those of a NaN."""
    return bool(
        np.array_equal(got, expected, equal_nan=True) and (np.signbit(got) == np.signbit(expected))[got == got].all()
    )


def values_for(name: str, n: int) -> np.ndarray:
    """Awkward numbers; for steps that read whole numbers or times, many of those."""
    rng = np.random.default_rng(n)
    values = np.concatenate([EDGES, KNOTS, awkward_floats(n, seed=n)])
    if name.startswith(("date_", "local_time")):
        values = np.concatenate([values, np.trunc(rng.uniform(-63e15, 254e15, n)), rng.uniform(-2e12, 2e12, n)])
    if name in ("table", "equals"):
        values = np.concatenate([values, rng.integers(-2, 6, n).astype(float), rng.normal(size=n)])
    return values


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("name", "parameters"), STEPS)
def test_a_step_gives_the_bits_of_numpy(name: str, parameters: list[float]) -> None:
    for n in (0, 1, 9, 257, 5000):
        values = values_for(name, n)
        expected = apply_step(name, np.array(parameters, np.float64), values)
        assert same(evaluate(values, (name, parameters)), expected)
        imputed = apply_step(name, np.array(parameters, np.float64), np.where(np.isfinite(values), values, 2.0))
        assert same(evaluate(values, ("impute", [2.0]), (name, parameters)), imputed)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("name", "parameters"), [step for step in STEPS if step[0][:5] not in ("table", "date_")])
def test_a_finite_value_never_becomes_missing(name: str, parameters: list[float]) -> None:
    values = values_for(name, 5000)
    assert not np.isnan(evaluate(values[np.isfinite(values)], (name, parameters))).any()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("name", "parameters"), STEPS)
def test_a_missing_value_stays_missing(name: str, parameters: list[float]) -> None:
    got = evaluate(pa.array([None, None, 1.0], pa.float64()), (name, parameters))
    imputes = {"impute": 1.5, "equals": 0.0, "is_missing": 1.0}
    assert np.array_equal(got[:2], [imputes.get(name, np.nan)] * 2, equal_nan=True)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint64, np.bool_])
def test_any_numeric_column_is_a_source(dtype: type, size: int) -> None:
    values = np.random.default_rng(size).integers(0, 2 if dtype is np.bool_ else 100, size).astype(dtype)
    nulls = np.arange(size) % 3 == 0
    expected = np.where(nulls, np.nan, values.astype(np.float64))
    assert same(evaluate(pa.array(values, mask=nulls)), expected)
    assert same(evaluate(pa.array(values)), values.astype(np.float64))
    assert same(evaluate(pa.array(values, mask=nulls), ("sqrt", [])), np.sqrt(expected))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "divide"])
def test_two_columns_are_combined(operation: str, size: int) -> None:
    left, right = awkward_floats(size), awkward_floats(size, seed=1)
    table = ArrowTable(pa.table({"a": left, "b": pa.array(right, mask=np.isnan(right))}))
    assert same(Expression([0, 1], operation, []).evaluate(table), combine(operation, left, right))
    assert same(Expression([1, 0], operation, []).evaluate(table), combine(operation, right, left))


@pytest.mark.usefixtures("isa", "threads")
def test_chunks_and_slices_are_the_rows_they_show() -> None:
    values = awkward_floats(150_001)
    arrays = pa.chunked_array([values[:3], pa.array(values[1:70_000]).slice(2), values[70_000:]])
    assert same(evaluate(arrays, ("log1p", [])), apply_step("log1p", np.empty(0), values))


@pytest.mark.usefixtures("isa")
def test_the_ids_of_a_vocabulary_are_numbers() -> None:
    vocabulary = Vocabulary(ArrowTable(pa.table({"k": pa.array([10, 20])})), np.array([3, 1]))
    table = column(pa.array([20, 10, None, 99], pa.int64()))
    assert Expression([0], "id", [], vocabulary).evaluate(table).tolist() == [1, 3, 0, 2]
    share = ("table", np.array([0.5, 0.25, 0.0, 1.0]))
    assert Expression([0], "id", [share], vocabulary).evaluate(table).tolist() == [0.25, 1.0, 0.5, 0.0]


def test_an_expression_outlives_the_vocabulary_it_was_given() -> None:
    expression = Expression([0], "id", [], Vocabulary(column(["a"]), np.array([3])))
    assert expression.evaluate(column(["a", "b"] * 1000)).sum() == 5000


@pytest.mark.parametrize("part", DATE_PARTS)
def test_the_calendar_is_pythons(part: str) -> None:
    days = np.arange(-719_162, 2_932_897, 89)
    times = days * 86_400_000_000 + (days * 7_919_999_999) % 86_400_000_000
    got = evaluate(times, (f"date_{part}", []))
    origin = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [origin + timedelta(microseconds=int(time)) for time in times.astype(np.float64)]
    assert got.tolist() == [_python_part(part, moment) for moment in moments]
    assert same(got, date_part(part, times.astype(np.float64)))


def _python_part(part: str, moment: datetime) -> int:
    parts = {
        "quarter": (moment.month + 2) // 3,
        "day_of_week": moment.weekday(),
        "day_of_year": moment.timetuple().tm_yday,
        "week": moment.isocalendar().week,
        "minute_of_day": 60 * moment.hour + moment.minute,
    }
    return parts[part] if part in parts else int(getattr(moment, part))


def test_the_calendar_ends_with_the_years_1_and_9999() -> None:
    first, end = -719_162 * 86_400_000_000, 2_932_897 * 86_400_000_000
    got = evaluate(np.array([first - 64, first, end - 64, end], np.float64), ("date_year", []))
    assert np.array_equal(got, [np.nan, 1, 9999, np.nan], equal_nan=True)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", ["log1p", "signed_log1p", "yeo_johnson"])
def test_logarithms_are_within_their_bound_of_the_true_value(name: str) -> None:
    if np.finfo(np.longdouble).nmant < 63:
        pytest.skip("long double is no wider than double here")
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-300, 308, 200_000)
    x = np.concatenate(
        [sizes, rng.uniform(0, 3, 200_000), 2.0 ** rng.integers(-60, 60, 999) * 0.75, [1.7976931348623157e308]]
    )
    negative = -np.minimum(sizes, 1.0 - 2.0**-53) if name == "log1p" else -x
    values = np.concatenate([x, negative, -rng.uniform(0, 1, 100_000)])
    wide = values.astype(np.longdouble)
    if name == "yeo_johnson":
        values = values[np.abs(values) < 1e60]
        wide = values.astype(np.longdouble)
        true = np.copysign(
            np.expm1(np.where(wide >= 0, 0.5, 1.5) * np.log1p(np.abs(wide))) / np.where(wide >= 0, 0.5, 1.5), wide
        )
    else:
        true = np.log1p(wide) if name == "log1p" else np.copysign(np.log1p(np.abs(wide)), wide)
    got = evaluate(values, (name, [0.5] if name == "yeo_johnson" else []))
    worst = float((np.abs(got - true) / np.abs(true)).max())
    assert worst < (2.0**-29 if name == "yeo_johnson" else 2.0**-37.5)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([("logarithm", [])], "Expression: expected a step such as `impute` or `affine`, got `logarithm`"),
        ([("impute", [np.nan])], "step `impute`: expected one finite fill"),
        ([("clip", [2.0, 1.0])], "step `clip`: expected two finite bounds, low <= high"),
        ([("affine", [0.0, 0.0])], "step `affine`: expected a finite center and a finite scale other than 0"),
        ([("bucket", [1.0, 1.0])], "step `bucket`: expected one or more finite, strictly increasing edges"),
        ([("bucket", [])], "step `bucket`: expected one or more finite"),
        ([("interpolate", [1.0, 2.0, 3.0])], "step `interpolate`: expected k strictly increasing knots"),
        ([("interpolate", [-1e308, 1e308, 0.0, 1.0])], "step `interpolate`: expected knots with finite slopes"),
        ([("table", [np.inf])], "step `table`: expected one or more values, none infinite"),
        ([("log1p", [1.0])], "step `log1p`: expected no parameters"),
    ],
)
def test_a_step_that_cannot_be_run_is_refused(steps: list[tuple[str, list[float]]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate([1.0], *steps)


def test_a_source_that_cannot_be_read_is_refused() -> None:
    vocabulary = Vocabulary(column(["a"]), np.array([3]))
    with pytest.raises(ValueError, match="got `modulo`"):
        Expression([0, 1], "modulo", [])
    with pytest.raises(ValueError, match="expected two columns, got 1"):
        Expression([0], "add", [])
    with pytest.raises(ValueError, match="expected a vocabulary for `id`, got none"):
        Expression([0], "id", [])
    with pytest.raises(ValueError, match="expected no vocabulary"):
        Expression([0], "column", [], vocabulary)
    with pytest.raises(ValueError, match="column `x`"):
        Expression([0], "column", []).evaluate(column(["text"]))
    with pytest.raises(ValueError, match="column `x`"):
        Expression([0], "id", [], vocabulary).evaluate(column([1, 2]))
    with pytest.raises(TypeError):
        Expression([0], "column", [("impute", np.zeros(1, np.float32))])  # type: ignore[list-item]


CHAINS = st.lists(
    st.sampled_from([step for step in STEPS if step[0] != "impute"]) | st.just(("impute", [0.5])), max_size=5
)


@given(chain=CHAINS, seed=st.integers(0, 1000), level=st.sampled_from(["scalar", "avx2", "avx512"]))
def test_any_chain_of_steps_gives_the_bits_of_numpy(
    chain: list[tuple[str, list[float]]], seed: int, level: str
) -> None:
    from conftest import AVAILABLE

    set_isa(level if level in AVAILABLE else "scalar")
    values = awkward_floats(300, seed=seed)
    expected = values
    for name, parameters in chain:
        expected = apply_step(name, np.array(parameters, np.float64), expected)
    assert same(evaluate(values, *chain), expected)
    set_isa(AVAILABLE[-1])
