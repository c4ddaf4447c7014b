"""Leaks planted at random places in a large training set are all found, each as what it is, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlops_runtime.data import open_source
from mlops_runtime.features.join import join
from mlops_runtime.features.leaks import KINDS, Leak, find_leaks
from mlops_runtime.features.tables import FeatureTable

ROWS, KEYS, VERSIONS = 20_000, 500, 12
STEP_US, TTL_US = 1_000_000, 5_000_000
TIME = pa.timestamp("us", "UTC")
PLANTED = 40  # of each kind


def versions(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Each key's versions, a second apart and known at once, but for every fourth, which is known 1.5 s late."""
    key, version = np.divmod(np.arange(KEYS * VERSIONS), VERSIONS)
    event = (version + 10) * STEP_US
    known = np.where(version % 4 == 3, event + 3 * STEP_US // 2, event)
    order = random.permutation(len(key))
    names = ("key", "event", "known", "value", "text")
    columns = (key, event, known, np.arange(len(key)) * 0.5, np.char.add("v", np.arange(len(key)).astype(str)))
    return {name: column[order] for name, column in zip(names, columns, strict=True)}


def feature_table(columns: dict[str, np.ndarray], **options: object) -> FeatureTable:
    times = {name: pa.array(columns[name]).cast(TIME) for name in ("event", "known")}
    return FeatureTable("past", pa.table({**columns, **times}), ("key",), "event", "known", **{"ttl_s": 5.0, **options})


def planted(random: np.random.Generator, columns: dict[str, np.ndarray]) -> tuple[pa.Table, dict[str, list[int]]]:
    """Return a right training set with wrong rows planted at random places, and which rows those are by kind."""
    keys = random.integers(0, KEYS, ROWS)
    times = random.integers(10 * STEP_US, 30 * STEP_US, ROWS)
    training = pa.table({"key": keys, "t": pa.array(times).cast(TIME)})
    right = join(training, [feature_table(columns)], entity_time="t").table
    source = pc.index_in(right["past__text"], pa.array(columns["text"])).to_numpy(zero_copy_only=False)
    by_key = {key: np.flatnonzero(columns["key"] == key) for key in range(KEYS)}
    rows: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for row in random.permutation(ROWS):
        kinds = by_kind(by_key[keys[row]], columns, times[row], source[row])
        fitting = [kind for kind in kinds if len(rows[kind]) < PLANTED]
        if fitting:
            kind = fitting[random.integers(len(fitting))]
            rows[kind].append(int(row))
            source[row] = random.choice(kinds[kind])
    places = pa.array(source, pa.int64(), from_pandas=True)
    taken = {name: pa.array(columns[name]).take(places) for name in ("value", "text")}
    for row in rows["unexplained"]:
        taken["text"] = pc.replace_with_mask(taken["text"], at(row), pa.array(["never"]))
        taken["value"] = pc.replace_with_mask(taken["value"], at(row), pa.array([-1.0]))
    return training.append_column("value", taken["value"]).append_column("text", taken["text"]), rows


def at(row: int) -> pa.Array:
    return pa.array(np.arange(ROWS) == row)


def by_kind(of_key: np.ndarray, columns: dict[str, np.ndarray], time: int, right: float) -> dict[str, np.ndarray]:
    """Return, by kind, the versions whose values would be wrong in a row of this time (NaN: none)."""
    event, known = columns["event"][of_key], columns["known"][of_key]
    in_time = known <= time
    kinds = {
        "future": of_key[event > time],
        "late": of_key[(event <= time) & ~in_time],
        "stale": of_key[in_time & (time - event > TTL_US)],
        "superseded": of_key[in_time & (time - event <= TTL_US) & (of_key != right)],
        "missing": np.array([np.nan] if right == right else []),
        "unexplained": np.array([np.nan]),
    }
    return {kind: found for kind, found in kinds.items() if len(found)}


@pytest.mark.parametrize("seed", range(3))
def test_planted_leaks_of_every_kind_are_all_found_and_nothing_else(seed: int) -> None:
    random = np.random.default_rng(seed)
    columns = versions(random)
    training, rows = planted(random, columns)
    report = find_leaks(training, [feature_table(columns)], entity_time="t", limit=ROWS)
    assert {kind: report.rows(kind).tolist() for kind in KINDS} == {kind: sorted(rows[kind]) for kind in KINDS}
    assert report.counts == dict.fromkeys(KINDS, PLANTED)
    assert report.leaks == 2 * PLANTED
    for leak in report.listed:
        check_listed(leak, training, columns)


def check_listed(leak: Leak, training: pa.Table, columns: dict[str, np.ndarray]) -> None:
    row = training.slice(leak.row, 1).to_pylist()[0]
    assert (leak.table, leak.key, leak.features) == ("past", {"key": row["key"]}, ("value", "text"))
    assert leak.recorded == {name: row[name] for name in leak.features}
    assert leak.recorded != leak.expected
    holder = np.flatnonzero(columns["text"] == row["text"])
    if not len(holder):
        assert leak.kind in ("missing", "unexplained")
        assert (leak.event, leak.available) == (None, None)
        return
    assert (leak.event, leak.available) == (columns["event"][holder[0]], columns["known"][holder[0]])
    assert (leak.available > leak.time) == (leak.kind in ("future", "late"))


def test_files_are_checked_as_frames_are(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    columns = versions(random)
    training, rows = planted(random, columns)
    whole = feature_table(columns).source
    for part in range(3):
        (tmp_path / "past").mkdir(exist_ok=True)
        pq.write_table(whole.slice(part * 2_000, 2_000), tmp_path / "past" / f"{part}.parquet", row_group_size=333)
    pyarrow.csv.write_csv(training, tmp_path / "training.csv")
    pq.write_table(training, tmp_path / "training.parquet", row_group_size=777)
    table = feature_table(columns)
    past = FeatureTable("past", open_source(tmp_path / "past"), table.keys, "event", "known", ttl_s=5.0)
    for name in ("training.csv", "training.parquet"):
        report = find_leaks(open_source(tmp_path / name), [past], entity_time="t")
        assert {kind: report.rows(kind).tolist() for kind in KINDS} == {kind: sorted(rows[kind]) for kind in KINDS}
