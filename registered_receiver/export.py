"""Writes documents and messages as files, under names that hold no patient data (decision 35)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy.orm import Session

from registered_receiver import inbox, records, worklist
from shared.errors import CommandFailed
from shared.presentation import rfc3339

_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "application/mswrtford": "rtf",
    "text/html": "html",
    "text/plain": "txt",
    "text/xml": "xml",
    "application/xml": "xml",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/tiff": "tiff",
    "image/tif": "tiff",
}


def export_task(session: Session, task_id: str, directory: Path) -> list[Path]:
    """Write a task's documents, byte for byte, and ``task.json``; return the files.

    Raises CommandFailed when there is no such task, or when a file is there already.
    """
    task = worklist.find(session, task_id)
    names = [file_name(document.position, document.content_type) for document in task.documents]
    described = records.task_in_full(session, task)
    for entry, name in zip(described["documents"], names, strict=True):
        entry["file"] = name
    files = {name: worklist.content(session, doc) for name, doc in zip(names, task.documents, strict=True)}
    return _write(directory, files | {"task.json": _json(described)})


def export_message(session: Session, identifier: str, directory: Path) -> list[Path]:
    """Write a message's bytes as they came, and its MESH headers; return the files.

    Raises CommandFailed when there is no such message, when its body is not here, or a file is there already.
    """
    message = records.find(session, identifier)
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
    body = inbox.read_body(session, message.mesh_message_id)
    return _write(directory, {"message.dat": body, "message.json": _json(headers)})


def file_name(position: int, content_type: str) -> str:
    """Return the name of a task's document: the report is the first."""
    what = "report" if position == 1 else "attachment"
    return f"{position:02}-{what}.{_EXTENSIONS.get(content_type, 'bin')}"


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _write(directory: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write every file, or none; nothing that is there is written over."""
    paths = [directory / name for name in files]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [path.name for path in paths if os.path.lexists(path)]
        if there:
            raise CommandFailed(f"{directory} has {', '.join(there)} already; nothing was written")
        with TemporaryDirectory(prefix=".partial-", dir=directory) as partial:
            for name, data in files.items():
                with os.fdopen(os.open(Path(partial, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(data)
            # the disk had room for all of them: now they only change their place
            for path in paths:
                Path(partial, path.name).rename(path)
    except OSError as error:
        raise CommandFailed(f"{directory} cannot be written: {error.strerror}; nothing was written") from None
    return paths
