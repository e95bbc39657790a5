"""The chain that a task belongs to: it is locked, one version stays open, different patients are flagged."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registered_receiver import chain, ledger
from registered_receiver.states import TaskEvent, TaskState
from registered_receiver.tables import Task

OTHER_PATIENT = "patient_differs"
"""The kind of alert about versions that name different patients."""

_FLAG = "Another version of this consultation names another patient."


def lock(session: Session, sender_ods_code: str, consultation_id: str) -> None:
    """Keep every other process out of a chain until the transaction ends; take it before any row.

    What is filed or decided may depend on every version that is here, and rows that are not there yet cannot be
    locked. SQLite's transactions exclude each other anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        name = f"{sender_ods_code}\n{consultation_id}".encode("utf-8", "surrogateescape")
        key = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(key)))


def put_in_place(session: Session, task: Task, now: datetime, *, replaces: str | None = None) -> None:
    """Put a new ``task``, not yet added, in its locked chain: it supersedes, is superseded, or stands alone.

    ``replaces`` is the MESH message whose document it says that it replaces.
    Every superseded task of a patient names the one that is open or completed, whatever the order of arrival.
    """
    query = select(Task).where(
        Task.sender_ods_code == task.sender_ods_code, Task.consultation_id == task.consultation_id
    )
    others = {other.task_id: other for other in session.scalars(query.order_by(Task.task_id).with_for_update())}
    named = next((each.task_id for each in others.values() if each.mesh_message_id == replaces), None)
    placement = chain.place(_version(task), [_version(other) for other in others.values()], named)
    if placement.superseded_by is not None:
        task.state, task.superseded_by = TaskState.SUPERSEDED, placement.superseded_by
    if placement.supersedes is not None:
        _supersede(session, others[placement.supersedes], task, others.values(), now)
    for task_id in placement.flagged:
        _flag(session, others.get(task_id, task), now)


def _supersede(session: Session, older: Task, newer: Task, chained: Collection[Task], now: datetime) -> None:
    ledger.advance_task(session, older, TaskEvent.SUPERSEDED, now)
    for each in chained:
        if each.nhs_number == newer.nhs_number:
            each.superseded_by = newer.task_id
    # whoever compares the versions finds them by the alert about a task that is not superseded
    reason, by = "a newer version about the same patient was filed", ledger.DAEMON
    ledger.ALERTS.close(session, subject_id=older.task_id, kind=OTHER_PATIENT, now=now, by=by, reason=reason)
    # the older one gives way before the newer one is there: only one may be current
    session.flush()


def _flag(session: Session, task: Task, now: datetime) -> None:
    if task.flag is not None:
        return
    task.flag = _FLAG
    if task.state == TaskState.SUPERSEDED:
        return
    named = ledger.if_uuid(task.consultation_id)
    which = f" ({named})" if named else ""
    ledger.ALERTS.open(
        session,
        kind=OTHER_PATIENT,
        subject_id=task.task_id,
        now=now,
        text=f"Versions of one consultation{which} name different patients; none superseded another.",
        action=f"Compare task {task.task_id} with the other tasks of this consultation, and telephone the sender.",
        code=None,
    )


def _version(task: Task) -> chain.Version:
    superseded = task.state == TaskState.SUPERSEDED
    return chain.Version(task.task_id, task.nhs_number, task.version, task.authored_on, superseded)
