"""Rollouts: a canary takes a share, promotion makes it stable, rollback restores what was before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops_runtime.core.errors import RegistryError
from mlops_runtime.deploy import canary, promote, rollback, status
from mlops_runtime.governance import audit
from mlops_runtime.registry import Bundle, Registry


@pytest.fixture
def registry(database: str, make_bundle: Callable[..., Bundle]) -> Registry:
    """Three versions of `claims`; production points at the first."""
    store = Registry(actor="omar")
    for _ in range(3):
        store.push(make_bundle())
    store.alias("claims", "production", 1)
    return store


def _route(registry: Registry) -> tuple[int, int | None, float]:
    route = registry.route("claims", "production")
    return route.stable.version, route.canary and route.canary.version, route.weight


def test_a_canary_takes_its_share_and_leaves_the_alias(registry: Registry) -> None:
    canary(registry, "claims", 2, weight=0.1)
    assert _route(registry) == (1, 2, 0.1)
    assert registry.resolve("claims@production").version == 1


def test_a_new_canary_replaces_the_old(registry: Registry) -> None:
    canary(registry, "claims", 2, weight=0.1)
    canary(registry, "claims", 3, weight=1.0)
    assert _route(registry) == (1, 3, 1.0)


def test_promotion_makes_the_canary_stable(registry: Registry) -> None:
    canary(registry, "claims", 2, weight=0.1)
    outcome = promote(registry, "claims", reason="better")
    assert _route(registry) == (2, None, 0.0)
    last = outcome.history[-1]
    assert (last.action, last.from_version, last.to_version, last.actor) == ("promote", 1, 2, "omar")


def test_rollback_stops_a_running_canary_first(registry: Registry) -> None:
    canary(registry, "claims", 2, weight=0.1)
    rollback(registry, "claims", reason="errors")
    assert _route(registry) == (1, None, 0.0)
    entry = audit.entries()[-1].event
    assert entry["type"] == "mlops_runtime.registry.canary.cleared"
    assert entry["data"] == {"stable": 1, "canary": 2, "reason": "errors"}


def test_rollback_restores_the_prior_alias(registry: Registry) -> None:
    canary(registry, "claims", 2, weight=0.1)
    promote(registry, "claims")
    outcome = rollback(registry, "claims", reason="drift")
    assert _route(registry) == (1, None, 0.0)
    last = outcome.history[-1]
    assert (last.action, last.from_version, last.to_version, last.reason) == ("rollback", 2, 1, "drift")


def test_repeated_rollbacks_go_further_back_and_never_forward(registry: Registry) -> None:
    registry.alias("claims", "production", 2)
    registry.alias("claims", "production", 3)
    rollback(registry, "claims")
    assert _route(registry)[0] == 2
    rollback(registry, "claims")
    assert _route(registry)[0] == 1
    with pytest.raises(RegistryError, match="expected an earlier version, got claims@1 as the first"):
        rollback(registry, "claims")
    registry.alias("claims", "production", 3)
    rollback(registry, "claims")
    assert _route(registry)[0] == 1


def test_moving_the_alias_by_hand_ends_its_canary(registry: Registry) -> None:
    canary(registry, "claims", 2, weight=0.5)
    registry.alias("claims", "production", 2)
    assert _route(registry) == (2, None, 0.0)


def test_aliases_roll_out_independently(registry: Registry) -> None:
    registry.alias("claims", "staging", 2)
    canary(registry, "claims", 3, alias="staging", weight=0.5)
    assert _route(registry) == (1, None, 0.0)
    assert status(registry, "claims", alias="staging").route.canary == registry.resolve("claims@3")


def test_clearing_a_canary_that_is_not_there_changes_nothing(registry: Registry) -> None:
    before = audit.root()
    assert registry.clear_canary("claims", "production").canary is None
    assert audit.root() == before


def test_each_step_is_one_audit_entry(registry: Registry) -> None:
    before = audit.verify().size
    canary(registry, "claims", 2, weight=0.1)
    promote(registry, "claims")
    rollback(registry, "claims")
    assert audit.verify().size == before + 3
    assert [entry.event["type"].removeprefix("mlops_runtime.") for entry in audit.entries(newest=3)] == [
        "registry.canary.set",
        "deploy.promoted",
        "deploy.rolled_back",
    ]


@pytest.mark.parametrize("weight", [0.0, -0.1, 1.01, float("nan"), float("inf")])
def test_a_weight_outside_the_range_is_refused(registry: Registry, weight: float) -> None:
    with pytest.raises(RegistryError, match="expected a weight above 0 and at most 1"):
        canary(registry, "claims", 2, weight=weight)
    assert _route(registry) == (1, None, 0.0)


def test_a_canary_of_the_stable_version_is_refused(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="expected another version than the stable claims@1"):
        canary(registry, "claims", 1, weight=0.5)


def test_steps_on_what_does_not_exist_are_refused(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="expected version 9"):
        canary(registry, "claims", 9, weight=0.5)
    with pytest.raises(RegistryError, match="expected alias `staging`"):
        canary(registry, "claims", 2, alias="staging", weight=0.5)
    with pytest.raises(RegistryError, match="expected a canary, got none"):
        promote(registry, "claims")
    with pytest.raises(RegistryError, match="expected model `other`"):
        status(registry, "other")
