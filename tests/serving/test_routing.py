"""Which version answers: exact canary shares, aliases that are followed, swaps that nobody notices."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.registry import Bundle, Model, Registry
from mlops_runtime.serving.client import Client
from mlops_runtime.serving.routing import hashed_share, takes_turn

PATIENCE_S = 20.0


@hypothesis.given(st.integers(1, 100), st.integers(0, 10_000))
def test_any_hundred_requests_in_a_row_hold_the_exact_share(percent: int, start: int) -> None:
    weight = Fraction(percent, 100)
    assert sum(takes_turn(turn, weight) for turn in range(start, start + 100)) == percent


def test_the_same_id_always_takes_the_same_way() -> None:
    keys = [f"customer {number}" for number in range(5000)]
    chosen = [hashed_share(key, Fraction(1, 5)) for key in keys]
    assert chosen == [hashed_share(key, Fraction(1, 5)) for key in keys]
    assert abs(sum(chosen) - 1000) < 100
    assert all(hashed_share(key, Fraction(1, 2)) for key, was in zip(keys, chosen, strict=True) if was)


@pytest.fixture
def registry(home: Path, bundles: tuple[Path, Path]) -> Registry:
    """A registry with both bundles as versions 1 and 2, and `production` at 1."""
    registry = Registry()
    for path in bundles:
        registry.push(Bundle.open(path), "claims")
    registry.alias("claims", "production", 1)
    return registry


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def versions_of(client: Client, rows: pa.Table, requests: int) -> Counter[str]:
    return Counter(client.infer("claims", rows.slice(0, 1)).version for _ in range(requests))


def test_a_canary_gets_exactly_its_share_and_each_version_its_own_scores(
    serve: Any, registry: Registry, models: tuple[Model, Model], rows: pa.Table
) -> None:
    registry.set_canary("claims", "production", 2, 0.2)
    running = serve("claims@production")
    expected = {str(index + 1): model.score(rows).probability for index, model in enumerate(models)}
    assert not np.array_equal(expected["1"], expected["2"])
    counted: Counter[str] = Counter()
    with Client(running.url) as client:
        for position in range(100):
            answer = client.infer("claims", rows.slice(position, 1))
            counted[answer.version] += 1
            assert answer.outputs["probability"].tobytes() == expected[answer.version][position].tobytes()
        assert counted == {"1": 80, "2": 20}
        with_id = {client.infer("claims", rows.slice(0, 1), request_id="customer 7").version for _ in range(10)}
        assert len(with_id) == 1
        drift = client.get("/v1/models/claims/drift")["versions"]
    assert drift["1"]["dataset"]["n_current"] + drift["2"]["dataset"]["n_current"] == 110


def test_an_explicit_version_bypasses_the_weights(serve: Any, registry: Registry, rows: pa.Table) -> None:
    registry.set_canary("claims", "production", 2, 0.5)
    running = serve("claims@production")
    with Client(running.url) as client:
        assert client.get("/v2/models/claims")["versions"] == ["1", "2"]
        assert {client.infer("claims/versions/2", rows.slice(0, 1)).version for _ in range(8)} == {"2"}


def test_swaps_under_load_fail_nothing_and_mix_nothing(
    serve: Any, registry: Registry, models: tuple[Model, Model], rows: pa.Table
) -> None:
    running = serve("claims@production", "--poll-seconds", "0.05", MLRT_LOG_LEVEL="INFO")
    expected = {str(index + 1): model.score(rows).probability for index, model in enumerate(models)}
    stop = threading.Event()
    counted: Counter[str] = Counter()
    wrong: list[object] = []

    def load(seed: int) -> None:
        with Client(running.url) as client:
            for turn in itertools.count():
                start, size = (seed * 31 + turn * 7) % 400, 1 + turn % 64
                answer = client.infer("claims", rows.slice(start, size))
                if answer.outputs["probability"].tobytes() != expected[answer.version][start : start + size].tobytes():
                    wrong.append((seed, turn, answer.version))
                counted[answer.version] += 1
                if stop.is_set():
                    return

    threads = [threading.Thread(target=_noting(wrong, load), args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for version in (2, 1, 2, 1):
        registry.alias("claims", "production", version)
        seen = counted[str(version)]
        until(lambda version=version, seen=seen: bool(wrong) or counted[str(version)] > seen + 8)  # type: ignore[misc]
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(counted["1"], counted["2"]) > 16
    until(lambda: running.log.read_bytes().count(b"version retired") == 4)  # the last once its requests have ended


def test_a_corrupt_canary_is_left_out_and_a_pinned_version_needs_no_alias(
    serve: Any, registry: Registry, home: Path, rows: pa.Table
) -> None:
    pinned = serve("claims@2")
    with Client(pinned.url) as client:
        assert versions_of(client, rows, 3) == {"2": 3}
    registry.set_canary("claims", "production", 2, 0.5)
    blob = blob_of(registry, home, "claims@2")
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1])
    running = serve("claims@production")
    assert b"canary left out" in running.log.read_bytes()
    with Client(running.url) as client:
        assert versions_of(client, rows, 4) == {"1": 4}


def blob_of(registry: Registry, home: Path, reference: str) -> Path:
    """Where the store keeps the model of a version."""
    model = next(entry for entry in registry.open(reference).manifest.files if entry.path == "model.onnx")
    return next(path for path in home.rglob("*") if path.is_file() and path.name == model.sha256[2:])


def _noting(wrong: list[object], work: Callable[[int], None]) -> Callable[[int], None]:
    def run(seed: int) -> None:
        try:
            work(seed)
        except Exception as error:
            wrong.append(error)

    return run


def test_a_corrupt_version_is_kept_out_and_a_good_one_taken_up(
    serve: Any, registry: Registry, home: Path, rows: pa.Table
) -> None:
    running = serve("claims@production", "--poll-seconds", "0.05")
    blob = blob_of(registry, home, "claims@2")
    good = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    with Client(running.url) as client:
        registry.alias("claims", "production", 2)
        until(lambda: b"kept the versions in force" in running.log.read_bytes())
        assert versions_of(client, rows, 5) == {"1": 5}
        registry.alias("claims", "production", 1)
        time.sleep(0.3)
        blob.write_bytes(good)
        registry.alias("claims", "production", 2)
        until(lambda: versions_of(client, rows, 1) == {"2": 1})
