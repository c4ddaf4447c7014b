"""The one way a state change becomes permanent: change, audit leaf and outbox event in one transaction."""

from __future__ import annotations

from dataclasses import replace

from mlops_runtime.core.db import UnitOfWork
from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.events import Event
from mlops_runtime.governance import audit
from mlops_runtime.governance.tables import outbox

__all__ = ["commit"]


def commit(uow: UnitOfWork, event: Event) -> int:
    """Append `event` to the audit log and the outbox, commit the unit of work, and return the entry's index.

    The event's tenant is the unit of work's. A crash before the return leaves either everything or nothing.
    """
    event = replace(event, tenant=uow.tenant)
    index = audit.append(uow, event)
    uow.connection.execute(
        outbox.insert().values(
            id=event.id,
            tenant=event.tenant,
            type=event.type,
            event=canonical_json(event.to_cloudevent()).decode(),
            created=event.time,
        )
    )
    uow.connection.commit()
    return index
