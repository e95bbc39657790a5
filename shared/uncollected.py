"""Messages that MESH lists and that cannot be collected: a person is told, and told again when they came after all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from shared.alerts import AlertBook
from shared.clock import Clock
from shared.db import Database
from shared.errors import MessagingError
from shared.log import Event, emit
from shared.mesh.inbox import Collected
from shared.mesh_folder.names import is_by_files

COLLECTION_FAILED = Event(
    "collection.failed",
    "warning",
    ("mesh_message_id", "error"),
    "A message could not be collected; it stays in MESH and is tried again in every round. Said once a day for each"
    " message.",
    "See the alert. If it repeats, report it to the MESH service desk with the message id.",
)
EVENTS = (COLLECTION_FAILED,)

KIND: Final = "collection_failed"
"""The kind of the alert; its subject is the MESH message id."""

_SAY_AGAIN_AFTER: Final = timedelta(days=1)
# what the column takes; MESH lists an id of any length before anything else can be said about it
_LONGEST_SUBJECT: Final = 255


@dataclass
class Uncollected:
    """Keeps the alerts of one daemon, named ``by``, about what it could not collect or acknowledge.

    ``is_stored`` says whether the daemon has a MESH message. That and not what a round did decides when an alert is
    over: the process that collected the message may have been killed before it could say so.
    """

    database: Database
    book: AlertBook[Any]
    clock: Clock
    by: str
    is_stored: Callable[[Session, str], bool]
    _said: dict[str, datetime] = field(init=False, repr=False, default_factory=dict)

    def note(self, collected: Collected) -> None:
        """Take in what became of one round through the mailbox."""
        failed = {message_id[:_LONGEST_SUBJECT]: error for message_id, error in collected.failures}
        if failed:
            self._tell(failed)
        self._settle(failed, {message_id[:_LONGEST_SUBJECT] for message_id in collected.foreign}, collected.listed)

    def _tell(self, failed: Mapping[str, MessagingError]) -> None:
        now = self.clock()
        with self.database.transaction() as session:
            new = {subject for subject, error in failed.items() if self._open(session, subject, error, now)}
        for subject, error in failed.items():
            # an open alert that this process knows nothing of was told of by an earlier one
            if subject in new or now - self._said.setdefault(subject, now) >= _SAY_AGAIN_AFTER:
                emit(COLLECTION_FAILED, mesh_message_id=subject, error=str(error))
                self._said[subject] = now

    def _open(self, session: Session, subject: str, error: MessagingError, now: datetime) -> bool:
        return self.book.open(
            session,
            kind=KIND,
            subject_id=subject,
            now=now,
            text=f"A message in the mailbox cannot be collected: {error}",
            action="It is tried again every round. If that lasts a day, give the MESH service desk its message id.",
            code=None,
        )

    def _settle(self, failed: Mapping[str, MessagingError], foreign: set[str], listed: set[str]) -> None:
        """Close what was opened about messages that are here now, unless this round failed to acknowledge them.

        Those that proved to be ``foreign`` on a shared mailbox are not ours to collect. What is named by its files is
        over when these are not ``listed`` any more: they were removed, or can be read and have MESH's id.
        """
        with self.database.snapshot() as session:
            waiting = self.book.open_subjects(session, KIND)
            came = {subject for subject in waiting - failed.keys() if self.is_stored(session, subject)}
        away = {subject for subject in waiting - failed.keys() - listed if is_by_files(subject)}
        over = (
            dict.fromkeys(away, "its files were corrected or removed")
            | dict.fromkeys(waiting & foreign, "the message is another's")
            | dict.fromkeys(came, "the message was collected")
        )
        self._said = {subject: at for subject, at in self._said.items() if subject in waiting - over.keys()}
        if not over:
            return
        with self.database.transaction() as session:
            for subject, reason in sorted(over.items()):
                self.book.close(
                    session,
                    subject_id=subject,
                    kind=KIND,
                    now=self.clock(),
                    by=self.by,
                    reason=reason,
                )
