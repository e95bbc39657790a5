"""Near misses: what a person is shown, and what they decide (decisions 19 and 33)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from registered_receiver import patients, versions
from registered_receiver.matching import Candidate, Found, NearMiss, PatientFacts, match
from registered_receiver.tables import Message, Review
from shared.errors import CommandFailed
from shared.itk3.model import ReceivedReport
from shared.presentation import rfc3339

WAITING: Final = "review_waiting"
"""The kind of alert about a review that nobody decided in time."""

_CHAIN: Final = (
    select(Review)
    .where(
        Review.sender_ods_code == bindparam("sender_ods_code"), Review.consultation_id == bindparam("consultation_id")
    )
    .order_by(Review.mesh_message_id)
)


class ReviewChanged(CommandFailed):
    """What a person decided upon is not so any more: they must look again."""


def facts_of(report: ReceivedReport) -> PatientFacts:
    """Return who a report says the patient is."""
    name = report.patient.name
    return PatientFacts(
        nhs_number=report.patient.nhs_number,
        family=name.family,
        given=" ".join(name.given),
        birth_date=report.patient.birth_date,
    )


def put_up(
    session: Session, message: Message, report: ReceivedReport, candidates: Sequence[Candidate], now: datetime
) -> Review:
    """Let a person decide whether one of ``candidates`` is the patient."""
    sender_ods_code, consultation_id = versions.chain_of(report)
    review = Review(
        review_id=str(uuid4()),
        mesh_message_id=message.mesh_message_id,
        sender_ods_code=sender_ods_code,
        consultation_id=consultation_id,
        facts=facts_json(facts_of(report)),
        candidates=_shown(candidates),
        opened_at=now,
    )
    session.add(review)
    return review


def refresh(session: Session, today: date) -> None:
    """Bring the candidates of every open review up to date with the patient index, before a person sees them."""
    # everybody who changes several reviews does it in this order
    for review in sorted(listing(session), key=lambda review: review.review_id):
        shown = _shown(_candidates_now(session, review, today), review.candidates)
        if shown != review.candidates:
            still_open = update(Review).where(Review.review_id == review.review_id, Review.decided_at.is_(None))
            session.execute(still_open.values(candidates=shown))


def require_unchanged(session: Session, review: Review, today: date) -> None:
    """Raise CommandFailed when the patient index offers other candidates than the person was shown.

    Only who they are counts: the answer follows from how they stand here at the decision.
    """
    shown = _shown(_candidates_now(session, review, today), review.candidates)
    if _identities(shown) != _identities(review.candidates):
        raise ReviewChanged(
            f"the patient index has changed since review {review.review_id} was shown: look at `reviews` again"
        )


def shown_digest(review: Review) -> str:
    """Return what stands for all that a person is shown of a review: other facts or candidates give another one."""
    shown = json.dumps([review.facts, review.candidates], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()


def require_shown(session: Session, review: Review, digest: str, today: date) -> None:
    """Raise ReviewChanged unless the patient index offers just what the person with this ``digest`` was shown.

    Everything that stood on their page counts, how the candidates stand here too.
    """
    now = _shown(_candidates_now(session, review, today), review.candidates)
    if now != review.candidates or shown_digest(review) != digest:
        raise ReviewChanged("the patient index has changed since this near miss was shown")


def decided_before(session: Session, report: ReceivedReport) -> Review | None:
    """Return the latest decision on another version of this consultation with the same demographics."""
    chain = _of_chain(session, *versions.chain_of(report))
    decided = [review for review in chain if review.decided_at is not None]
    wanted = facts_json(facts_of(report))
    same = [review for review in decided if review.facts == wanted]
    return max(same, key=lambda review: (review.decided_at, review.review_id), default=None)


def open_like(session: Session, review: Review) -> list[Review]:
    """Return every open review that a decision on ``review`` settles: its chain's, with the same demographics.

    They come in the order of their messages' ids.
    """
    chain = _of_chain(session, review.sender_ods_code, review.consultation_id)
    return [other for other in chain if other.decided_at is None and other.facts == review.facts]


def listing(session: Session) -> list[Review]:
    """Return the reviews that await a person, newest first."""
    query = select(Review).where(Review.decided_at.is_(None))
    return list(session.scalars(query.order_by(Review.opened_at.desc(), Review.review_id)))


def find(session: Session, review_id: str) -> Review:
    """Return a review, decided or not; raises CommandFailed when there is none."""
    review = session.get(Review, review_id)
    if review is None:
        raise CommandFailed(f"there is no review {review_id}")
    return review


def find_open(session: Session, review_id: str) -> Review:
    """Return an open review for deciding, its whole chain locked; raises CommandFailed when there is none."""
    review = find(session, review_id)
    versions.lock(session, review.sender_ods_code, review.consultation_id)
    session.refresh(review, with_for_update=True)
    if review.decided_at is not None:
        raise CommandFailed(f"review {review_id} was decided already, by {review.decided_by}")
    return review


def candidate_number(review: Review, candidate: int) -> str:
    """Return the NHS number of the candidate shown as ``candidate``; raises CommandFailed when there is none."""
    for shown in review.candidates:
        if shown["candidate"] == candidate:
            return str(shown["nhs_number"])
    raise CommandFailed(f"review {review.review_id} has no candidate {candidate}")


def full_json(session: Session, review: Review) -> dict[str, Any]:
    """Return a review with both sides and, once it is decided, who decided what, and why.

    Of a report that is confidential, or not known to be otherwise, it does not say which practice wrote it
    (GPCM-SD-092).
    """
    open_to_all = session.get_one(Message, review.mesh_message_id).confidential is False
    return {
        "review_id": review.review_id,
        "mesh_message_id": review.mesh_message_id,
        "sender_ods_code": review.sender_ods_code if open_to_all else None,
        "consultation_id": review.consultation_id,
        "message_facts": review.facts,
        "candidates": review.candidates,
        "shown": shown_digest(review),
        "opened_at": rfc3339(review.opened_at),
        "decided_at": rfc3339(review.decided_at),
        "decided_by": review.decided_by,
        "nhs_number": review.nhs_number,
        "reason": review.reason,
    }


def decide(review: Review, nhs_number: str | None, now: datetime, by: str, reason: str | None) -> None:
    """Write down whom a person chose; None is nobody."""
    review.decided_at, review.decided_by, review.reason, review.nhs_number = now, by, reason, nhs_number


def facts_json(facts: PatientFacts) -> dict[str, Any]:
    """Return the facts as they are stored and shown."""
    return {
        "nhs_number": facts.nhs_number,
        "family": facts.family,
        "given": facts.given,
        "birth_date": facts.birth_date.isoformat(),
    }


def _candidates_now(session: Session, review: Review, today: date) -> tuple[Candidate, ...]:
    """Return who may be meant by today's index; somebody who agrees in everything is the only one."""
    facts = _facts(review)
    found = match(facts, patients.candidates(session, facts), today)
    if isinstance(found, Found):
        return (Candidate(found.patient, found.agreements),)
    return found.candidates if isinstance(found, NearMiss) else ()


