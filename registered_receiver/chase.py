"""The job that reminds people of what waits for them, and of nothing that does not wait any more."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from registered_receiver import ledger, patients
from registered_receiver.reviews import WAITING
from registered_receiver.tables import Review
from shared.clock import Clock
from shared.db import Database
from shared.setting_types import Period


@dataclass(frozen=True)
class Chase:
    """Opens one alert for each review that waits longer than ``review_within``, well before the sender's own.

    Closes the alert about an empty patient index when somebody is in it.
    """

    database: Database
    clock: Clock
    review_within: Period

    def step(self) -> int:
        """Look at the open reviews and at the patient index; return how many alerts were opened or closed."""
        now = self.clock()
        with self.database.transaction() as session:
            closed = patients.note_filled_index(session, now)
            query = select(Review).where(Review.decided_at.is_(None), Review.alerted_at.is_(None))
            query = query.order_by(Review.review_id).with_for_update()
            late = [review for review in session.scalars(query) if review.opened_at + self.review_within <= now]
            for review in late:
                review.alerted_at = now
                ledger.ALERTS.open(
                    session,
                    kind=WAITING,
                    subject_id=review.review_id,
                    now=now,
                    text=f"The report of MESH message {review.mesh_message_id} waits for a decision on its patient.",
                    action=f"See `reviews`, then `reviews match {review.review_id} --candidate K` or `reviews reject`.",
                    code=None,
                )
            return len(late) + closed
