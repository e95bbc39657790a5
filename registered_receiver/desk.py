"""What people do with tasks, reviews and messages; each act and its line in the audit are one transaction.

When the line cannot be written, nothing is shown and nothing is done (FHIR-DOC-02).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from registered_receiver import export, records, reviews, worklist
from registered_receiver.ledger import AUDIT
from registered_receiver.practice import Practice, local_date
from registered_receiver.tables import Message, Review, Task
from shared.audit import Actor
from shared.clock import Clock
from shared.db import Database
from shared.export import DocumentFile
from shared.identifiers import MailboxId
from shared.presentation import rfc3339

if TYPE_CHECKING:
    from registered_receiver.deciding import Decider


@dataclass(frozen=True)
class Desk:
    """Where ``who`` works on the worklist: from the command line or from anywhere else."""

    database: Database
    clock: Clock
    practice: Practice
    who: Actor

    def tasks(
        self, state: str | None = None, limit: int | None = 0, *, nhs_number: str | None = None, skip: int = 0
    ) -> list[tuple[dict[str, Any], str]]:
        """Return the tasks, newest first, each with what a person must know before they open it; ``limit`` 0 is all.

        They are those of one ``state`` or of all, of the patient with ``nhs_number`` or of all. Without a limit they
        are every open task and the newest of the others.
        """
        with self.database.transaction() as session:
            action = "tasks_listed" if nhs_number is None else "tasks_searched"
            AUDIT.record(session, self.who, action, self.clock(), nhs_number=nhs_number)
            tasks = (
                worklist.current(session, state)
                if limit is None
                else worklist.listing(session, state, limit, nhs_number=nhs_number, skip=skip)
            )
            completed = worklist.completed_before(session)
            return [
                (records.task_json(task), records.task_note(task.flag, completed_before=task.task_id in completed))
                for task in tasks
            ]

    def task(self, task_id: str) -> dict[str, Any]:
        """Return one task in full; raises CommandFailed when there is none."""
        with self.database.transaction() as session:
            task = worklist.find(session, task_id)
            self._audit(session, "task_viewed", task)
            return records.task_in_full(session, task)

    def versions(self, task_id: str) -> list[dict[str, Any]]:
        """Return the tasks of all versions of a task's consultation, newest first: ids and states, no patient data."""
        with self.database.snapshot() as session:
            task = worklist.find(session, task_id)
            return [
                {
                    "task_id": each.task_id,
                    "version": each.version,
                    "state": str(each.state),
                    "received_at": rfc3339(each.received_at),
                    "completed_at": rfc3339(each.completed_at),
                    "same_patient": each.nhs_number == task.nhs_number,
                }
                for each in worklist.chain(session, task)
            ]

    def document(self, task_id: str, position: int) -> DocumentFile:
        """Return one document of a task, ``position`` from 1; raises CommandFailed when there is none any more."""
        with self.database.transaction() as session:
            task = worklist.find(session, task_id)
            reason = f"document {position}"
            self._audit(session, "document_viewed", task, reason)
            return export.document_file(session, task, position)

    def task_files(self, task_id: str) -> Mapping[str, bytes]:
        """Return the documents of a task and ``task.json``, by the names of their files.

        Raises CommandFailed when there is no such task, or its documents are not kept any more.
        """
        with self.database.transaction() as session:
            task = worklist.find(session, task_id)
            self._audit(session, "task_exported", task)
            return export.task_files(session, task)

    def explain(self, body: bytes, sender: MailboxId | None) -> dict[str, Any]:
        """Return what would become of a message; that tells whether somebody is a patient here."""
        from registered_receiver import explaining

        with self.database.transaction() as session:
            self._audit(session, "message_explained")
            return explaining.explain(session, body, self.practice, self.clock(), sender)

    def complete(self, task_id: str) -> None:
        """Mark a task as dealt with; raises CommandFailed when it is not open."""
        with self.database.transaction() as session:
            task = worklist.complete(session, task_id, self.clock(), self.who.name)
            self._audit(session, "task_completed", task)

    def reviews(self) -> list[Review]:
        """Return the near misses that await a person, newest first, with the candidates of today."""
        now = self.clock()
        with self.database.transaction() as session:
            self._audit(session, "reviews_listed")
            # what is decided is what was shown
            reviews.refresh(session, local_date(now))
            return reviews.listing(session)

    def review(self, review_id: str) -> dict[str, Any]:
        """Return one review in full, decided or not; raises CommandFailed when there is none.

        ``shown`` of it is what a decision on just this names.
        """
        now = self.clock()
        with self.database.transaction() as session:
            reviews.refresh(session, local_date(now))
            row = reviews.full_json(reviews.find(session, review_id))
            named = row["nhs_number"] or row["message_facts"].get("nhs_number")
            self._audit_review(session, "review_viewed", review_id, named, None)
            return row

    def match(
        self, review_id: str, choose: Callable[[Review], str], reason: str | None = None, *, shown: str | None = None
    ) -> list[Message]:
        """File the reports of a review with the patient whose NHS number ``choose`` returns.

        Returns the messages settled. Raises CommandFailed when that cannot be done, ReviewChanged when what the person
        was ``shown`` (its digest; None is what was shown last to anybody) is not so any more.
        """
        with self.database.transaction() as session:
            settled = self._decider(shown).match(session, review_id, choose, reason)
            chosen = session.get_one(Review, review_id).nhs_number
            self._audit_review(session, "review_matched", review_id, chosen, reason)
        return settled

    def reject(self, review_id: str, reason: str, *, shown: str | None = None) -> list[Message]:
        """Answer the reports of a review with 30002; returns the messages settled. Raises as :meth:`match` does."""
        with self.database.transaction() as session:
            settled = self._decider(shown).reject(session, review_id, reason)
            named = session.get_one(Review, review_id).facts.get("nhs_number")
            self._audit_review(session, "review_rejected", review_id, named, reason)
        return settled

    def message_files(self, identifier: str) -> Mapping[str, bytes]:
        """Return a message as it came and its MESH headers, by the names of their files.

        Raises CommandFailed when there is no such message, or its bytes are not here.
        """
        with self.database.transaction() as session:
            message = records.find(session, identifier)
            task = worklist.of_message(session, message.mesh_message_id)
            nhs_number = None if task is None else task.nhs_number
            subject_id = message.mesh_message_id
            AUDIT.record(
                session, self.who, "message_exported", self.clock(), subject_id=subject_id, nhs_number=nhs_number
            )
            return export.message_files(session, message)

    def _decider(self, shown: str | None) -> Decider:
        from registered_receiver.deciding import Decider

        return Decider(self.practice, self.clock(), self.who.name, shown)

    def _audit(self, session: Session, action: str, task: Task | None = None, reason: str | None = None) -> None:
        subject_id, nhs_number = (None, None) if task is None else (task.task_id, task.nhs_number)
        AUDIT.record(
            session, self.who, action, self.clock(), subject_id=subject_id, nhs_number=nhs_number, reason=reason
        )

    def _audit_review(
        self, session: Session, action: str, review_id: str, nhs_number: str | None, reason: str | None
    ) -> None:
        AUDIT.record(
            session, self.who, action, self.clock(), subject_id=review_id, nhs_number=nhs_number, reason=reason
        )
