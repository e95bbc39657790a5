"""The worklist: one task a filed report, with its documents; a newer version supersedes the older one."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload

from registered_receiver import ledger, subjects, versions
from registered_receiver.states import TaskEvent, TaskState
from registered_receiver.tables import Blob, Message, Task, TaskDocument, TaskDrop
from shared.errors import CommandFailed
from shared.itk3 import identity
from shared.itk3.model import Document, ReceivedReport


def file(session: Session, message: Message, report: ReceivedReport, nhs_number: str, now: datetime) -> Task:
    """Make the task of a report about the patient ``nhs_number`` of our index, and put it in its chain."""
    task = Task(
        task_id=identity.task_id(message.sender_mailbox or "", report.payload_identifier),
        mesh_message_id=message.mesh_message_id,
        state=TaskState.OPEN,
        subject=subjects.task_subject(message.subject, report),
        confidential=subjects.is_confidential(message.subject, report),
        sender_ods_code=chain_ods_code(report),
        consultation_id=report.sender_reference,
        version=subjects.report_version(message.subject, report),
        authored_on=report.authored_on,
        nhs_number=nhs_number,
        received_at=message.received_at,
    )
    versions.put_in_place(session, task, now)
    session.add(task)
    session.flush()
    for position, document in enumerate(report.documents, 1):
        _store(session, task, position, document)
    ledger.note(session, message, "task_made", now, to=task.state, detail=task.task_id)
    return task


def chain_ods_code(report: ReceivedReport) -> str:
    """Return the sender's ODS code as the key of a chain."""
    return report.sender_ods_code[:255]


def listing(session: Session, state: str | None = None, limit: int = 0) -> list[Task]:
    """Return the tasks with their documents, newest first, of one ``state`` or of all; ``limit`` 0 is no limit."""
    query = select(Task).options(selectinload(Task.documents)).order_by(Task.received_at.desc(), Task.task_id)
    if state is not None:
        query = query.where(Task.state == state)
    return list(session.scalars(query.limit(limit) if limit else query))


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


def queue_drop(session: Session, task: Task, now: datetime) -> None:
    """Let a new task be laid into the drop directory, too."""
    session.add(TaskDrop(task_id=task.task_id, queued_at=now, attempts=0))


def completed_before(session: Session) -> set[str]:
    """Return the ids of the tasks of which an earlier version was completed already (decision 23)."""
    query = select(Task.superseded_by).where(Task.superseded_by.is_not(None), Task.completed_at.is_not(None))
    return {task_id for task_id in session.scalars(query) if task_id is not None}


def content(session: Session, document: TaskDocument) -> bytes:
    """Return the bytes of a document."""
    return session.get_one(Blob, document.sha256).data


def complete(session: Session, task_id: str, now: datetime, by: str) -> Task:
    """Mark a task as dealt with and return it; raises CommandFailed when it is not open."""
    task = session.get(Task, task_id, with_for_update=True)
    if task is None:
        raise CommandFailed(f"there is no task {task_id}")
    if task.state != TaskState.OPEN:
        raise CommandFailed(f"task {task_id} is {task.state}, not open")
    task.completed_at = now
    ledger.advance_task(session, task, TaskEvent.COMPLETED, now, by=by)
    return task


def _store(session: Session, task: Task, position: int, document: Document) -> None:
    sha256 = hashlib.sha256(document.data).hexdigest()
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Blob)
    session.execute(insert.values(sha256=sha256, data=document.data).on_conflict_do_nothing())
    row = TaskDocument(task_id=task.task_id, position=position, sha256=sha256, size=len(document.data))
    row.description, row.content_type = document.description, document.content_type[:255]
    session.add(row)
