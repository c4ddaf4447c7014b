"""Who a loader's order belongs to: keys that never change, states that say where, and whom they are refused by."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from mlops_runtime.core.errors import ConfigError, DataError, ShapeError
from mlops_runtime.data.loader import LoaderState, Sequential, Shuffled, Stratified, Weighted
from mlops_runtime.data.loader.identity import OrderIdentity

IDENTITY = OrderIdentity(dataset="0" * 64, split="all", sampler=Shuffled().to_dict(), seed=0)
KNOWN_KEYS = [  # of order identities as they were first published: a change would reshuffle everybody's epochs
    (IDENTITY, 0, "228382b3efb58058b750b3d8d8b038d5"),
    (IDENTITY, 1, "b4783ab2d8834db254342eca8852e162"),
    (IDENTITY.model_copy(update={"seed": 2**53 - 1}), 0, "e05b13cc3ec9428fd94fefef9d4920b8"),
    (IDENTITY.model_copy(update={"split": "1" * 64}), 0, "0a1bf6072486cc5fe5fa30f8b9d54e27"),
    (
        IDENTITY.model_copy(update={"sampler": Weighted(np.array([0.5, 2.0]), samples=9).to_dict()}),
        0,
        "9286ac3ddf8af94eca005ad1a0c1493f",
    ),
    (
        IDENTITY.model_copy(update={"sampler": Stratified(np.array([0, 1])).to_dict()}),
        0,
        "e1c325f9d0de2ce59d25cf2448dadc92",
    ),
]


@pytest.mark.parametrize(("identity", "epoch", "key"), KNOWN_KEYS)
def test_a_key_is_the_one_it_always_was(identity: OrderIdentity, epoch: int, key: str) -> None:
    low, high = identity.key(epoch)
    assert f"{high:016x}{low:016x}" == key


def test_a_key_is_a_hash_of_canonical_json() -> None:
    text = (
        '{"dataset":"' + "0" * 64 + '","epoch":3,"sampler":{"kind":"shuffled"},"seed":0,"split":"all"}'
    ).encode()  # members sorted, no spaces
    digest = hashlib.sha256(text).digest()
    assert IDENTITY.key(3) == tuple(int.from_bytes(digest[at : at + 8], "little") for at in (0, 8))


def test_a_state_survives_json() -> None:
    state = LoaderState(epoch=3, position=10**12, identity=IDENTITY)
    assert LoaderState.from_json(state.to_json()) == state
    assert LoaderState.from_json(json.dumps(json.loads(state.to_json()), indent=2).encode()) == state


@pytest.mark.parametrize(
    "change",
    [{"epoch": -1}, {"position": -1}, {"position": 1.5}, {"epoch": True}, {"identity": {}}, {"extra": 1}],
    ids=str,
)
def test_a_tampered_state_is_refused(change: dict[str, object]) -> None:
    document = json.loads(LoaderState(epoch=0, position=0, identity=IDENTITY).to_json())
    with pytest.raises(ConfigError, match="expected the JSON of a loader's state"):
        LoaderState.from_json(json.dumps(document | change))


@pytest.mark.parametrize("text", ["", "[]", '{"epoch": 0', "\x00"])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected the JSON of a loader's state"):
        LoaderState.from_json(text)


@pytest.mark.parametrize(
    ("name", "other"),
    [("dataset", "f" * 64), ("split", "f" * 64), ("sampler", Sequential().to_dict()), ("seed", 1)],
)
def test_another_order_is_refused_by_name(name: str, other: object) -> None:
    with pytest.raises(ConfigError, match=f"state: expected {name} .*, got {name} "):
        IDENTITY.require(IDENTITY.model_copy(update={name: other}), where="state")


def test_samplers_are_told_apart_by_content_alone() -> None:
    weights = np.array([0.0, 1.0, 2.5])
    assert (
        Weighted(weights).to_dict() == Weighted(weights.astype(">f8")[:]).to_dict() == Weighted([0, 1, 2.5]).to_dict()
    )
    assert Weighted(weights).to_dict() != Weighted(weights, samples=3).to_dict() != Weighted(weights + 1).to_dict()
    strata = np.array([0, 1, 1])
    assert Stratified(strata).to_dict() == Stratified(strata.astype(np.int8)).to_dict()
    assert Stratified(strata).to_dict() != Stratified(1 - strata).to_dict()


def test_a_sampler_keeps_its_own_numbers() -> None:
    weights = np.ones(3)
    sampler = Weighted(weights)
    weights[0] = 5.0
    assert sampler.weights.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        sampler.weights[0] = 2.0


@pytest.mark.parametrize("weights", [[1.0, -1.0], [np.nan], [np.inf, 1.0], [0.0, 0.0], []])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(DataError, match="expected finite weights of at least 0, not all 0"):
        Weighted(np.array(weights))


def test_samplers_of_another_shape_or_kind_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected weights float64\[rows\], got shape \(2, 2\)"):
        Weighted(np.ones((2, 2)))
    with pytest.raises(ShapeError, match=r"expected strata int64\[rows\]"):
        Stratified(np.ones((2, 2), np.int64))
    with pytest.raises(DataError, match="expected whole numbers as strata, got float64"):
        Stratified(np.ones(2))
    with pytest.raises(DataError, match="expected samples of at least 1, got 0"):
        Weighted(np.ones(2), samples=0)
