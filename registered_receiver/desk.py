"""What people do with tasks, reviews and messages; each act and its line in the audit are one transaction.

When the line cannot be written, nothing is shown and nothing is done (FHIR-DOC-02).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy.orm import Session

from registered_receiver import export, message_list, patients, records, reviews, worklist
from registered_receiver.ledger import AUDIT
from registered_receiver.practice import Practice, local_date
from registered_receiver.tables import Message, Review, Task
from shared.audit import Actor
from shared.clock import Clock
from shared.db import Database
from shared.errors import CommandFailed
from shared.export import DocumentFile
from shared.identifiers import MailboxId
from shared.presentation import rfc3339, timeline_json

if TYPE_CHECKING:
    from registered_receiver.deciding import Decider


NotedTask: TypeAlias = tuple[dict[str, Any], str]
"""A task in the contract's shape, and what a person must know before they open it."""

_A_PAGE: Final = 500


@dataclass(frozen=True)
class Desk:
    """Where ``who`` works on the worklist: from the command line or from anywhere else."""

    database: Database
    clock: Clock
    practice: Practice
    who: Actor

    def task_pages(self, state: str | None = None, limit: int = 0) -> Iterator[list[NotedTask]]:
        """Give the tasks of one ``state`` or of all, newest first, a page or more; ``limit`` 0 is all.

        The line of the audit is there before the first of them: a list of years is not read in one transaction.
        """
        with self.database.transaction() as session:
            self._audit(session, "tasks_listed")
        last, listed = None, 0
        while True:
            wanted = min(_A_PAGE, limit - listed) if limit else _A_PAGE
            with self.database.snapshot() as session:
                tasks = worklist.page(session, state, wanted, last)
                shown = _noted(session, tasks)
            yield shown
            listed += len(tasks)
            if len(tasks) < _A_PAGE or listed == limit:
                return
            last = tasks[-1]

    def tasks(
        self, state: str | None = None, limit: int = 0, *, nhs_number: str | None = None, skip: int = 0
    ) -> list[NotedTask]:
        """Return the tasks, newest first, each with what a person must know before they open it; ``limit`` 0 is all.

        They are those of one ``state`` or of all, of the patient with ``nhs_number`` or of all.
        """
        with self.database.transaction() as session:
            tasks = worklist.listing(session, state, limit, nhs_number=nhs_number, skip=skip)
            if nhs_number is None:
                self._audit(session, "tasks_listed")
            else:
                self._audit_record(session, "tasks_searched", None, nhs_number, _found(tasks))
            return _noted(session, tasks)

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

    def reviews_in_full(self) -> list[dict[str, Any]]:
        """Return the near misses that await a person with all that they are shown."""
        waiting = self.reviews()
        with self.database.snapshot() as session:
            return [reviews.full_json(session, review) for review in waiting]

    def review(self, review_id: str) -> dict[str, Any]:
        """Return one review in full, decided or not; raises CommandFailed when there is none.

        ``shown`` of it is what a decision on just this names.
        """
        now = self.clock()
        with self.database.transaction() as session:
            reviews.refresh(session, local_date(now))
            row = reviews.full_json(session, reviews.find(session, review_id))
            named = row["nhs_number"] or row["message_facts"].get("nhs_number")
            # whoever reads a near miss reads of everybody who may be meant
            for number in dict.fromkeys([named, *(each["nhs_number"] for each in row["candidates"])]):
                self._audit_record(session, "review_viewed", review_id, number)
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
            self._audit_record(session, "review_matched", review_id, chosen, reason)
        return settled

    def reject(self, review_id: str, reason: str, *, shown: str | None = None) -> list[Message]:
        """Answer the reports of a review with 30002; returns the messages settled. Raises as :meth:`match` does."""
        with self.database.transaction() as session:
            settled = self._decider(shown).reject(session, review_id, reason)
            named = session.get_one(Review, review_id).facts.get("nhs_number")
            self._audit_record(session, "review_rejected", review_id, named, reason)
        return settled

    def messages(self, state: str | None, limit: int, skip: int = 0) -> list[dict[str, Any]]:
        """Return messages of one ``state`` or of all, newest first; where a confidential one came from is left out."""
        with self.database.transaction() as session:
            self._audit(session, "messages_listed")
            found = message_list.listing(session, state=state, since=None, limit=limit, skip=skip)
            return _keep_confidence(session, found)

    def message(self, identifier: str) -> dict[str, Any]:
        """Return one message with its ``timeline``, as :meth:`messages` does; raises CommandFailed when there is none.

        Whose report it is stands in the audit as far as it is known: as its task has it, else as the review does.
        """
        with self.database.transaction() as session:
            record, lines = records.story(session, identifier)
            self._audit_record(session, "message_viewed", record["mesh_message_id"], _named(session, record))
            (shown,) = _keep_confidence(session, [record])
            return shown | {"timeline": [timeline_json(line) for line in lines]}

    def retry(self, identifier: str) -> None:
        """Take a message back into work that was set aside; raises CommandFailed when it was not."""
        with self.database.transaction() as session:
            records.retry(session, identifier, self.clock(), self.who.name)
            record, _ = records.story(session, identifier)
            self._audit_record(session, "record_retried", record["mesh_message_id"], _named(session, record))

    def is_patient(self, nhs_number: str, review_id: str) -> bool:
        """Say whether the patient index has somebody under a number: that is looked up about a near miss.

        Raises CommandFailed when that near miss is not there or is decided: then nothing is looked up.
        """
        with self.database.transaction() as session:
            review = reviews.find(session, review_id)
            if review.decided_at is not None:
                raise CommandFailed(f"review {review_id} was decided already, by {review.decided_by}")
            known = patients.find(session, nhs_number) is not None
            self._audit_record(session, "patient_looked_up", review_id, nhs_number, _found(known))
            return known

    def message_files(self, identifier: str) -> Mapping[str, bytes]:
        """Return a message as it came and its MESH headers, by the names of their files.

        Raises CommandFailed when there is no such message, or its bytes are not here.
        """
        with self.database.transaction() as session:
            message = records.find(session, identifier)
            task = worklist.of_message(session, message.mesh_message_id)
            nhs_number = None if task is None else task.nhs_number
            self._audit_record(session, "message_exported", message.mesh_message_id, nhs_number)
            return export.message_files(session, message)

    def _decider(self, shown: str | None) -> Decider:
        from registered_receiver.deciding import Decider

        return Decider(self.practice, self.clock(), self.who.name, shown)

    def _audit(self, session: Session, action: str, task: Task | None = None, reason: str | None = None) -> None:
        subject_id, nhs_number = (None, None) if task is None else (task.task_id, task.nhs_number)
        self._audit_record(session, action, subject_id, nhs_number, reason)

    def _audit_record(
        self,
        session: Session,
        action: str,
        subject_id: str | None,
        nhs_number: str | None = None,
        reason: str | None = None,
    ) -> None:
        AUDIT.record(
            session, self.who, action, self.clock(), subject_id=subject_id, nhs_number=nhs_number, reason=reason
        )


