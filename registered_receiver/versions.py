"""The chain that a task belongs to: it is locked, one version stays open, different patients are flagged."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.orm import Session

from registered_receiver import chain, document_ids, flags, ledger
from registered_receiver.flags import Flag
from registered_receiver.states import TaskEvent, TaskState
from registered_receiver.tables import Message, Task
from shared.itk3.model import ReceivedReport
from shared.itk3.naming import normal_form

OTHER_PATIENT = "patient_differs"
"""The kind of alert about versions that name different patients."""


_CHAIN: Final = (
    select(Task)
    .where(Task.sender_ods_code == bindparam("sender_ods_code"), Task.consultation_id == bindparam("consultation_id"))
    .order_by(Task.task_id)
    .with_for_update()
)

_LOCK: Final = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))


def chain_of(report: ReceivedReport) -> tuple[str, str]:
    """Return the key of a report's chain: the sender's ODS code, and its reference in the normal form."""
    return report.sender_ods_code[:255], normal_form(report.sender_reference)


def lock(session: Session, sender_ods_code: str, consultation_id: str) -> None:
    """Keep every other process out of a chain until the transaction ends; take it before any row.

    What is filed or decided may depend on every version that is here, and rows that are not there yet cannot be
    locked. SQLite's transactions exclude each other anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        name = f"{sender_ods_code}\n{consultation_id}".encode("utf-8", "surrogateescape")
        key = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
        session.connection().execute(_LOCK, {"key": key})


def put_in_place(session: Session, task: Task, now: datetime) -> None:
    """Put a new ``task``, not yet added, in its locked chain: it supersedes, is superseded, or stands alone.

    Every superseded task of a patient names the one that is open or completed, whatever the order of arrival.
    """
    key = {"sender_ods_code": task.sender_ods_code, "consultation_id": task.consultation_id}
    others = {other.task_id: other for other in session.scalars(_CHAIN, key)}
    if not others:
        return
    # what the new one replaces is looked for, too
    session.flush()
    *chained, filed = _versions(session, [*others.values(), task])
    placement = chain.place(filed, chained)
    _compare_mailboxes(session, task, others.get(placement.supersedes or placement.superseded_by or ""))
    if placement.superseded_by is not None:
        task.state, task.superseded_by = TaskState.SUPERSEDED, placement.superseded_by
    if placement.supersedes is not None:
        _supersede(session, others[placement.supersedes], task, others.values(), now)
    for task_id in placement.flagged:
        _flag(session, others.get(task_id, task), now)


def _versions(session: Session, tasks: Sequence[Task]) -> list[chain.Version]:
    linked = document_ids.linked(session, tasks)
    return [
        chain.Version(
            task_id=task.task_id,
            nhs_number=task.nhs_number,
            version=task.version,
            authored_on=task.authored_on,
            superseded=task.state == TaskState.SUPERSEDED,
            replaces=linked.get(task.task_id),
            orphaned=task.task_id in linked and linked[task.task_id] is None,
        )
        for task in tasks
    ]


def _compare_mailboxes(session: Session, task: Task, other: Task | None) -> None:
    """Let people know of a version from elsewhere: MESH vouches for the mailbox, only the message for the ODS code."""
    if other is not None:
        both = (task, other)
        mailboxes = {session.get_one(Message, each.mesh_message_id).sender_mailbox for each in both}
        if len(mailboxes) > 1:
            for each in both:
                flags.put(each, Flag.OTHER_MAILBOX)


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
    if not flags.put(task, Flag.OTHER_PATIENT) or task.state == TaskState.SUPERSEDED:
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
