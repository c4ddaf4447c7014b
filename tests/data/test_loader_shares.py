"""The arithmetic of batches and shards: disjoint, complete, equally many, and resumable under another geometry."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.data.loader.shares import Geometry, Last

SAMPLES = st.integers(1, 200)
BATCH_ROWS = st.integers(1, 40)
SHARDS = st.integers(1, 7)
LAST = st.sampled_from(["keep", "drop", "pad"])


def _geometries(samples: int, batch_rows: int, shards: int, last: Last) -> list[Geometry]:
    return [Geometry(samples, batch_rows, shard, shards, last) for shard in range(shards)]


def _walk(geometry: Geometry, position: int = 0) -> list[int]:
    """The starts of the steps from `position` to the end of the epoch."""
    starts = []
    while position < geometry.samples and geometry.steps(position):
        starts.append(position)
        position = geometry.after(position)
    return starts


@given(SAMPLES, BATCH_ROWS, SHARDS, LAST)
def test_the_shards_of_a_step_are_disjoint_and_complete(samples: int, batch_rows: int, shards: int, last: Last) -> None:
    if last == "drop" and samples < batch_rows * shards:
        return
    worlds = _geometries(samples, batch_rows, shards, last)
    taken: Counter[int] = Counter()
    for start in _walk(worlds[0]):
        shares = [world.share(start) for world in worlds]
        assert max(share.rows for share in shares) - min(share.rows for share in shares) <= 1
        for before, share in itertools.pairwise(shares):
            assert share.start == before.start + before.rows
        for share in shares:
            taken.update(range(share.start, share.start + share.rows - share.padding))
    left = samples % (batch_rows * shards) if last == "drop" else 0
    assert taken == Counter(range(samples - left))


@given(SAMPLES, BATCH_ROWS, SHARDS, LAST, st.integers(0, 199))
def test_every_shard_yields_the_batches_it_announced(
    samples: int, batch_rows: int, shards: int, last: Last, position: int
) -> None:
    if last == "drop" and samples < batch_rows * shards:
        return
    for geometry in _geometries(samples, batch_rows, shards, last):
        assert len(_walk(geometry, position)) == geometry.steps(position)
        assert geometry.steps(position) - geometry.full_steps(position) in {0, 1}


@given(SAMPLES, BATCH_ROWS, SHARDS)
def test_padding_is_what_lies_beyond_the_epoch(samples: int, batch_rows: int, shards: int) -> None:
    worlds = _geometries(samples, batch_rows, shards, "pad")
    start = _walk(worlds[0])[-1]
    shares = [world.share(start) for world in worlds]
    assert {share.rows for share in shares} == {batch_rows}
    assert sum(share.padding for share in shares) == -samples % (batch_rows * shards)


def test_positions_carry_over_to_any_other_geometry(soak_factor: int) -> None:
    rng = random.Random(4)
    for _ in range(300 * soak_factor):
        samples, position = rng.randint(1, 3000), 0
        taken: Counter[int] = Counter()
        while position < samples:
            worlds = _geometries(samples, rng.randint(1, 100), rng.choice([1, 2, 3, 7]), "keep")
            for _ in range(rng.randint(1, 4)):
                if position < samples:
                    for share in (world.share(position) for world in worlds):
                        taken.update(range(share.start, share.start + share.rows))
                    position = worlds[0].after(position)
        assert taken == Counter(range(samples))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_rows": 0}, "expected batch_rows of 1 or more, got 0"),
        ({"shards": 0}, "expected shards of 1 or more, got 0"),
        ({"shard": 2, "shards": 2}, "expected a shard of 0 to 1, got 2"),
        ({"shard": -1}, "expected a shard of 0 to 0, got -1"),
        ({"last": "wrap"}, "expected last as keep, drop or pad, got wrap"),
        ({"samples": 0}, "expected at least 1 rows for a batch, got 0"),
        ({"samples": 7, "shards": 2, "last": "drop"}, "expected at least 8 rows for a batch, got 7"),
    ],
)
def test_an_impossible_geometry_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Geometry(**({"samples": 10, "batch_rows": 4} | change))