def _named(session: Session, record: Mapping[str, Any]) -> str | None:
    """Return whose report a message is as far as that is known: as its task has it, else as the review does."""
    task = session.get(Task, record["task_id"]) if record["task_id"] else None
    if task is not None:
        return task.nhs_number
    review = session.get(Review, record["review_id"]) if record["review_id"] else None
    return review.nhs_number or review.facts.get("nhs_number") if review else None


def _noted(session: Session, tasks: Sequence[Task]) -> list[NotedTask]:
    completed = worklist.completed_before(session, tasks)
    return [
        (records.task_json(task), records.task_note(task.flag, completed_before=task.task_id in completed))
        for task in tasks
    ]


def _found(what: object) -> str:
    """Return what the audit says of looking for a patient: a miss tells whether somebody is one here, too."""
    return "found" if what else "not found"


def _keep_confidence(session: Session, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the mailbox, which names the practice, from what is confidential or not known to be otherwise.

    ``withheld`` then says which of the two (GPCM-SD-092).
    """
    known = message_list.confidence(session, found)
    words = {True: "confidential", False: "", None: "not shown"}
    shown = [message | {"withheld": words[known[message["mesh_message_id"]]]} for message in found]
    return [message | {"sender_mailbox": None} if message["withheld"] else message for message in shown]
