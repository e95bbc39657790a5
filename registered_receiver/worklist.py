"""The worklist: one task a filed report, with its documents; a newer version supersedes the older one."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload

from registered_receiver import chain, ledger, subjects
from registered_receiver.states import TaskEvent, TaskState
from registered_receiver.tables import Blob, Message, Task, TaskDocument
from shared.errors import CommandFailed
from shared.itk3.model import Document, ReceivedReport

_OTHER_PATIENT = "Another version of this consultation names another patient."


def file(session: Session, message: Message, report: ReceivedReport, nhs_number: str, now: datetime) -> Task:
    """Make the task of a report about the patient ``nhs_number`` of our index, and put it in its chain."""
    task = Task(
        task_id=str(uuid4()),
        mesh_message_id=message.mesh_message_id,
        state=TaskState.OPEN,
        subject=subjects.task_subject(message.subject, report),
        sender_ods_code=chain_ods_code(report),
        consultation_id=report.sender_reference,
        version=subjects.report_version(message.subject, report),
        authored_on=report.authored_on,
        nhs_number=nhs_number,
        received_at=message.received_at,
    )
    _place(session, task, now)
    session.add(task)
    session.flush()
    for position, document in enumerate(report.documents, 1):
        _store(session, task, position, document)
    ledger.note(session, message, "task_made", now, to=task.state, detail=task.task_id)
    return task


def chain_ods_code(report: ReceivedReport) -> str:
    """Return the sender's ODS code as the key of a chain."""
    return report.sender_ods_code[:255]


def listing(session: Session) -> list[Task]:
    """Return all tasks with their documents, newest first."""
    query = select(Task).options(selectinload(Task.documents))
    return list(session.scalars(query.order_by(Task.received_at.desc(), Task.task_id)))


def find(session: Session, task_id: str) -> Task:
    """Return one task with its documents; raises CommandFailed when there is none."""
    query = select(Task).options(selectinload(Task.documents)).where(Task.task_id == task_id)
    task = session.scalars(query).one_or_none()
    if task is None:
        raise CommandFailed(f"there is no task {task_id}")
    return task


def of_message(session: Session, mesh_message_id: str) -> Task | None:
    """Return the task of a message, None when it was not filed."""
    query = select(Task).options(selectinload(Task.documents)).where(Task.mesh_message_id == mesh_message_id)
    return session.scalars(query).one_or_none()


def supersedes(session: Session, task: Task) -> list[Task]:
    """Return the tasks that gave way to this one, the newest version first."""
    query = select(Task).where(Task.superseded_by == task.task_id).order_by(Task.version.desc())
    return list(session.scalars(query))


def content(session: Session, document: TaskDocument) -> bytes:
    """Return the bytes of a document."""
    return session.get_one(Blob, document.sha256).data


def complete(session: Session, task_id: str, now: datetime, by: str) -> None:
    """Mark a task as dealt with; raises CommandFailed when it is not open."""
    task = session.get(Task, task_id, with_for_update=True)
    if task is None:
        raise CommandFailed(f"there is no task {task_id}")
    if task.state != TaskState.OPEN:
        raise CommandFailed(f"task {task_id} is {task.state}, not open")
    task.completed_at = now
    ledger.advance_task(session, task, TaskEvent.COMPLETED, now, by=by)


def _place(session: Session, task: Task, now: datetime) -> None:
    query = select(Task).where(
        Task.sender_ods_code == task.sender_ods_code,
        Task.consultation_id == task.consultation_id,
        Task.state != TaskState.SUPERSEDED,
    )
    current = {other.task_id: other for other in session.scalars(query.with_for_update())}
    placement = chain.place(_version(task), [_version(other) for other in current.values()])
    if placement.superseded_by is not None:
        task.state, task.superseded_by = TaskState.SUPERSEDED, placement.superseded_by
    if placement.supersedes is not None:
        older = current[placement.supersedes]
        ledger.advance_task(session, older, TaskEvent.SUPERSEDED, now)
        older.superseded_by = task.task_id
        # the older one gives way before the newer one is there: only one may be current
        session.flush()
    for task_id in placement.flagged:
        _flag(session, current.get(task_id, task), now)


def _flag(session: Session, task: Task, now: datetime) -> None:
    task.flag = _OTHER_PATIENT
    named = ledger.if_uuid(task.consultation_id)
    which = f" ({named})" if named else ""
    ledger.ALERTS.open(
        session,
        kind="patient_differs",
        subject_id=task.task_id,
        now=now,
        text=f"Versions of one consultation{which} name different patients; none superseded another.",
        action=f"Compare task {task.task_id} with the other tasks of this consultation, and telephone the sender.",
        code=None,
    )


def _store(session: Session, task: Task, position: int, document: Document) -> None:
    sha256 = hashlib.sha256(document.data).hexdigest()
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Blob)
    session.execute(insert.values(sha256=sha256, data=document.data).on_conflict_do_nothing())
    row = TaskDocument(task_id=task.task_id, position=position, sha256=sha256, size=len(document.data))
    row.description, row.content_type = document.description, document.content_type[:255]
    session.add(row)


def _version(task: Task) -> chain.Version:
    return chain.Version(task.task_id, task.nhs_number, task.version, task.authored_on)
