"""A person's decision on a near miss, for every version of the consultation with the same demographics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from registered_receiver import inbox, ledger, patients, reviews
from registered_receiver.filing import Practice, act_on, local_date
from registered_receiver.matching import Found, Match, NotFound, standing_code
from registered_receiver.tables import Message, Review
from shared.errors import CommandFailed
from shared.itk3.parse import parse
from shared.itk3.rules import read_report


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, when, and for which practice."""

    practice: Practice
    now: datetime
    by: str

    def match(self, session: Session, review_id: str, choose: Callable[[Review], str]) -> list[Message]:
        """File the reports of a review with the patient whose NHS number ``choose`` returns.

        Returns the messages that were settled. Raises CommandFailed when the patient is not in the index.
        """
        review = reviews.find_open(session, review_id)
        nhs_number = choose(review)
        patient = patients.find(session, nhs_number)
        if patient is None:
            raise CommandFailed("the patient is not in the index: run `patients import` first")
        found = Found(patient, standing_code(patient, local_date(self.now)))
        return self._settle(session, review, found, nhs_number, None)

    def reject(self, session: Session, review_id: str, reason: str) -> list[Message]:
        """Answer the reports of a review with 30002: nobody here is meant. Returns the messages settled."""
        review = reviews.find_open(session, review_id)
        return self._settle(session, review, NotFound(), None, reason)

    def _settle(
        self, session: Session, review: Review, found: Match, nhs_number: str | None, reason: str | None
    ) -> list[Message]:
        settled = []
        for each in reviews.open_like(session, review):
            message = session.get_one(Message, each.mesh_message_id, with_for_update=True)
            body = inbox.read_body(session, message.mesh_message_id)
            report = read_report(parse(body, len(body)))
            reviews.decide(each, nhs_number, self.now, self.by, reason)
            act_on(session, message, report, found, self.practice, self.now, by=self.by)
            ledger.ALERTS.close(
                session,
                subject_id=each.review_id,
                kind=reviews.WAITING,
                now=self.now,
                by=self.by,
                reason="the review was decided",
            )
            settled.append(message)
        return settled
