"""Moments against rational arithmetic: the sums are exact, so every test compares with ==."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import ArrowTable, Moments
from mlops_runtime.kernels.moments import Summary, summarise
from mlops_runtime.kernels.moments.reference import moments as reference


def native(table: ArrowTable) -> Moments:
    state = Moments()
    state.update(table, 0)
    return state


def state_of(moments: Moments) -> tuple[object, ...]:
    counts = (moments.count, moments.missing, moments.positive_infinite, moments.negative_infinite)
    return (*counts, repr(moments.minimum), repr(moments.maximum), *moments.sums())


def same(left: Summary, right: Summary) -> bool:
    return repr(left) == repr(right)  # NaN equals itself here


@pytest.mark.usefixtures("isa")
def test_moments_of_any_size_are_exact(size: int) -> None:
    values = awkward_floats(size)
    assert same(summarise(native(column(values))), reference([float(value) for value in values]))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_moments_of_any_magnitude_are_exact(scale: float) -> None:
    values = np.random.default_rng(1).normal(size=3000) * scale
    total = sum(map(Fraction, values.tolist()))
    squares = sum(Fraction(value) ** 2 for value in values.tolist())
    assert native(column(values)).sums() == (total * 2**1074, squares * 2**2148)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("exponent", [-400, 0, 399])
@pytest.mark.parametrize("bits", [21, 42])
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_blocks_of_the_most_a_digit_holds_are_exact(exponent: int, bits: int, sign: int) -> None:
    most = [math.ldexp(sign * (2**bits - step), exponent - bits) for step in (1, 2, 2 ** (bits // 2) + 1)]
    values = np.resize(np.array([*most, -most[0]] if sign < 0 else most), 3 * 2048 + 5)
    total = sum(map(Fraction, values.tolist()))
    squares = sum(Fraction(value) ** 2 for value in values.tolist())
    assert native(column(values)).sums() == (total * 2**1074, squares * 2**2148)


@pytest.mark.usefixtures("isa")
def test_infinities_of_one_block_are_counted_apart() -> None:
    values = np.resize([math.inf, 1.0, -math.inf, math.nan, math.inf, -2.0], 1501)
    state = native(column(values))
    assert (state.positive_infinite, state.negative_infinite, state.missing) == (501, 250, 250)
    assert (state.count, state.minimum, state.maximum) == (500, -2.0, 1.0)


@pytest.mark.usefixtures("isa")
def test_integers_above_2_to_the_53_are_summed_exactly() -> None:
    values = [2**53 + 1, -(2**63), 2**63 - 1, 3, None, -(2**53) - 1] * 1000
    total, squares = native(column(pa.array(values, pa.int64()))).sums()
    present = [value for value in values if value is not None]
    assert total == sum(present) << 1074
    assert squares == sum(value * value for value in present) << 2148
    unsigned = native(column(pa.array([2**64 - 1, 2**64 - 3], pa.uint64())))
    assert unsigned.sums()[0] == (2**65 - 4) << 1074


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("low", [-(2**63), -(2**53) - 3, -1, 2**53 - 1, 2**62 + 1, 2**63 - 5])
def test_extremes_of_integers_are_not_rounded(low: int) -> None:
    values = [low + 3, low + 1, None, low + 4, low]
    state = native(column(pa.array(values, pa.int64())))
    state.merge(native(column(pa.array([low + 2], pa.int64()))))
    assert state.extremes() == (low, low + 4)
    assert (state.minimum, state.maximum) == (float(low), float(low + 4))
    assert same(summarise(native(column(pa.array(values, pa.int64())))), reference(values))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_every_integer_width_gives_the_same_moments(kind: str) -> None:
    values = [None if i % 7 == 0 else i % 100 for i in range(5000)]
    assert same(summarise(native(column(pa.array(values, kind)))), reference(values))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", [pa.float16(), pa.float32()])
def test_narrow_floats_are_widened_without_change(kind: pa.DataType) -> None:
    bits = np.arange(65536, dtype=np.uint16).view(np.float16)  # every half: NaN, infinities, subnormals
    expected = reference([float(value) for value in bits])
    assert same(summarise(native(column(pa.array(bits).cast(kind)))), expected)


@pytest.mark.usefixtures("isa")
def test_booleans_count_as_zero_and_one() -> None:
    values = [True, None, False, True] * 999
    assert same(summarise(native(column(values))), reference([None if v is None else int(v) for v in values]))


@pytest.mark.usefixtures("isa", "threads")
def test_the_state_does_not_depend_on_how_rows_are_split() -> None:
    values = awkward_floats(200_000, seed=3)
    whole = native(column(values))
    parts = [native(column(part)) for part in np.array_split(values, [1, 70_000, 70_001, 199_999])]
    merged = Moments()
    for part in reversed(parts):
        merged.merge(part)
    chunked = native(column(pa.chunked_array([values[:3], values[3:131_072], values[131_072:]])))
    assert state_of(whole) == state_of(merged) == state_of(chunked)


@pytest.mark.usefixtures("isa", "threads")
def test_every_level_and_thread_count_gives_the_state_of_the_reference() -> None:
    assert same(summarise(native(column(awkward_floats(70_000, seed=4)))), _summary_of_70_000())


@functools.cache
def _summary_of_70_000() -> Summary:
    return reference(awkward_floats(70_000, seed=4).tolist())


def test_merging_a_state_into_itself_doubles_it() -> None:
    state = native(column([1.0, None, 3.0]))
    state.merge(state)
    assert (state.count, state.missing, state.sums()[0]) == (4, 2, 8 << 1074)


def test_a_column_of_nulls_has_only_missing_values() -> None:
    summary = summarise(native(column(pa.nulls(10))))
    assert (summary.count, summary.missing) == (0, 10)
    assert math.isnan(summary.mean)
    assert math.isnan(summary.minimum)


@given(st.lists(st.floats(width=64) | st.none()))
def test_any_list_of_floats_agrees_with_rational_arithmetic(values: list[float | None]) -> None:
    assert same(summarise(native(column(pa.array(values, pa.float64())))), reference(values))
