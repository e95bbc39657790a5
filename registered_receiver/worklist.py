"""The worklist: one task a filed report, with its documents; a newer version supersedes the older one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from registered_receiver import ledger, subjects, versions
from registered_receiver.states import TaskEvent, TaskState
from registered_receiver.tables import Blob, Message, Task, TaskDocument, TaskDrop
from shared.errors import CommandFailed
from shared.inserts import insert_for, insert_last
from shared.itk3 import identity
from shared.itk3.model import Document, ReceivedReport
from shared.itk3.naming import normal_form


def file(session: Session, message: Message, report: ReceivedReport, nhs_number: str, now: datetime) -> Task:
    """Make the task of a report about the patient ``nhs_number`` of our index, and put it in its chain."""
    sender_ods_code, consultation_id = versions.chain_of(report)
    task = Task(
        task_id=identity.task_id(message.sender_mailbox or "", normal_form(report.payload_identifier)),
        mesh_message_id=message.mesh_message_id,
        state=TaskState.OPEN,
        subject=subjects.task_subject(message.subject, report),
        confidential=message.confidential is not False,
        sender_ods_code=sender_ods_code,
        consultation_id=consultation_id,
        version=subjects.report_version(message.subject, report),
        authored_on=report.authored_on,
        nhs_number=nhs_number,
        received_at=message.received_at,
    )
    versions.put_in_place(session, task, now)
    session.add(task)
    _store(session, task, report.documents)
    ledger.note(session, message, "task_made", now, to=task.state, detail=task.task_id)
    return task


def listing(
    session: Session, state: str | None = None, limit: int = 0, *, nhs_number: str | None = None, skip: int = 0
) -> list[Task]:
    """Return the tasks with their documents, newest first, ``skip`` of them left out; ``limit`` 0 is no limit.

    They are those of one ``state`` or of all, of the patient with ``nhs_number`` or of all.
    """
    query = select(Task).options(selectinload(Task.documents)).order_by(Task.received_at.desc(), Task.task_id)
    if state is not None:
        query = query.where(Task.state == state)
    if nhs_number is not None:
        query = query.where(Task.nhs_number == nhs_number)
    return list(session.scalars(query.offset(skip).limit(limit) if limit else query))


def page(session: Session, state: str | None, limit: int, after: Task | None) -> list[Task]:
    """Return at most ``limit`` tasks with their documents, newest first: those that come ``after`` another one.

    They are those of one ``state`` or of all. However far a list goes on, each page costs the same.
    """
    query = select(Task).options(selectinload(Task.documents)).order_by(Task.received_at.desc(), Task.task_id)
    if state is not None:
        query = query.where(Task.state == state)
    if after is not None:
        at, task_id = after.received_at, after.task_id
        query = query.where(or_(Task.received_at < at, and_(Task.received_at == at, Task.task_id > task_id)))
        # said twice, so that the index on the time is used
        query = query.where(Task.received_at <= at)
    return list(session.scalars(query.limit(limit)))


def counts(session: Session) -> dict[str, int]:
    """Return how many tasks are in each state."""
    found = {
        str(state): number for state, number in session.execute(select(Task.state, func.count()).group_by(Task.state))
    }
    return {str(state): found.get(state, 0) for state in TaskState}


def chain(session: Session, task: Task) -> list[Task]:
    """Return the tasks of every version of a task's consultation, whoever the patient is, the newest first."""
    query = select(Task).where(
        Task.sender_ods_code == task.sender_ods_code, Task.consultation_id == task.consultation_id
    )
    return list(session.scalars(query.order_by(Task.authored_on.desc(), Task.task_id)))


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
    session.flush()
    session.add(TaskDrop(task_id=task.task_id, queued_at=now, attempts=0))


def completed_before(session: Session, tasks: Sequence[Task]) -> set[str]:
    """Return the ids of those of ``tasks`` of which an earlier version was completed already (decision 23)."""
    ids = [task.task_id for task in tasks]
    query = select(Task.superseded_by).where(Task.superseded_by.in_(ids), Task.completed_at.is_not(None))
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


def _store(session: Session, task: Task, documents: Sequence[Document]) -> None:
    keys = [hashlib.sha256(document.data).hexdigest() for document in documents]
    contents = dict(zip(keys, (document.data for document in documents), strict=True))
    # each process in the same order: two that bring the same documents must not wait for each other
    blobs = [{"sha256": sha256, "data": data} for sha256, data in sorted(contents.items())]
    if blobs:
        session.connection().execute(insert_for(session, Blob).on_conflict_do_nothing(), blobs)
    for position, (sha256, document) in enumerate(zip(keys, documents, strict=True), 1):
        row = {"task_id": task.task_id, "position": position, "sha256": sha256, "size": len(document.data)}
        row |= {"description": document.description, "content_type": document.content_type[:255]}
        insert_last(session, TaskDocument, row)
