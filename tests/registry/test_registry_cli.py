"""`mlrt registry`, `mlrt deploy` and `mlrt audit` as a user runs them: output, JSON, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.core.db import engine
from mlops_runtime.governance.tables import audit_leaf
from mlops_runtime.registry import Bundle

MakeBundle = Callable[..., Bundle]
Say = Callable[..., str]


@pytest.fixture
def say(home: Any, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command line, require the exit code, and return what it printed (stdout, or stderr when it failed)."""

    def run_and_read(*arguments: str, code: int = 0) -> str:
        assert run(arguments) == code
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return run_and_read


@pytest.fixture
def registered(make_bundle: MakeBundle, say: Say) -> None:
    """Two versions of `claims`; production points at the first."""
    for _ in range(2):
        say("registry", "push", str(make_bundle().path))
    say("registry", "alias", "claims", "production", "1", "--reason", "[first]")


def test_a_fresh_home_says_how_to_push(say: Say) -> None:
    assert "push one with `mlrt registry push BUNDLE`" in say("registry", "list").replace("\n", " ")
    assert json.loads(say("registry", "list", "--json")) == {"models": []}
    assert "the audit log is empty" in say("audit", "list")
    assert "verified 0 entries" in say("audit", "verify")


def test_push_prints_the_version(say: Say, make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    assert "claims@1" in say("registry", "push", str(bundle.path))
    pushed = json.loads(say("registry", "push", str(bundle.path), "--name", "other", "--alias", "live", "--json"))
    assert (pushed["name"], pushed["version"], pushed["alias"], pushed["digest"]) == ("other", 1, "live", bundle.digest)


@pytest.mark.usefixtures("registered")
def test_list_and_show_tell_versions_and_aliases(say: Say) -> None:
    assert "production → 1" in say("registry", "list")
    shown = say("registry", "show", "claims@production")
    assert "claims@1" in shown
    assert "target `fraud`" in shown
    assert json.loads(say("registry", "show", "claims@1", "--json"))["manifest"]["classes"] == ["no", "yes"]


@pytest.mark.usefixtures("registered")
def test_history_shows_reasons_as_they_were_written(say: Say) -> None:
    assert "[first]" in say("registry", "history", "claims")
    moves = json.loads(say("registry", "history", "claims", "production", "--json"))["history"]
    assert [(move["from_version"], move["to_version"]) for move in moves] == [(None, 1)]


@pytest.mark.usefixtures("registered")
def test_a_rollout_from_canary_to_rollback(say: Say) -> None:
    canary = say("deploy", "canary", "claims@2", "--weight", "0.25")
    assert "serves claims@1 (75.0%) and canary claims@2 (25.0%)" in canary
    assert "serves claims@2" in say("deploy", "promote", "claims")
    assert "serves claims@1" in say("deploy", "rollback", "claims", "--reason", "drift")
    status = json.loads(say("deploy", "status", "claims", "--json"))
    assert [move["action"] for move in status["history"]] == ["set", "promote", "rollback"]
    assert status["route"]["canary"] is None


@pytest.mark.usefixtures("registered")
def test_the_audit_log_lists_verifies_and_proves(say: Say) -> None:
    assert "registry.alias.moved" in say("audit", "list")
    state = json.loads(say("audit", "verify", "--json"))
    assert state["size"] == 3
    assert state["verified"] is True
    assert json.loads(say("audit", "prove", "1", "--json"))["root"] == state["root"]
    assert json.loads(say("audit", "verify", "--root", state["root"], "--json")) == state


@pytest.mark.usefixtures("registered")
def test_a_changed_log_fails_verification(say: Say) -> None:
    with engine().begin() as connection:
        connection.execute(audit_leaf.update().values(leaf=b'{"tenant":"default"}'))
    assert "IntegrityError: audit log, entry 0" in say("audit", "verify", code=1)


def test_verify_takes_a_folder_or_a_reference(say: Say, make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    say("registry", "push", str(bundle.path))
    assert "verified" in say("registry", "verify", "claims@1")
    assert json.loads(say("registry", "verify", str(bundle.path), "--json"))["digest"] == bundle.digest
    (bundle.path / "card.md").write_text("# better")
    assert "card.md: expected" in say("registry", "verify", str(bundle.path), code=1)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("registry", "push", "nowhere"), 1, "nowhere: expected a bundle directory, got nothing"),
        (("registry", "show", "claim"), 1, "there is: claims"),
        (("registry", "alias", "claims", "production", "7"), 1, "there is: 1, 2"),
        (("registry", "alias", "claims", "production", "zero"), 2, "not a valid integer"),
        (("deploy", "canary", "claims", "--weight", "0.5"), 1, "expected NAME@VERSION, got 'claims'"),
        (("deploy", "canary", "claims@2", "--weight", "2"), 2, "0<x<=1"),
        (("deploy", "canary", "claims@2"), 2, "Missing option '--weight'"),
        (("deploy", "promote", "claims"), 1, "expected a canary, got none"),
        (("audit", "prove", "99"), 1, "expected an index below 3, got 99"),
        (("audit", "verify", "--root", "00"), 1, "expected root 00 at some size"),
    ],
)
def test_mistakes_end_with_one_clear_error(say: Say, arguments: tuple[str, ...], code: int, message: str) -> None:
    assert message in say(*arguments, code=code)
