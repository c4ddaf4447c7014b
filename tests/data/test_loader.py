"""The loader: no row lost or doubled, whatever interrupts it; the same bytes in the same order, whoever asks."""

from __future__ import annotations

import itertools
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
from loader_cases import SHARDS, InterruptedEpochs, bytes_of, check_contents, order_of, samplers_of, table_of

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, ShapeError
from mlops_runtime.data.loader import Last, Loader, LoaderState, Sequential, Shuffled, Stratified, Weighted
from mlops_runtime.data.rows import RowTable

ROWS = 317
TABLE = table_of(ROWS)
KINDS = list(samplers_of(ROWS))
ONCE = ["sequential", "shuffled", "stratified"]  # each row once an epoch


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = _native.thread_count()
    yield
    _native.set_thread_count(threads)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_hold_what_the_table_holds(kind: str) -> None:
    for batch in Loader(TABLE, batch_rows=32, sampler=samplers_of(ROWS)[kind], seed=3):
        check_contents(batch, TABLE)


@pytest.mark.parametrize("kind", ONCE)
def test_an_epoch_has_every_row_once(kind: str) -> None:
    assert sorted(order_of(TABLE, sampler=samplers_of(ROWS)[kind])) == list(range(ROWS))


def test_interruptions_lose_and_double_nothing(soak_factor: int) -> None:
    """Over 1,000 interruptions, each into another world; the union of the shards is the uninterrupted order."""
    interruptions = 0
    rng = random.Random(1)
    while interruptions < 1000 * soak_factor:
        kind, seed = rng.choice(KINDS), rng.randint(0, 10)
        options = {"sampler": samplers_of(ROWS)[kind], "seed": seed}
        seen: dict[int, list[np.ndarray]] = defaultdict(list)
        epochs = InterruptedEpochs(rng, TABLE, epochs=2, **options)
        for batch in itertools.chain.from_iterable(epochs):
            check_contents(batch, TABLE)
            seen[batch.epoch].append(batch.rows)
        interruptions += epochs.interruptions
        whole = Loader(TABLE, batch_rows=1000, **options)
        for epoch in range(2):
            np.testing.assert_array_equal(np.concatenate(seen[epoch]), next(iter(whole)).rows)


def test_an_interrupt_at_any_instant_never_shifts_the_batches() -> None:
    """A signal's exception may strike between any two steps of the loader; it goes on where its state says."""
    loader = Loader(TABLE, batch_rows=3, sampler=Sequential())
    struck, rng = 0, random.Random(8)
    before = signal.signal(signal.SIGVTALRM, _strike)
    try:
        while struck < 50:
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, rng.uniform(0.0002, 0.005))  # once, of the processor's time
                while True:
                    for batch in loader:
                        end = batch.position + len(batch.rows)
                        assert batch.rows.tolist() == list(range(batch.position, end))
                        assert loader.state.position == end % ROWS
            except _StruckError:
                struck += 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert loader.epoch > 0


class _StruckError(Exception):
    pass


def _strike(*_: object) -> None:
    raise _StruckError


@pytest.mark.parametrize("last", ["keep", "drop", "pad"])
@pytest.mark.parametrize("shards", SHARDS)
def test_the_same_geometry_gives_the_same_bytes_after_any_interruption(shards: int, last: Last) -> None:
    rng = random.Random(shards)

    def loader(shard: int, state: LoaderState | None) -> Loader:
        _native.set_thread_count(rng.randint(1, 3))
        options = {"batch_rows": 9, "shard": shard, "shards": shards, "last": last, "seed": 5}
        return Loader(TABLE, **options, prefetch=rng.randint(1, 5), state=state)

    for shard in range(shards):
        whole = loader(shard, None)
        expected = [bytes_of(batch) for _ in range(3) for batch in whole]
        state, found = None, []
        while len(found) < len(expected):
            part = loader(shard, state)
            found += [bytes_of(next(iter(part))) for _ in range(rng.randint(1, 7))]
            state = LoaderState.from_json(part.state.to_json())
        assert found[: len(expected)] == expected


