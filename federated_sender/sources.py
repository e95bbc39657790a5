"""What a version was made from, kept beside it: the consultation as it was written, and the bytes it refers to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete
from sqlalchemy.orm import Session

from federated_sender.tables import Report, ReportAttachment, ReportSource


def keep_source(session: Session, report: Report, written: str, digests: Iterable[str], *, replaces: bool) -> None:
    """Keep ``written`` and which attachments a version has; ``replaces`` says that something may be kept already."""
    if replaces:
        for table in (ReportSource, ReportAttachment):
            session.execute(delete(table).where(table.report == report.id))
    session.add(ReportSource(report=report.id, written=written))
    session.add_all(ReportAttachment(report=report.id, sha256=digest) for digest in digests)


def source_of(session: Session, report: Report) -> str | None:
    """Return the consultation as it was written; None when it was pruned, or came before this was kept."""
    source = session.get(ReportSource, report.id)
    return None if source is None else source.written