def _facts(review: Review) -> PatientFacts:
    stored = review.facts
    born = date.fromisoformat(stored["birth_date"])
    return PatientFacts(stored["nhs_number"], stored["family"], stored["given"], born)


def _shown(candidates: Sequence[Candidate], before: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return the candidates with their numbers; whoever was shown ``before`` keeps theirs.

    Somebody else may have looked since: the number that a person read must not have become another patient's.
    """
    numbers = dict(zip(_identities(before), (each["candidate"] for each in before), strict=True))
    unused = count(max(numbers.values(), default=0) + 1)
    shown = [_candidate_json(candidate) for candidate in candidates]
    given = [numbers[identity] if identity in numbers else next(unused) for identity in _identities(shown)]
    return [{"candidate": number} | each for number, each in zip(given, shown, strict=True)]


def _identities(shown: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in ("nhs_number", "family", "given", "birth_date")) for each in shown]


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    patient = candidate.patient
    return {
        "nhs_number": patient.nhs_number,
        "family": patient.family,
        "given": patient.given,
        "birth_date": patient.birth_date.isoformat(),
        "status": patient.status,
        "left_on": patient.left_on and patient.left_on.isoformat(),
        "died_on": patient.died_on and patient.died_on.isoformat(),
        "agrees": [str(agreement) for agreement in candidate.agreements],
    }


def _of_chain(session: Session, sender_ods_code: str, consultation_id: str) -> list[Review]:
    key = {"sender_ods_code": sender_ods_code, "consultation_id": consultation_id}
    return list(session.scalars(_CHAIN, key))
