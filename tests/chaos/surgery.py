"""A clinical system for experiments: synthetic consultations of every kind, written straight into the outbox table.

Nothing of the product is used here: what must become of each consultation is known beforehand.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, text

FEDERATED, REGISTERED = "A81001", "B82002"
_FAMILIES: Final = ("Ashdown", "Penhallow", "O'Carroll", "Tregarth", "Løvland", "Garrowby", "Smith-Wexcombe")
_GIVEN: Final = ("Owen", "Zoë", "Idris", "Margaret", "Wren", "Piotr")


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of consultation: the state and the reason that each version must end in."""

    name: str
    state: str
    reason: str | None = None
    share: int = 1

    @property
    def is_sent(self) -> bool:
        return self.state in ("delivered", "failed")

    @property
    def arrives(self) -> bool:
        return self.is_sent and not (self.reason or "").startswith("EPL")


KINDS: Final = (
    Kind("plain", "delivered", share=6),
    Kind("updated", "delivered", share=6),
    Kind("attached", "delivered", share=2),
    Kind("confidential", "delivered"),
    Kind("left", "failed", "30003"),
    Kind("unknown", "failed", "30002"),
    Kind("untraced", "failed", "EPL-153"),
    Kind("regular", "not_required", "regular_patient"),
    Kind("invalid", "invalid"),
)


@dataclass(frozen=True, slots=True)
class Consultation:
    """One consultation and its patient."""

    number: int
    kind: Kind
    consultation_id: str
    nhs_number: str
    family: str
    given: str
    birth_date: date

    def note(self, edition: int) -> str:
        """Return the text that tells one edition from another."""
        return f"Note {self.number} in edition {edition}: throat sore, no fever"

    def row(self, now: datetime, edition: int) -> dict[str, Any]:
        """Return the outbox row of the first or a later edition."""
        notes = [{"heading": "History", "items": [{"text": self.note(each)} for each in range(1, edition + 1)]}]
        number = self.nhs_number[:-1] + str((int(self.nhs_number[-1]) + 1) % 10)
        return {
            "consultation_id": self.consultation_id,
            "started_at": (now - timedelta(minutes=20)).isoformat(),
            "updated_at": now.isoformat(),
            "confidential": self.kind.name == "confidential",
            "patient_nhs_number": number if self.kind.name == "invalid" else self.nhs_number,
            "patient_nhs_number_verified": True,
            "patient_title": "Mx",
            "patient_family": self.family,
            "patient_given": json.dumps([self.given]),
            "patient_birth_date": self.birth_date.isoformat(),
            "patient_gender": "other",
            "patient_registration_type": "regular" if self.kind.name == "regular" else "temporary",
            "patient_registered_practice_ods_code": REGISTERED,
            "patient_address": json.dumps({"lines": ["1 Quarry Rise", "Carlisle"], "postcode": "CA1 1ZZ"}),
            "practitioner_sds_user_id": "033345750518",
            "practitioner_family": "Pritchard",
            "practitioner_given": json.dumps(["Gwen"]),
            "practitioner_role": "General practitioner",
            "practitioner_telephone": "01632 960002",
            "notes": json.dumps(notes),
        }

    def attachments(self) -> Sequence[Mapping[str, Any]]:
        """Return the attachments, the same for every edition."""
        if self.kind.name != "attached":
            return ()
        letter = f"A letter about consultation {self.number}.\n".encode() * 40
        picture = b"\x89PNG\r\n\x1a\n" + random.Random(self.number).randbytes(6_000)
        return [
            {"title": title, "content_type": kind, "data": data, "sha256": hashlib.sha256(data).hexdigest()}
            for title, kind, data in (("LETTER", "text/plain", letter), ("ECG", "image/png", picture))
        ]


def consultations(seed: int) -> Iterator[Consultation]:
    """Return consultations without end, the same ones for the same seed."""
    chance = random.Random(seed)
    kinds = [kind for kind in KINDS for _ in range(kind.share)]
    for number, nhs_number in enumerate(nhs_numbers()):
        # every kind comes at the beginning; after that as chance wills
        kind = KINDS[number] if number < len(KINDS) else chance.choice(kinds)
        yield Consultation(
            number,
            kind,
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            nhs_number,
            chance.choice(_FAMILIES),
            chance.choice(_GIVEN),
            date(1930, 1, 1) + timedelta(days=chance.randrange(33_000)),
        )


def nhs_numbers() -> Iterator[str]:
    """Return numbers that no patient has, 999 at the beginning, each with its check digit."""
    for number in range(1_000_000):
        body = f"999{number:06}"
        digit = (11 - sum(int(each) * weight for each, weight in zip(body, range(10, 1, -1), strict=True)) % 11) % 11
        if digit != 10:
            yield f"{body}{digit}"


def patient_index(people: Sequence[Consultation], today: date) -> str:
    """Return the registered practice's patients as CSV."""
    lines = ["nhs_number,family,given,birth_date,status,left_on,died_on"]
    for each in people:
        if each.kind.name == "unknown":
            continue
        status = f"left,{today - timedelta(days=90)}," if each.kind.name == "left" else "registered,,"
        lines.append(f"{each.nhs_number},{each.family},{each.given},{each.birth_date},{status}")
    return "\n".join(lines) + "\n"


def register(engine: Engine, line: str) -> None:
    """Write one line of a patient index straight into the registered practice's table."""
    names = ("nhs_number", "family", "given", "birth_date", "status", "left_on", "died_on")
    row = dict(zip(names, (each or None for each in line.split(",")), strict=True))
    with engine.begin() as connection:
        marks = ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO patient ({', '.join(names)}) VALUES ({marks})"), row)


def write(engine: Engine, consultation: Consultation, now: datetime, edition: int) -> None:
    """Insert a consultation, or update the row that is there, with its attachments, in one transaction."""
    row = consultation.row(now, edition)
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    changes = ", ".join(f"{name} = excluded.{name}" for name in row if name != "consultation_id")
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO outbox ({names}) VALUES ({values}) ON CONFLICT (consultation_id) DO UPDATE SET {changes}"
            ),
            row,
        )
        if edition > 1:
            return
        for position, attachment in enumerate(consultation.attachments(), start=1):
            connection.execute(
                text(
                    "INSERT INTO outbox_attachment (consultation_id, position, title, content_type, sha256, data)"
                    " VALUES (:consultation_id, :position, :title, :content_type, :sha256, :data)"
                ),
                {"consultation_id": consultation.consultation_id, "position": position, **attachment},
            )
