"""The audit log: what it proves, and that every way of editing the database behind it is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import sqlalchemy as sa

from mlops_runtime.core.db import engine, unit_of_work
from mlops_runtime.core.errors import IntegrityError, RegistryError
from mlops_runtime.core.events import Event
from mlops_runtime.governance import audit, commit
from mlops_runtime.governance.tables import audit_head, audit_leaf, outbox


def _commit(count: int, tenant: str = "default") -> None:
    for number in range(count):
        with unit_of_work(write=True, tenant=tenant) as uow:
            commit(uow, Event("test.done", f"thing-{number}", {"number": number}))


def test_an_empty_log_verifies(database: str) -> None:
    assert audit.verify() == audit.root()
    assert audit.verify().size == 0


def test_a_commit_writes_leaf_head_and_outbox_event(database: str) -> None:
    _commit(3)
    state = audit.verify()
    assert (state.size, state.root) == (3, audit.root().root)
    with engine().connect() as connection:
        events = [json.loads(text) for text in connection.execute(sa.select(outbox.c.event)).scalars()]
    assert sorted(event["subject"] for event in events) == ["thing-0", "thing-1", "thing-2"]
    assert {event["specversion"] for event in events} == {"1.0"}


def test_every_entry_has_a_proof_that_holds_by_itself(database: str) -> None:
    _commit(7)
    for index in range(7):
        proof = audit.prove(index)
        assert proof.holds()
        assert proof.root == audit.root().root
        assert not replace(proof, leaf=proof.leaf.replace("thing", "think")).holds()
        assert not replace(proof, root="0" * 64).holds()


def test_a_log_that_grows_meanwhile_verifies(database: str) -> None:
    audit.verify()
    code = (
        "from mlops_runtime.core.db import unit_of_work\n"
        "from mlops_runtime.core.events import Event\n"
        "from mlops_runtime.governance import commit\n"
        "for turn in range(200):\n"
        "    with unit_of_work(write=True) as uow:\n"
        "        commit(uow, Event('test.turn', str(turn), {}))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as writer:
        sizes = []
        while writer.poll() is None:
            sizes.append(audit.verify().size)
    assert writer.returncode == 0
    assert sizes == sorted(sizes)
    assert audit.verify().size == 200


def test_a_proof_of_an_entry_that_is_not_there_is_refused(database: str) -> None:
    _commit(1)
    with pytest.raises(RegistryError, match="expected an index below 1, got 5"):
        audit.prove(5)


def test_entries_are_listed_for_one_tenant_only(database: str) -> None:
    _commit(2)
    _commit(3, tenant="other")
    assert [entry.index for entry in audit.entries()] == [0, 1]
    assert [entry.index for entry in audit.entries(tenant="other", newest=2)] == [3, 4]
    assert audit.verify().size == 5


_TAMPERING = {
    "an edited leaf": audit_leaf.update().where(audit_leaf.c.index == 2).values(leaf=b'{"tenant":"default"}'),
    "a leaf moved to another tenant": audit_leaf.update().where(audit_leaf.c.index == 2).values(tenant="other"),
    "a removed leaf": audit_leaf.delete().where(audit_leaf.c.index == 2),
    "the last leaf cut off": audit_leaf.delete().where(audit_leaf.c.index == 4),
    "the last head cut off": audit_head.delete().where(audit_head.c.size == 5),
    "an edited root": audit_head.update().where(audit_head.c.size == 3).values(root=b"\0" * 32),
    "an edited frontier": audit_head.update().where(audit_head.c.size == 3).values(frontier=b"\0" * 64),
    "an edited outbox event": outbox.update().values(event="{}"),
    "an emptied outbox": outbox.delete(),
    "an invented outbox event": outbox.insert().values(id="x", tenant="default", type="x", event="{}", created="x"),
}


@pytest.mark.parametrize("statement", _TAMPERING.values(), ids=_TAMPERING.keys())
def test_tampering_is_noticed(database: str, statement: sa.Executable) -> None:
    _commit(5)
    audit.verify()
    with engine().begin() as connection:
        connection.execute(statement)
    with pytest.raises(IntegrityError, match=r"audit log, entry \d: expected"):
        audit.verify()


def test_a_root_kept_elsewhere_shows_a_log_that_was_cut_everywhere(database: str) -> None:
    _commit(4)
    kept = audit.root()
    _commit(1)
    assert audit.verify(kept.root).size == 5
    with engine().begin() as connection:
        last = json.loads(connection.execute(sa.select(audit_leaf.c.leaf).where(audit_leaf.c.index == 3)).scalar_one())
        newest = json.loads(
            connection.execute(sa.select(audit_leaf.c.leaf).where(audit_leaf.c.index == 4)).scalar_one()
        )
        connection.execute(audit_leaf.delete().where(audit_leaf.c.index >= 3))
        connection.execute(audit_head.delete().where(audit_head.c.size >= 4))
        connection.execute(outbox.delete().where(outbox.c.id.in_([last["id"], newest["id"]])))
    assert audit.verify().size == 3  # the stated limit: alone, the log cannot know
    with pytest.raises(IntegrityError, match="was rewritten or cut"):
        audit.verify(kept.root)


def test_the_root_of_the_past_stays_known(database: str) -> None:
    _commit(2)
    past = audit.root()
    _commit(2)
    assert audit.root(2) == past
    with pytest.raises(RegistryError, match="expected at most 4 entries"):
        audit.root(9)