@pytest.mark.parametrize("last", ["keep", "drop", "pad"])
@pytest.mark.parametrize("shards", SHARDS)
def test_shards_are_disjoint_and_complete_for_every_last_policy(shards: int, last: Last) -> None:
    worlds = [Loader(TABLE, batch_rows=8, shard=shard, shards=shards, last=last, seed=2) for shard in range(shards)]
    steps = list(zip(*worlds, strict=True))  # raises unless all have as many batches
    assert {len(loader) for loader in worlds} == {len(steps)}
    real = Counter(
        row for step in steps for batch in step for row in batch.rows[: len(batch.rows) - batch.padding].tolist()
    )
    left = ROWS % (8 * shards) if last == "drop" else 0
    order = order_of(TABLE, seed=2)
    assert real == Counter(order[: ROWS - left].tolist())
    if last == "pad":
        padding = [row for batch in steps[-1] for row in batch.rows[len(batch.rows) - batch.padding :].tolist()]
        assert padding == np.resize(order, len(padding)).tolist()


def test_the_order_knows_nothing_of_batches_shards_threads_or_time() -> None:
    expected = order_of(TABLE, seed=9)
    for threads, batch_rows, prefetch in [(1, 1, 1), (2, 50, 4), (3, 400, 9)]:
        _native.set_thread_count(threads)
        found = [batch.rows for batch in Loader(TABLE, batch_rows=batch_rows, prefetch=prefetch, seed=9)]
        np.testing.assert_array_equal(np.concatenate(found), expected)


def test_the_order_changes_with_the_data_the_split_the_sampler_the_seed_and_the_epoch() -> None:
    loader = Loader(TABLE, batch_rows=ROWS)
    orders = {
        "epoch 0": next(iter(loader)).rows,
        "epoch 1": next(iter(loader)).rows,
        "seed": order_of(TABLE, seed=1),
        "sampler": order_of(TABLE, sampler=Stratified(np.zeros(ROWS, np.int64))),
        "split": order_of(TABLE, subset=np.arange(ROWS)),
        "data": order_of(RowTable.from_arrays({"x": np.arange(ROWS)})),
    }
    assert len({rows.tobytes() for rows in orders.values()}) == len(orders)
    assert all(sorted(rows) == list(range(ROWS)) for rows in orders.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_subset_is_all_that_is_drawn(kind: str) -> None:
    subset = np.arange(40, 200, 3)
    rows = order_of(TABLE, subset=subset, sampler=samplers_of(ROWS)[kind])
    assert set(rows) <= set(subset)
    if kind in ONCE:
        assert sorted(rows) == subset.tolist()


def test_weights_and_strata_are_kept_in_a_subset() -> None:
    subset = np.arange(100, 300)
    weights = np.where(np.arange(ROWS) % 2, 3.0, 0.0)
    assert set(order_of(TABLE, subset=subset, sampler=Weighted(weights)) % 2) == {1}
    strata = np.where(np.arange(ROWS) < 150, 7, -3)
    rows = order_of(TABLE, subset=subset, sampler=Stratified(strata))
    shares = [np.count_nonzero(rows[start : start + 40] < 150) for start in range(0, 200, 40)]
    assert all(8 <= share <= 12 for share in shares)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "expected seed 1, got seed 0"),
        ({"sampler": Sequential()}, "expected sampler .*sequential.*, got sampler .*shuffled"),
        ({"subset": np.arange(9)}, "expected split [0-9a-f]{64}, got split all"),
        ({"rows": table_of(ROWS + 1)}, "expected dataset .*, got dataset "),
    ],
)
def test_a_state_of_another_order_is_refused(change: dict[str, object], message: str) -> None:
    state = Loader(TABLE, batch_rows=4).state
    options = {"rows": TABLE, "batch_rows": 4, "state": state} | change
    with pytest.raises(ConfigError, match=f"a loader's state: {message}"):
        Loader(options.pop("rows"), **options)


