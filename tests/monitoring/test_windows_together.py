"""All columns together, window by window: exact states that add up and travel, judged at a level for all looks."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multivariate_cases import correlated
from window_cases import MINUTE, START

from mlops_runtime.core.errors import IntegrityError, SchemaError
from mlops_runtime.core.journal import Journal
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.multivariate import MultivariateReference, RowEncoder
from mlops_runtime.monitoring.multivariate.state import MultivariateState, merge_states
from mlops_runtime.monitoring.windows import (
    OTHER,
    Decayed,
    Sliding,
    Tumbling,
    Window,
    WindowedMonitor,
    WindowStore,
    roll,
)
from mlops_runtime.monitoring.windows.segments import new_segment

REFERENCE = MultivariateReference.fit(correlated(np.random.default_rng(1), 4000))
BASELINE = Baseline.fit(correlated(np.random.default_rng(1), 4000))


def stream(rows: int, *, minutes: float = 60, seed: int = 2, correlation: float = 0.6) -> pa.Table:
    """Rows that come evenly over some minutes after START, of two tenants."""
    table = correlated(np.random.default_rng(seed), rows, correlation)
    at = [START + MINUTE * (minutes * place / rows) for place in range(rows)]
    table = table.append_column("at", pa.array(at, pa.timestamp("us", "UTC")))
    return table.append_column("tenant", pa.array(["a", "b"] * (rows // 2)))


def monitor(*, keys: Sequence[str] = (), number: int = 0, most_keys: int = 100) -> WindowedMonitor:
    encoder = RowEncoder(REFERENCE, stream=number)
    return WindowedMonitor(BASELINE, Tumbling(10 * MINUTE), keys=keys, most_keys=most_keys, multivariate=encoder)


def windows_of(table: pa.Table, *, keys: Sequence[str] = (), number: int = 0) -> list[Window]:
    counting = monitor(keys=keys, number=number)
    return counting.update(table, time="at") + counting.close()


def state(window: Window) -> MultivariateState:
    assert window.multivariate is not None
    return window.multivariate


def bits(windows: Sequence[Window]) -> list[object]:
    return [(window.span, window.key, state(window).to_dict()) for window in windows]


TABLE = stream(6000)
WHOLE = windows_of(TABLE, keys=["tenant"])


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 6000), max_size=5))
def test_any_batching_of_the_same_rows_gives_the_same_states(cuts: list[int]) -> None:
    bounds = sorted({0, 6000, *cuts})
    counting = monitor(keys=["tenant"])
    found = [one for start, end in pairwise(bounds) for one in counting.update(TABLE[start:end], time="at")]
    assert bits(found + counting.close()) == bits(WHOLE)
    assert {(state(one).rows, len(state(one).sample.rows)) for one in WHOLE} == {(500, 500)}


def test_windows_of_time_and_of_keys_add_up_to_the_whole() -> None:
    summed = functools.reduce(merge_states, (one.multivariate for one in WHOLE))
    assert summed is not None
    day = WindowedMonitor(BASELINE, Tumbling(dt.timedelta(days=1)), multivariate=RowEncoder(REFERENCE))
    (whole,) = day.update(TABLE, time="at") + day.close()
    assert state(whole).to_dict() == summed.to_dict()
    assert (summed.rows, len(summed.sample.rows)) == (6000, 512)
    (rolled,) = roll(windows_of(TABLE), Tumbling(dt.timedelta(days=1)))
    assert bits([rolled]) == bits([whole])


def test_sliding_windows_are_sums_and_decayed_ones_have_no_state() -> None:
    panes = windows_of(TABLE)
    *_, slid = [one for one in roll(panes, Sliding(30 * MINUTE, 10 * MINUTE)) if one.rows == 3000]
    assert state(slid).rows == 3000
    assert all(one.multivariate is None for one in roll(panes, Decayed(30 * MINUTE, 10 * MINUTE)))


def test_keys_beyond_the_bound_are_counted_together_as_one() -> None:
    counting = monitor(keys=["tenant"], most_keys=1)
    found = counting.update(TABLE, time="at") + counting.close()
    assert {one.key["tenant"] for one in found} == {"a", OTHER} or {one.key["tenant"] for one in found} == {"b", OTHER}
    assert [state(one).rows for one in found] == [one.rows for one in found]
    assert sum(one.rows for one in found) == 6000


def test_monitors_of_two_servers_merge_to_the_counts_of_both() -> None:
    one, other = monitor(number=1), monitor(number=2)
    found = [*one.update(TABLE[:3000], time="at"), *other.update(TABLE[3000:], time="at")]
    assert sum(state(window).rows for window in [*found, *one.merge(other).close()]) == 6000
    with pytest.raises(SchemaError, match="another"):
        monitor().merge(WindowedMonitor(BASELINE, Tumbling(10 * MINUTE)))


def test_a_store_gives_states_back_bit_for_bit_and_adds_up_parts(tmp_path: Path) -> None:
    with WindowStore(tmp_path) as store:
        for part, number in ((TABLE[::2], 1), (TABLE[1::2], 2)):
            store.append(windows_of(part, number=number), BASELINE, REFERENCE)
    found = WindowStore(tmp_path).windows()
    halves = (windows_of(TABLE[::2], number=1), windows_of(TABLE[1::2], number=2))
    assert bits(found) == bits([one.merge(other) for one, other in zip(*halves, strict=True)])
    digest = state(found[0]).reference
    assert WindowStore(tmp_path).multivariate(digest).to_files() == REFERENCE.to_files()


def test_compaction_adds_states_up_and_keeps_what_they_were_counted_against(tmp_path: Path) -> None:
    with WindowStore(tmp_path) as store:
        store.append(windows_of(TABLE), BASELINE, REFERENCE)
    store = WindowStore(tmp_path)
    assert store.compact(Tumbling(dt.timedelta(days=1)), before=START + dt.timedelta(days=2)) == 1
    assert store.collect().baselines == 0
    (day,) = store.windows()
    assert state(day).rows == 6000
    assert store.multivariate(REFERENCE.digest).rows == REFERENCE.rows


def test_windows_without_a_state_stand_beside_those_with_one(tmp_path: Path) -> None:
    plain = WindowedMonitor(BASELINE, Tumbling(10 * MINUTE))
    with WindowStore(tmp_path) as store:
        store.append(plain.update(TABLE[::2], time="at") + plain.close(), BASELINE)
        store.append(windows_of(TABLE[1::2]), BASELINE, REFERENCE)
    assert {(one.rows, state(one).rows) for one in WindowStore(tmp_path).windows()} == {(1000, 500)}


def test_of_two_references_the_same_one_is_kept_in_any_order() -> None:
    other = MultivariateReference.fit(correlated(np.random.default_rng(9), 100))
    states = [RowEncoder(one).empty_state(sample_rows=4) for one in (REFERENCE, other)]
    kept = {merge_states(one, two).reference for one, two in (states, states[::-1])}  # type: ignore[union-attr]
    assert kept == {min(one.reference for one in states)}


def test_a_window_of_another_reference_is_refused(tmp_path: Path) -> None:
    other = MultivariateReference.fit(correlated(np.random.default_rng(9), 100))
    for given_ in (None, other):
        with pytest.raises(SchemaError, match="give `append` its own"):
            WindowStore(tmp_path).append(WHOLE, BASELINE, given_)
    assert WindowStore(tmp_path).windows() == []


def test_a_state_of_more_rows_than_its_window_is_damage(tmp_path: Path) -> None:
    with WindowStore(tmp_path) as store:
        store.append(WHOLE[:1], BASELINE, REFERENCE)
        record = store._codec_of(BASELINE.digest, BASELINE).write(WHOLE[0])
    head, _, body = record.partition(b"\n")
    journal = Journal(new_segment(tmp_path))
    journal.append([json.dumps({**json.loads(head), "rows": 3}).encode() + b"\n" + body])
    journal.close()
    with pytest.raises(IntegrityError, match="500 rows together"):
        WindowStore(tmp_path).windows()


def test_a_batch_without_a_column_of_the_reference_is_refused_uncounted() -> None:
    counting = monitor()
    with pytest.raises(SchemaError, match="a column `x3`"):
        counting.update(TABLE.drop_columns(["x3"]), time="at")
    assert (counting.rows, counting.close()) == (0, [])
