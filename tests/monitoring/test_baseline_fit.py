"""Fitting in one pass: the same bits however the rows come, and even bins even when the first rows mislead."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as hs

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.state.summary import NumericSummary

ROWS = 150_000
RNG = np.random.default_rng(7)
VALUES = RNG.standard_normal(ROWS)
WORDS = RNG.choice(np.array(["a", "b", "née", ""]), ROWS)


class Stream:
    """Batches that can be iterated again, and how often they were."""

    def __init__(self, table: pa.Table, rows: int) -> None:
        self.table, self.rows, self.passes = table, rows, 0

    def __iter__(self) -> Iterator[pa.Table]:
        self.passes += 1
        return (self.table.slice(start, self.rows) for start in range(0, self.table.num_rows, self.rows))


def numbers(values: np.ndarray) -> NumericSummary:
    summary = Baseline.fit(pa.table({"x": values})).columns["x"]
    assert isinstance(summary, NumericSummary)
    return summary


@pytest.mark.parametrize("rows", [1_000, 65_536, 99_991])
@pytest.mark.parametrize("order", ["as drawn", "sorted"])
def test_batches_of_any_size_give_the_bits_of_the_whole_table(rows: int, order: str) -> None:
    values = np.sort(VALUES) if order == "sorted" else VALUES
    table = pa.table({"x": values, "word": pa.array(WORDS).dictionary_encode()})
    assert Baseline.fit(Stream(table, rows)).to_files() == Baseline.fit(table).to_files()


@given(hs.lists(hs.integers(0, 40), max_size=6), hs.lists(hs.none() | hs.floats(), max_size=40))
def test_any_cuts_give_the_bits_of_the_whole_table(cuts: list[int], values: list[float | None]) -> None:
    table = pa.table({"x": pa.array(values, pa.float64())})
    bounds = [0, *sorted(cuts), len(values)]
    parts = [table.slice(start, max(stop - start, 0)) for start, stop in itertools.pairwise(bounds)]
    assert Baseline.fit(parts).to_files() == Baseline.fit(table).to_files()


def test_data_in_random_order_is_read_once_and_sorted_data_twice() -> None:
    drawn, ordered = Stream(pa.table({"x": VALUES}), 10_000), Stream(pa.table({"x": np.sort(VALUES)}), 10_000)
    Baseline.fit(drawn)
    Baseline.fit(ordered)
    assert (drawn.passes, ordered.passes) == (1, 2)


@pytest.mark.parametrize(
    "values",
    [
        np.sort(VALUES),
        np.sort(VALUES)[::-1],
        np.concatenate([np.full(70_000, np.nan), VALUES]),
        np.concatenate([np.zeros(70_000), VALUES]),
        np.concatenate([VALUES, VALUES + 1e9]),
    ],
    ids=["ascending", "descending", "missing at first", "constant at first", "moved later"],
)
def test_bins_hold_even_shares_even_when_the_first_rows_mislead(values: np.ndarray) -> None:
    summary = numbers(values)
    together = np.nextafter(summary.edges[:-1], np.inf) < summary.edges[1:]
    assert summary.counts[1:-1][together].max() < 3 / 256 * summary.finite
    assert summary.counts.sum() == np.isfinite(values).sum()


def test_nothing_of_the_reference_lies_beyond_its_own_extremes() -> None:
    far = np.concatenate([VALUES, [1e6, -1e6]])
    summary = numbers(far)
    assert (summary.counts[0], summary.counts[-1]) == (0, 0)
    assert (summary.edges[0], summary.edges[-1]) == (np.nextafter(-1e6, -np.inf), 1e6)


def test_a_monitor_of_the_same_rows_counts_the_same() -> None:
    table = pa.table({"x": np.concatenate([VALUES, [1e6, np.nan, np.inf]])})
    baseline = Baseline.fit(table)
    assert Monitor(baseline).update(table).summaries()["x"].to_dict() == baseline.columns["x"].to_dict()


def test_more_bins_than_there_are_first_rows_still_fit() -> None:
    baseline = Baseline.fit(Stream(pa.table({"x": VALUES}), 50_000), bins=65_000)
    assert baseline.rows == ROWS


def test_what_cannot_be_read_again_is_refused() -> None:
    with pytest.raises(ConfigError, match="batches that can be read again"):
        Baseline.fit(table for table in [pa.table({"x": VALUES})])


def test_no_batch_and_batches_of_two_schemas_are_refused() -> None:
    with pytest.raises(EmptyInputError, match="at least one batch"):
        Baseline.fit([])
    with pytest.raises(SchemaError, match="expected x double, got x string"):
        Baseline.fit([pa.table({"x": [1.0]}), pa.table({"x": ["a"]})])
