"""Good messages to mutate, full of words that must never appear in a log."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from functools import cache
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from fhir.resources.STU3.bundle import Bundle

from registered_receiver.matching import IndexedPatient
from shared.itk3.build import build_report, report_ids
from shared.itk3.identity import payload_identifier
from shared.itk3.model import Address, Patient, PersonName
from shared.itk3.payloads import DOCUMENT_PAYLOAD, TASK_PAYLOAD
from tests.registered_receiver.bench import CONSULTATION, JPEG, PDF, PHOTOGRAPH, REPORT, report, subject_of

CANARY = "Xylocanary"
"""What the mutations themselves put into a message, in every place that they find."""
FAMILY, GIVEN, LABEL, STREET, NOTE = "Quillfeather", "Zebedine", "Plumrash", "Wexcombe", "Grobblenote"
TELEPHONE, POSTCODE = "01632 960777", "QZ9 7XW"
BORN = date(1931, 7, 23)
REGISTERED, LEFT, DECEASED, UNKNOWN = "9690937278", "9690937286", "9434765919", "9990000018"
CANARIES = (
    *(CANARY, FAMILY, GIVEN, LABEL, STREET, NOTE, TELEPHONE, POSTCODE),
    *(BORN.isoformat(), BORN.strftime("%Y%m%d"), REGISTERED, LEFT, DECEASED, UNKNOWN),
)
"""The patient data of every message: no log line may hold any of it, in whatever case."""

INDEX = (
    IndexedPatient(REGISTERED, FAMILY, GIVEN, BORN, "registered"),
    IndexedPatient(LEFT, FAMILY, GIVEN, BORN, "left", left_on=date(2026, 1, 1)),
    IndexedPatient(DECEASED, FAMILY, GIVEN, BORN, "deceased", died_on=date(2026, 10, 1)),
)
"""The practice's patients; a message about the fourth number is nearly, or not, about one of them."""

_ADDRESS = Address((f"9 {STREET} Gyre", "Carlisle"), POSTCODE)
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Specimen(NamedTuple):
    """A good message as XML and as JSON, with its subject. ``header_id`` is its MessageHeader.id."""

    xml: bytes
    as_json: bytes
    subject: str
    header_id: bytes


def found_in(text: str) -> list[str]:
    """Return the words of the patient, or of the mutations, that ``text`` holds."""
    folded = text.casefold()
    return [word for word in CANARIES if word.casefold() in folded]


def _patient(nhs_number: str, **changes: Any) -> Patient:
    patient = Patient(
        nhs_number=nhs_number,
        nhs_number_verified=True,
        name=PersonName(FAMILY, (GIVEN,), "Mr"),
        birth_date=BORN,
        gender="male",
        telephones=(TELEPHONE,),
        address=_ADDRESS,
        current_address=_ADDRESS,
    )
    return replace(patient, **changes)


FIRST_DOCUMENT = 7
"""Its place among the specimens; it has a picture beside the report."""


@cache
def specimens() -> tuple[Specimen, ...]:
    """Return good messages of several kinds: of patients who are here, gone, dead or nearly known; confidential too.

    The last are documents, one of which replaces another message's.
    """
    text = replace(REPORT, data=PDF + NOTE.encode())
    photograph = replace(PHOTOGRAPH, description=f"{LABEL} on the arm", data=JPEG + NOTE.encode())
    letter = replace(PHOTOGRAPH, description="Letter", content_type="text/plain", data=NOTE.encode())
    two, three = (text, photograph), (text, photograph, letter)
    stranger = _patient(UNKNOWN, name=PersonName("Nobodysson", (GIVEN,)))
    misspelt = _patient(REGISTERED, name=PersonName(f"{FAMILY}s", (GIVEN,)))
    unverified = _patient(REGISTERED, nhs_number_verified=False)
    messages = (
        *(report(patient=_patient(number), documents=two) for number in (REGISTERED, LEFT, DECEASED)),
        *(report(patient=patient, documents=two) for patient in (stranger, misspelt)),
        report(patient=unverified, documents=three),
        report(patient=_patient(REGISTERED), documents=(text,), confidential=True),
    )
    original = payload_identifier(messages[0].report_id)
    replacement = report(2, patient=_patient(REGISTERED), documents=two, replaces=original)
    documents = [(message, DOCUMENT_PAYLOAD) for message in (messages[0], messages[5], replacement)]
    found = []
    for message, payload in (*((message, TASK_PAYLOAD) for message in messages), *documents):
        body = build_report(message, payload)
        as_json = Bundle.model_validate_xml(body).model_dump_json().encode()
        found.append(Specimen(body, as_json, subject_of(body), report_ids(message).message_header.encode()))
    return tuple(found)


def renamed(specimen: Specimen, parts: Random, header: Random, chain: Random) -> Specimen:
    """Return the message under ids of its own; each source of chance gives ids of one kind, and repeats them."""
    consultation = CONSULTATION.encode()

    def another(match: re.Match[bytes]) -> bytes:
        return known[match[0]]

    known = dict.fromkeys(sorted(set(_UUID.findall(specimen.xml))), b"")
    for old in known:
        source = {specimen.header_id: header, consultation: chain}.get(old, parts)
        known[old] = str(UUID(int=source.getrandbits(128), version=4)).encode()
    return Specimen(
        _UUID.sub(another, specimen.xml),
        _UUID.sub(another, specimen.as_json),
        specimen.subject,
        known[specimen.header_id],
    )


def document(specimen: Specimen) -> dict[str, Any]:
    """Return the message as JSON that may be changed."""
    content: dict[str, Any] = json.loads(specimen.as_json)
    return content
