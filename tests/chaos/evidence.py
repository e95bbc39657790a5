"""What can be seen of an experiment from outside: MESH's own record and both databases, read as they are.

Imports nothing of the product.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from lxml import etree
from sqlalchemy import Engine, text

from tests.chaos.surgery import Consultation

Row = Mapping[str, Any]
FHIR: Final = {"f": "http://hl7.org/fhir"}
REPORTS, RESPONSES = "GPFED_CONSULT_REPORT", "GPFED_CONSULT_REPORT_ACK"
REGISTERED_MAILBOX = "BIRCHMB1"
_SENDER: Final = ("report", "report_body", "inbox", "timeline", "alert")
_RECEIVER: Final = ("message", "message_body", "response", "task", "task_document", "blob", "timeline", "alert")


@dataclass(frozen=True)
class Evidence:
    """All that can be seen. ``editions`` is how many editions of each consultation the clinical system wrote."""

    mesh: Sequence[Row]
    sender: Mapping[str, Sequence[Row]]
    receiver: Mapping[str, Sequence[Row]]
    written: Mapping[str, Consultation]
    editions: Mapping[str, int]

    def posts(self, workflow: str) -> list[Row]:
        """Return what MESH took of a workflow, oldest first."""
        return [each for each in self.mesh if each["message_type"] == "DATA" and each["workflow_id"] == workflow]

    def unacknowledged(self) -> list[Row]:
        """Return what still lies in a mailbox."""
        return [row for row in self.mesh if row["status"] == "accepted"]

    def is_right(self, report: Row) -> bool:
        """Say whether a report is in the state in which one of its kind must end."""
        consultation = self.written.get(report["consultation_id"])
        return consultation is not None and report["state"] == consultation.kind.state


def read_tables(engine: Engine, schema: str) -> dict[str, list[Row]]:
    """Return every row of a daemon's tables; ``schema`` is theirs on PostgreSQL."""
    names = _SENDER if schema == "federated_sender" else _RECEIVER
    prefix = f"{schema}." if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {prefix}{name}")).mappings()]
            for name in names
        }


@dataclass(frozen=True)
class Message:
    """What a message itself says; ``answers`` is the message that it responds to, ``documents`` are digests."""

    message_id: str
    answers: str
    code: str
    documents: Sequence[str]


@lru_cache(maxsize=50_000)
def read_message(body: bytes) -> Message:
    """Read a message by its element names alone."""
    root = etree.fromstring(body)

    def every(path: str) -> list[str]:
        return [str(each) for each in root.xpath(path, namespaces=FHIR)]

    def one(path: str) -> str:
        return next(iter(every(path)), "")

    return Message(
        one("//f:MessageHeader/f:id/@value"),
        one("//f:MessageHeader/f:response/f:identifier/@value"),
        one("//f:OperationOutcome//f:details/f:coding/f:code/@value"),
        [
            hashlib.sha256(base64.b64decode(each)).hexdigest()
            for each in every("//f:attachment/f:data/@value | //f:Binary/f:content/@value")
        ],
    )


def grouped(rows: Sequence[Row], *names: str) -> dict[Any, list[Row]]:
    """Return rows by the value of a column, or by the values of several."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]].append(row)
    return found


def is_settled(evidence: Evidence) -> bool:
    """Say whether nothing is under way any more."""
    reports = evidence.sender["report"]
    return (
        {row["consultation_id"] for row in reports} >= evidence.written.keys()
        and all(row["state"] not in ("waiting", "queued", "sent", "accepted") for row in reports)
        # one that came from the future while a clock was off is looked at again
        and all(row["state"] != "invalid" or evidence.is_right(row) for row in reports)
        and all(row["processed_at"] is not None for row in evidence.sender["inbox"])
        and all(row["state"] not in ("received", "valid") for row in evidence.receiver["message"])
        and all(row["sent_at"] is not None for row in evidence.receiver["response"])
        and not evidence.unacknowledged()
    )


def standing(evidence: Evidence) -> tuple[Any, ...]:
    """Return something that stays the same as long as nothing goes on."""
    reports = [(row["state"], row["version"], row["attempts"]) for row in evidence.sender["report"]]
    messages = [(row["state"], row["attempts"]) for row in evidence.receiver["message"]]
    responses = [(row["sent_at"], row["attempts"]) for row in evidence.receiver["response"]]
    inbox = [(row["processed_at"], row["attempts"]) for row in evidence.sender["inbox"]]
    mesh = [row["status"] for row in evidence.mesh]
    return tuple(sorted(map(str, rows)) for rows in (reports, messages, responses, inbox, mesh))
