"""Documents and messages as files, under names that hold no patient data (decision 35)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from registered_receiver import inbox, records, worklist
from registered_receiver.active_content import has_active_content
from registered_receiver.tables import Message, Task
from shared.errors import CommandFailed
from shared.export import DocumentFile, file_name, json_bytes
from shared.presentation import rfc3339

TASK_FILE = "task.json"
"""The file of an exported task that says what the others are; their labels stand nowhere else."""


def task_files(session: Session, task: Task) -> dict[str, bytes]:
    """Return a task's documents, byte for byte, and ``task.json``, under the names of their files.

    Raises CommandFailed when they are not kept any more.
    """
    described = records.task_in_full(session, task)
    if described["pruned_at"]:
        raise CommandFailed(f"the documents of task {task.task_id} were pruned at {described['pruned_at']}")
    names = [file_name(document.position, document.content_type) for document in task.documents]
    for entry, name in zip(described["documents"], names, strict=True):
        entry["file"] = name
    files = {name: worklist.content(session, doc) for name, doc in zip(names, task.documents, strict=True)}
    return files | {TASK_FILE: json_bytes(described)}


def document_file(session: Session, task: Task, position: int) -> DocumentFile:
    """Return one document of a task, byte for byte; ``position`` counts from 1, and the first is the report.

    Raises CommandFailed when there is none, or it is not kept any more.
    """
    message = session.get_one(Message, task.mesh_message_id)
    if message.pruned_at is not None:
        raise CommandFailed(f"the documents of task {task.task_id} were pruned at {rfc3339(message.pruned_at)}")
    found = next((each for each in task.documents if each.position == position), None)
    if found is None:
        raise CommandFailed(f"task {task.task_id} has no document {position}")
    data, kind = worklist.content(session, found), found.content_type
    return DocumentFile(file_name(position, kind), kind, data, has_active_content(kind, data))


def message_files(session: Session, message: Message) -> dict[str, bytes]:
    """Return a message's bytes as they came, and its MESH headers, under the names of their files.

    Raises CommandFailed when its bytes are not here.
    """
    if message.pruned_at is not None:
        raise CommandFailed(f"message {message.mesh_message_id} was pruned at {rfc3339(message.pruned_at)}")
    if not inbox.has_body(session, message.mesh_message_id):
        raise CommandFailed(f"of message {message.mesh_message_id} only a record is kept, no bytes")
    headers = {
        "mesh_message_id": message.mesh_message_id,
        "message_type": message.message_type,
        "workflow_id": message.workflow_id,
        "from": message.sender_mailbox,
        "to": message.recipient,
        "local_id": message.local_id,
        "subject": message.subject,
        "received_at": rfc3339(message.received_at),
        "truncated": message.truncated,
    }
    return {"message.dat": inbox.read_body(session, message.mesh_message_id), "message.json": json_bytes(headers)}
