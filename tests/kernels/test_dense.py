"""DensePlan against the NumPy oracle, bit for bit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import awkward_floats

from mlops_runtime._native import ArrowTable, DensePlan, Expression, Vocabulary
from mlops_runtime.kernels.dense.reference import evaluate, to_float32

Steps = list[tuple[str, list[float]]]

# Neighbours that share nothing, the source, or some of their steps; and some that come back to what came before.
OUTPUTS: list[tuple[int, Steps]] = [
    (0, [("impute", [0.5]), ("affine", [0.25, 3.0])]),
    (0, [("is_missing", [])]),
    (1, [("impute", [-1.0]), ("log1p", []), ("affine", [1e9, 1e300])]),
    (2, [("impute", [7.0]), ("signed_log1p", []), ("clip", [-3.0, 3.0]), ("affine", [0.0, 2.0])]),
    (2, [("impute", [7.0]), ("signed_log1p", []), ("clip", [-3.0, 3.0]), ("bucket", [-1.0, 1.0])]),
    (2, [("impute", [7.0]), ("signed_log1p", []), ("clip", [-3.0, 3.0])]),
    (2, [("impute", [7.0]), ("sqrt", [])]),
    (2, []),
    (1, [("impute", [0.0]), ("affine", [-1e308, 1e-320])]),
    (1, [("affine", [0.0, 1e-3]), ("impute", [0.0])]),
    (3, [("impute", [-0.0])]),
    (3, [("impute", [0.0])]),
    (3, [("clip", [-1.0, 1.0]), ("impute", [0.5]), ("yeo_johnson", [0.3])]),
]


def floats(parameters: list[float]) -> np.ndarray:
    return np.array(parameters, np.float64)


def expression(column: int, steps: Steps) -> Expression:
    return Expression([column], "column", [(name, floats(parameters)) for name, parameters in steps])


def plan_of(outputs: list[tuple[int, Steps]]) -> DensePlan:
    return DensePlan([expression(*output) for output in outputs])


def table_of(n: int) -> pa.Table:
    rng = np.random.default_rng(n)
    nulls = rng.random(n) < 0.2
    with np.errstate(over="ignore"):
        small = awkward_floats(n, seed=2).astype(np.float32)
    return pa.table(
        {
            "a": awkward_floats(n),
            "b": pa.array(awkward_floats(n, seed=1), mask=nulls),
            "c": pa.array(rng.integers(-100, 100, size=n), pa.int32(), mask=nulls),
            "d": small,
        }
    )


def expected(table: pa.Table, outputs: list[tuple[int, Steps]]) -> np.ndarray:
    result = np.empty((table.num_rows, len(outputs)), np.float32)
    for j, (position, steps) in enumerate(outputs):
        values = table.column(position).cast(pa.float64()).to_numpy(zero_copy_only=False)
        result[:, j] = to_float32(evaluate(values, [(name, floats(parameters)) for name, parameters in steps]))
    return result


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("width", [1, 3, 4, 5, len(OUTPUTS)])
def test_any_size_and_width_gives_the_bits_of_numpy(size: int, width: int) -> None:
    table = table_of(size)
    plan = plan_of(OUTPUTS[:width])
    got = plan.run(ArrowTable(table))
    assert got.shape == (size, plan.width) == (size, width)
    assert got.tobytes() == expected(table, OUTPUTS[:width]).tobytes()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 40])
def test_any_width_is_interleaved(width: int) -> None:
    outputs: list[tuple[int, Steps]] = [(j % 4, [("affine", [float(j), 1.0 + j])]) for j in range(width)]
    for rows in (1, 15, 16, 17, 300):
        table = table_of(rows)
        assert plan_of(outputs).run(ArrowTable(table)).tobytes() == expected(table, outputs).tobytes()


@pytest.mark.usefixtures("isa", "threads")
def test_a_large_output_past_the_caches_has_the_same_bits() -> None:
    table = table_of(400_001)  # 20.8 MB: written with streaming stores, at odd offsets
    chunked = pa.concat_tables([table.slice(0, 5), table.slice(5, 300_000), table.slice(300_005)])
    got = plan_of(OUTPUTS).run(ArrowTable(chunked))
    assert got.tobytes() == expected(table, OUTPUTS).tobytes()


@pytest.mark.usefixtures("isa")
def test_a_slice_with_nulls_starts_at_its_own_first_row() -> None:
    table = table_of(1000)
    for start in (1, 3, 8, 13):
        part = table.slice(start, 500)
        assert plan_of(OUTPUTS).run(ArrowTable(part)).tobytes() == expected(part, OUTPUTS).tobytes()


@pytest.mark.usefixtures("isa")
def test_one_hot_columns_look_each_key_up_once_and_give_its_indicator() -> None:
    keys = pa.array(["a", None, "b", "never seen", "", "a"] * 100)
    vocabulary = Vocabulary(ArrowTable(pa.table({"k": ["a", "b"]})), np.array([3, 4]))
    columns = [Expression([0], "id", [("equals", floats([each]))], vocabulary) for each in (3.0, 4.0, 0.0)]
    for values in (keys, keys.dictionary_encode()):
        got = DensePlan(columns).run(ArrowTable(pa.table({"k": values})))
        assert got[:6].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
        assert (got == np.tile(got[:6], (100, 1))).all()


def test_zeros_of_both_signs_are_told_apart_between_neighbours() -> None:
    table = ArrowTable(pa.table({"x": [np.nan]}))
    got = plan_of([(0, [("impute", [-0.0])]), (0, [("impute", [0.0])])]).run(table)
    assert np.signbit(got).tolist() == [[True, False]]


@pytest.mark.usefixtures("isa")
def test_missing_values_that_nothing_imputes_are_one_quiet_nan() -> None:
    payload = np.array([0x7FF0000000000001, 0xFFF8000000000123, 0x7FF8000000000000], np.uint64).view(np.float64)
    got = plan_of([(0, []), (0, [("affine", [1.0, -2.0])])]).run(ArrowTable(pa.table({"x": payload})))
    assert set(got.view(np.uint32).ravel().tolist()) == {0x7FC00000}
    assert set(to_float32(payload).view(np.uint32).tolist()) == {0x7FC00000}, "without a warning, signalling or not"


@pytest.mark.usefixtures("isa")
def test_values_beyond_float32_become_its_largest() -> None:
    got = plan_of([(0, [])]).run(ArrowTable(pa.table({"x": [1e300, -1e300, np.inf, -np.inf]})))
    largest = np.finfo(np.float32).max
    assert got.ravel().tolist() == [largest, -largest, largest, -largest]


def test_the_output_is_aligned_and_a_given_one_is_written_in_place() -> None:
    table = table_of(100)
    out = np.full((100, len(OUTPUTS)), np.nan, np.float32)
    got = plan_of(OUTPUTS).run(ArrowTable(table), out=out)
    assert got is out
    fresh = plan_of(OUTPUTS).run(ArrowTable(table))
    assert fresh.ctypes.data % 64 == 0
    assert out.tobytes() == fresh.tobytes()


def _large() -> tuple[DensePlan, ArrowTable]:
    return plan_of([(j % 2, [("log1p", [])]) for j in range(8)]), ArrowTable(table_of(500_000))


@pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").is_dir(), reason="the system has no huge pages")
def test_a_large_output_asks_for_huge_pages() -> None:
    plan, table = _large()
    got = plan.run(table)
    middle = got.ctypes.data + got.nbytes // 2
    mappings = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)
    spans = [(each, [int(end, 16) for end in each.split(" ", 1)[0].split("-")]) for each in mappings if each]
    (mapping,) = [each for each, (begin, end) in spans if begin <= middle < end]
    assert " hg" in mapping.partition("VmFlags:")[2]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not reset the peak of memory")
def test_a_run_into_a_given_output_needs_no_memory_for_intermediates() -> None:
    plan, table = _large()
    out = np.zeros((500_000, plan.width), np.float32)  # 16 MB, as much as each step's float64 would take for 4 columns
    plan.run(table, out=out)
    Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes("VmRSS")
    plan.run(table, out=out)
    assert _kilobytes("VmHWM") - before < 1024


def _kilobytes(line: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{line}:")[2].split()[0])


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
    with pytest.raises(ValueError, match="position below 4"):
        plan_of([(4, [])]).run(ArrowTable(table_of(4)))
    with pytest.raises(TypeError, match="DensePlan: expected"):
        DensePlan([(0, [])])  # type: ignore[list-item]


def test_a_plan_without_outputs_gives_a_matrix_without_columns() -> None:
    assert DensePlan([]).run(ArrowTable(table_of(3))).shape == (3, 0)
