"""Gives a report out as files: the message as it was sent, its documents, and the consultation as it was written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from federated_sender import records
from federated_sender.sources import source_of
from federated_sender.tables import ReportBody
from shared.errors import CommandFailed
from shared.export import file_name, json_bytes, write_files
from shared.itk3.model import Document
from shared.itk3.parse import read
from shared.itk3.rules import read_report


def export_report(session: Session, identifier: str, directory: Path, now: datetime) -> list[Path]:
    """Write what is kept of a report into ``directory``; return the files.

    ``message.xml`` is what went to MESH, byte for byte; ``consultation.json`` is what the clinical system wrote;
    ``report.json`` has the record and the labels of the documents. Raises CommandFailed when there is no such
    report, when nothing of it is kept, or when a file is there already.
    """
    report = records.find(session, identifier)
    body, source = session.get(ReportBody, report.id), source_of(session, report)
    if body is None and source is None:
        pruned = report.pruned_at is not None
        raise CommandFailed(
            f"of report {report.report_id} {'only the record is left' if pruned else 'nothing is kept'}"
        )
    files: dict[str, bytes] = {}
    documents: list[dict[str, Any]] = []
    if body is not None:
        files["message.xml"] = body.message
        for name, document in documents_of(body).items():
            files[name] = document.data
            documents.append({"file": name, "description": document.description, "content_type": document.content_type})
    if source is not None:
        files["consultation.json"] = source.encode()
    record, _ = records.story(session, report.report_id, now)
    return write_files(directory, files | {"report.json": json_bytes(record | {"documents": documents})})


def documents_of(body: ReportBody) -> dict[str, Document]:
    """Return the documents of a message, the report first, by the names of their files."""
    envelope = read(body.message, len(body.message)).envelope
    if envelope is None:
        raise CommandFailed("the message that was sent cannot be read any more; ask for support")
    found = enumerate(read_report(envelope).documents, 1)
    return {file_name(position, document.content_type): document for position, document in found}
