"""The dry run of ``explain``: which rules fail on a message, and which responses it would get now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from registered_receiver.filing import look_up
from registered_receiver.matching import UNKNOWN, Found, NearMiss
from registered_receiver.practice import Practice
from registered_receiver.precedents import context_of
from registered_receiver.validation import validate
from shared.itk3.parse import Reading, read
from shared.itk3.rules import read_report


def explain(
    session: Session, body: bytes, practice: Practice, now: datetime, sender_mailbox: str | None = None
) -> dict[str, Any]:
    """Return what would become of ``body`` in the contract's shape; nothing is stored.

    Without ``sender_mailbox`` the message is taken to come from the mailbox that it names itself.
    """
    reading = read(body, practice.max_message_size)
    mailbox = sender_mailbox or _claimed_mailbox(reading)
    verdict = validate(reading, context_of(session, reading, practice.ods_code, mailbox)).verdict
    if verdict is None:
        return _outcome(None, None, "a response is never answered", [])
    rules = [
        {"id": rule.id, "requirement": rule.requirement, "code": rule.code, "diagnostics": rule.diagnostics}
        for rule in verdict.failures
    ]
    business = _business_code(session, reading, practice, now) if verdict.accepted else None
    return _outcome(verdict.code, business, verdict.decided_by, rules)


def _business_code(session: Session, reading: Reading, practice: Practice, now: datetime) -> str | None:
    """Return the code that the patient's standing here earns; None when a person would have to act first."""
    if reading.envelope is None:
        return None
    found = look_up(session, read_report(reading.envelope), practice, now)
    if isinstance(found, NearMiss):
        return None
    return found.code if isinstance(found, Found) else UNKNOWN


def _claimed_mailbox(reading: Reading) -> str | None:
    header = reading.envelope and reading.envelope.header
    endpoint = header and header.text("source", "endpoint")
    return endpoint.strip().upper() if endpoint else None


def _outcome(
    infrastructure: str | None, business: str | None, decided_by: str | None, rules: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "infrastructure_code": infrastructure,
        "business_code": business,
        "decided_by": decided_by,
        "rules": rules,
    }
