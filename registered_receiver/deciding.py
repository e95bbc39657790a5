"""A person's decision on a near miss, for every version of the consultation with the same demographics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from registered_receiver import inbox, ledger, patients, reviews
from registered_receiver.filing import act_on
from registered_receiver.matching import Decision, decided
from registered_receiver.practice import Practice, local_date
from registered_receiver.tables import Message, Review
from shared.errors import CommandFailed
from shared.itk3.parse import parse
from shared.itk3.rules import read_report


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, when, and for which practice. ``shown`` is the digest of what they saw of the review, if known."""

    practice: Practice
    now: datetime
    by: str
    shown: str | None = None

    def match(
        self, session: Session, review_id: str, choose: Callable[[Review], str], reason: str | None = None
    ) -> list[Message]:
        """File the reports of a review with the patient whose NHS number ``choose`` returns.

        Returns the messages that were settled. Raises CommandFailed when the patient is not in the index, or when
        the index offers other candidates than the person was shown.
        """
        review = reviews.find_open(session, review_id)
        self._require_unchanged(session, review)
        nhs_number = choose(review)
        patient = patients.find(session, nhs_number)
        if patient is None:
            raise CommandFailed("the patient is not in the index: run `patients import` first")
        return self._settle(session, review, Decision(patient, review_id), reason)

    def reject(self, session: Session, review_id: str, reason: str) -> list[Message]:
        """Answer the reports of a review with 30002: nobody here is meant. Returns the messages settled.

        Raises CommandFailed when the index offers other candidates than the person was shown.
        """
        review = reviews.find_open(session, review_id)
        self._require_unchanged(session, review)
        return self._settle(session, review, Decision(None, review_id), reason)

    @property
    def today(self) -> date:
        """The date at the practice."""
        return local_date(self.now)

    def _require_unchanged(self, session: Session, review: Review) -> None:
        if self.shown is None:
            reviews.require_unchanged(session, review, self.today)
        else:
            reviews.require_shown(session, review, self.shown, self.today)

    def _settle(self, session: Session, review: Review, decision: Decision, reason: str | None) -> list[Message]:
        chosen = None if decision.patient is None else decision.patient.nhs_number
        settled = []
        for each in reviews.open_like(session, review):
            message = session.get_one(Message, each.mesh_message_id, with_for_update=True)
            body = inbox.read_body(session, message.mesh_message_id)
            report = read_report(parse(body, len(body)))
            reviews.decide(each, chosen, self.now, self.by, reason)
            found = decided(reviews.facts_of(report), decision, self.today)
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