def test_a_position_beyond_the_epoch_is_refused() -> None:
    state = Loader(TABLE, batch_rows=4).state.model_copy(update={"position": ROWS})
    with pytest.raises(ConfigError, match=f"expected a position below {ROWS}, got {ROWS}"):
        Loader(TABLE, batch_rows=4, state=state)


def test_a_loop_goes_on_where_the_last_one_was_left() -> None:
    loader = Loader(TABLE, batch_rows=100, seed=4)
    rows = []
    for batch in loader:
        rows.append(batch.rows)
        break
    assert (loader.state.position, loader.remaining, len(loader)) == (100, 3, 4)
    rows += [batch.rows for batch in loader]
    np.testing.assert_array_equal(np.concatenate(rows), order_of(TABLE, seed=4))
    assert (loader.epoch, loader.state.position, loader.remaining) == (1, 0, 4)


def test_an_empty_last_part_is_a_batch_of_no_rows() -> None:
    table = table_of(9)
    worlds = [Loader(table, batch_rows=2, shard=shard, shards=4, sampler=Sequential()) for shard in range(4)]
    assert [[len(batch.rows) for batch in loader] for loader in worlds] == [[2, 1], [2, 0], [2, 0], [2, 0]]
    assert next(iter(Loader(table, batch_rows=8, state=worlds[0].state, sampler=Sequential()))).epoch == 1


def test_a_batch_tells_where_it_is_from() -> None:
    loader = Loader(TABLE, batch_rows=100, shard=1, shards=2, last="pad", sampler=Sequential())
    assert [(batch.epoch, batch.position, batch.padding) for batch in loader] == [(0, 100, 0), (0, 300, 83)]
    batch = next(iter(loader))
    assert repr(batch) == (
        "Batch(sparse int64[100, 5], dense float32[100, 3], exact float64[100, 1], code int32[100, 1], "
        "flags uint8[100, 9]; 100 rows at 100 of epoch 1)"
    )
    assert repr(loader) == ("Loader(sequential, 317 samples in batches of 100, shard 1 of 2; epoch 1, 1 of 2 left)")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, r"expected seed of 0 to 2\^53-1, got -1"),
        ({"seed": 2**53}, r"expected seed of 0 to 2\^53-1"),
        ({"prefetch": 0}, "expected prefetch of 1 to 1024, got 0"),
        ({"as_": "jax"}, "expected as_ of numpy or torch, got 'jax'"),
        ({"batch_rows": 0}, "expected batch_rows of 1 or more, got 0"),
        ({"batch_rows": ROWS + 1, "last": "drop"}, "expected at least 318 rows for a batch, got 317"),
        ({"device": "tpu:0"}, "expected a GPU such as cuda:0, got 'tpu:0'"),
        ({"device": "cpu"}, 'expected a GPU such as cuda:0, got .cpu. — leave `device` out and say as_="torch"'),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Loader(TABLE, **({"batch_rows": 4} | change))


@pytest.mark.parametrize("subset", [[0, 0], [-1], [ROWS], [[1, 2]], [0.5]], ids=str)
def test_a_subset_of_rows_that_are_not_there_or_there_twice_is_refused(subset: list[object]) -> None:
    with pytest.raises(ShapeError, match=r"subset: expected int64\[m\], different rows of \[0, 317\)"):
        Loader(TABLE, batch_rows=4, subset=np.array(subset))


def test_a_sampler_of_another_table_is_refused() -> None:
    with pytest.raises(ShapeError, match="the sampler: expected a value for each of 317 rows, got 3"):
        Loader(TABLE, batch_rows=4, sampler=Weighted(np.ones(3)))


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected at least 1 rows for a batch, got 0"):
        Loader(TABLE, batch_rows=4, subset=np.zeros(0, np.int64), sampler=Shuffled())
