"""DensePlan against NumPy, bit for bit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import awkward_floats

from mlops_runtime._native import ArrowTable, DensePlan
from mlops_runtime.kernels.standardise.reference import indicate, standardise

OUTPUTS = [(0, 0, 0.5, 0.25, 3.0), (0, 1, 0.0, 0.0, 1.0), (1, 0, -1.0, 1e9, 1e300), (2, 0, 7.0, 40.0, 0.1),
           (2, 1, 0.0, 0.0, 1.0), (1, 0, 0.0, -1e308, 0.0), (0, 0, 1.0, 0.0, 1e-320)]  # fmt: skip


def plan_of(outputs: list[tuple[int, int, float, float, float]]) -> DensePlan:
    columns, kinds, fill, center, scale = zip(*outputs, strict=True)
    numbers = [np.array(each, np.float64) for each in (fill, center, scale)]
    return DensePlan(np.array(columns, np.int32), np.array(kinds, np.uint8), *numbers)


def table_of(n: int) -> pa.Table:
    rng = np.random.default_rng(n)
    nulls = rng.random(n) < 0.2
    whole = rng.integers(-100, 100, size=n)
    return pa.table(
        {
            "a": awkward_floats(n),
            "b": pa.array(awkward_floats(n, seed=1), mask=nulls),
            "c": pa.array(whole, pa.int32(), mask=nulls),
        }
    )


def expected(table: pa.Table, outputs: list[tuple[int, int, float, float, float]]) -> np.ndarray:
    result = np.empty((table.num_rows, len(outputs)), np.float32)
    for j, (position, kind, fill, center, scale) in enumerate(outputs):
        values = table.column(position).cast(pa.float64()).to_numpy(zero_copy_only=False)
        result[:, j] = indicate(values) if kind else standardise(values, fill=fill, center=center, scale=scale)
    return result


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("width", [1, 3, 4, 5, 7])
def test_any_size_and_width_gives_the_bits_of_numpy(size: int, width: int) -> None:
    table = table_of(size)
    got = plan_of(OUTPUTS[:width]).run(ArrowTable(table))
    assert got.shape == (size, width)
    assert got.tobytes() == expected(table, OUTPUTS[:width]).tobytes()


@pytest.mark.usefixtures("isa", "threads")
def test_a_large_output_past_the_caches_has_the_same_bits() -> None:
    table = table_of(700_001)  # 19.6 MB: written with streaming stores, at odd offsets
    chunked = pa.concat_tables([table.slice(0, 5), table.slice(5, 300_000), table.slice(300_005)])
    got = plan_of(OUTPUTS).run(ArrowTable(chunked))
    assert got.tobytes() == expected(table, OUTPUTS).tobytes()


@pytest.mark.usefixtures("isa")
def test_a_slice_with_nulls_starts_at_its_own_first_row() -> None:
    table = table_of(1000)
    for start in (1, 3, 8, 13):
        part = table.slice(start, 500)
        assert plan_of(OUTPUTS).run(ArrowTable(part)).tobytes() == expected(part, OUTPUTS).tobytes()


def test_the_output_is_aligned_and_a_given_one_is_written_in_place() -> None:
    table = table_of(100)
    out = np.full((100, len(OUTPUTS)), np.nan, np.float32)
    got = plan_of(OUTPUTS).run(ArrowTable(table), out=out)
    assert got is out
    fresh = plan_of(OUTPUTS).run(ArrowTable(table))
    assert fresh.ctypes.data % 64 == 0
    assert out.tobytes() == fresh.tobytes()


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (np.empty((3, 1), np.float32), ValueError),
        (np.empty((4, 2), np.float32), ValueError),
        (np.empty((4, 1), np.float64), TypeError),
        (np.empty((1, 4), np.float32).T[:, ::1], None),
        (np.empty((4, 2), np.float32)[:, :1], TypeError),
    ],
)
def test_an_output_that_does_not_fit_is_refused(out: np.ndarray, error: type[Exception] | None) -> None:
    plan, table = plan_of(OUTPUTS[:1]), ArrowTable(table_of(4))
    if error is None:
        plan.run(table, out=out)
    else:
        with pytest.raises(error, match="out: expected"):
            plan.run(table, out=out)


def test_a_read_only_output_is_refused() -> None:
    out = np.empty((4, 1), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        plan_of(OUTPUTS[:1]).run(ArrowTable(table_of(4)), out=out)


def test_a_plan_that_cannot_be_run_is_refused() -> None:
    with pytest.raises(ValueError, match="finite fill"):
        plan_of([(0, 0, np.nan, 0.0, 1.0)])
    with pytest.raises(ValueError, match="kind 0"):
        plan_of([(0, 2, 0.0, 0.0, 1.0)])
    with pytest.raises(ValueError, match="position below 3"):
        plan_of([(3, 0, 0.0, 0.0, 1.0)]).run(ArrowTable(table_of(4)))
    with pytest.raises(TypeError):
        DensePlan(np.array([0]), np.array([0]), np.zeros(1), np.zeros(1), np.zeros(1))  # type: ignore[arg-type]


def test_times_are_microseconds() -> None:
    table = pa.table({"t": pa.array([0, 1_500_000, None], pa.timestamp("us", tz="UTC"))})
    got = plan_of([(0, 0, 0.0, 0.0, 1e-6)]).run(ArrowTable(table))
    assert got.ravel().tolist() == [0.0, 1.5, 0.0]
