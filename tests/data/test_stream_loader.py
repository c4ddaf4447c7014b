"""A stream of row groups: no row lost or doubled, whatever interrupts it, and no more decoded than is needed."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_cases import ALL_GROUPS, GROUPS, ROWS, Arrays, check_contents, order_of, stream, write_files

from mlops_runtime.core.errors import ConfigError, DataError
from mlops_runtime.data import open_source
from mlops_runtime.data.loader import Last, LoaderState, Sequential, Windowed

SHARDS = (1, 2, 3, 7)
FILTERS = [("n", ">=", 30), ("text", "!=", "t3")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("stream"))


@pytest.mark.parametrize("row_groups", [1, 2, 5, ALL_GROUPS, 100])
def test_an_epoch_has_every_row_once_with_its_values(folder: Path, row_groups: int) -> None:
    loader = stream(folder, batch_rows=16, sampler=Windowed(row_groups), seed=3)
    for _ in range(2):
        batches = list(loader)
        for batch in batches:
            check_contents(batch)
        assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(ROWS))


def test_the_files_have_row_groups_without_rows(folder: Path) -> None:
    metadata = pq.ParquetFile(folder / "day=0" / "part.parquet").metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == list(GROUPS[0])


def test_without_a_shuffle_rows_come_in_their_order(folder: Path) -> None:
    assert order_of(folder, sampler=Sequential()).tolist() == list(range(ROWS))


def test_filters_leave_rows_out_and_keep_ordinals(folder: Path) -> None:
    source = open_source(folder, filters=FILTERS)
    expected = [n for n in range(ROWS) if n >= 30 and n % 5 != 3]
    assert sorted(order_of(source)) == expected
    one_day = open_source(folder, filters=[("day", "in", [0, 3])])
    assert sorted(order_of(one_day) % sum(GROUPS[0] + GROUPS[3])) == list(range(sum(GROUPS[0] + GROUPS[3])))


def test_interruptions_lose_and_double_nothing(folder: Path, soak_factor: int) -> None:
    """Each goes on in another world: other shards, batch sizes, threads ahead."""
    rng = random.Random(1)
    source = open_source(folder)
    options = {"sampler": Windowed(3), "seed": 11}
    state, seen, interruptions = None, {0: [], 1: []}, 0
    while interruptions < 250 * soak_factor:
        shards, batch_rows, prefetch = rng.choice(SHARDS), rng.randint(1, 30), rng.randint(1, 4)
        world = [
            stream(source, batch_rows=batch_rows, shard=shard, shards=shards, prefetch=prefetch, state=state, **options)
            for shard in range(shards)
        ]
        for _ in range(rng.randint(1, 4)):
            for loader in world:
                batch = next(iter(loader))
                check_contents(batch)
                seen.setdefault(batch.epoch, []).append(batch.rows)
        assert len({loader.state.to_json() for loader in world}) == 1
        state = LoaderState.from_json(world[0].state.to_json())
        interruptions += 1
    loader = stream(source, batch_rows=ROWS, **options)
    for epoch in range(state.epoch):
        np.testing.assert_array_equal(np.concatenate(seen[epoch]), next(iter(loader)).rows)
    assert state.epoch >= 2


@pytest.mark.parametrize("last", ["keep", "drop", "pad"])
@pytest.mark.parametrize("shards", SHARDS)
def test_shards_are_disjoint_and_complete_for_every_last_policy(folder: Path, shards: int, last: Last) -> None:
    source, options = open_source(folder), {"batch_rows": 8, "last": last, "seed": 2, "sampler": Windowed(3)}
    worlds = [stream(source, shard=shard, shards=shards, **options) for shard in range(shards)]
    steps = list(zip(*worlds, strict=True))  # raises unless all have as many batches
    order = order_of(source, seed=2, sampler=Windowed(3))
    real = [row for step in steps for batch in step for row in batch.rows[: len(batch.rows) - batch.padding].tolist()]
    left = ROWS % (8 * shards) if last == "drop" else 0
    assert Counter(real) == Counter(order[: ROWS - left].tolist())
    if last == "pad":
        padding = [row for batch in steps[-1] for row in batch.rows[len(batch.rows) - batch.padding :].tolist()]
        assert padding == np.resize(order, len(padding)).tolist()
        for batch in steps[-1]:
            check_contents(batch)


def test_the_order_knows_nothing_of_batches_and_shards(folder: Path) -> None:
    expected = order_of(folder, seed=9)
    for batch_rows, prefetch in [(1, 1), (50, 4), (400, 9)]:
        found = [batch.rows for batch in stream(folder, batch_rows=batch_rows, prefetch=prefetch, seed=9)]
        np.testing.assert_array_equal(np.concatenate(found), expected)


def test_the_order_changes_with_the_filters_the_sampler_the_seed_and_the_epoch(folder: Path) -> None:
    loader = stream(folder, batch_rows=ROWS)
    orders = [
        *(next(iter(loader)).rows for _ in range(2)),
        order_of(folder, seed=1),
        order_of(folder, sampler=Windowed(2)),
        order_of(open_source(folder, filters=[("n", ">=", 0)])),
    ]
    assert len({rows.tobytes() for rows in orders}) == len(orders)
    assert all(sorted(rows) == list(range(ROWS)) for rows in orders)


def test_a_resumed_stream_decodes_from_its_window_on(folder: Path) -> None:
    options = {"batch_rows": 4, "sampler": Windowed(2), "seed": 5}
    whole = stream(folder, **options)
    for _ in range(len(whole) - 1):
        next(iter(whole))
    make = Arrays()
    (last,) = list(stream(folder, make, state=whole.state, **options))
    check_contents(last)
    assert len(make.tables) <= 2 < ALL_GROUPS
    counted = Arrays()
    assert sum(len(batch.rows) for batch in stream(folder, counted, **options)) == ROWS
    assert sorted(counted.tables) == sorted(rows for groups in GROUPS for rows in groups if rows)


def test_a_state_of_another_order_is_refused(folder: Path) -> None:
    state = stream(folder, batch_rows=4).state
    for options in ({"seed": 1}, {"sampler": Windowed(2)}, {"sampler": Sequential()}):
        with pytest.raises(ConfigError, match="a loader's state"):
            stream(folder, batch_rows=4, state=state, **options)
    with pytest.raises(ConfigError, match="split"):
        stream(open_source(folder, filters=FILTERS), batch_rows=4, state=state)


def test_a_file_that_changes_while_it_is_streamed_is_refused(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    loader = stream(folder, batch_rows=8, sampler=Windowed(1))
    next(iter(loader))
    state = loader.state
    loader.close()
    path = folder / "day=3" / "part.parquet"
    pq.write_table(pa.table({"n": np.arange(83), "text": ["t"] * 83}), path)
    with pytest.raises(DataError, match=r"part\.parquet: expected the file that was opened|another one in its place"):
        list(loader)
    with pytest.raises(ConfigError, match="dataset"):
        stream(folder, batch_rows=8, sampler=Windowed(1), state=state)


def test_a_failed_loop_goes_on_where_it_stood_once_it_can(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    loader = stream(folder, batch_rows=ROWS)
    path = folder / "day=3" / "part.parquet"
    path.rename(path.with_suffix(".gone"))
    with pytest.raises(DataError, match="none in its place"):
        next(iter(loader))
    path.with_suffix(".gone").rename(path)
    np.testing.assert_array_equal(next(iter(loader)).rows, order_of(folder))


def test_what_fails_in_making_the_rows_fails_the_loop(folder: Path) -> None:
    class Failing(Arrays):
        def __call__(self, table: pa.Table) -> dict[str, np.ndarray]:
            raise DataError("no such row")

    with pytest.raises(DataError, match="no such row"):
        next(iter(stream(folder, Failing(), batch_rows=8)))


def test_data_without_rows_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="expected at least 1 rows for a batch, got 0"):
        stream(open_source(folder, filters=[("n", "<", 0)]), batch_rows=4)


def test_a_window_of_no_row_groups_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a window of 1 row group or more, got 0"):
        Windowed(0)


def test_tensors_share_what_the_arrays_hold(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    batch = next(iter(stream(folder, batch_rows=32, as_="torch")))
    assert batch["half"].dtype is torch.float32
    np.testing.assert_array_equal(batch["n"][:, 0].numpy(), batch.rows)
