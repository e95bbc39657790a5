"""Canary words: what a patient, their notes and their documents are called here, and nowhere else in the world."""

from __future__ import annotations

import base64
import re
from datetime import date
from typing import Any

from registered_receiver.matching import IndexedPatient
from shared.itk3.model import Address, Document, Patient, PersonName, Practitioner, ReportMessage
from tests.federated_sender.bench import consultation as plain
from tests.registered_receiver.bench import AUTHORED, PDF
from tests.registered_receiver.bench import report as plain_report

NUMBER, OTHER_NUMBER = "9434765919", "9434765870"
FAMILY, GIVEN, TITLE = "Quillfeather", "Zebedyah", "Brigadieress"
BIRTH_DATE = date(1931, 12, 29)
TELEPHONE, CURRENT_TELEPHONE = "01632 960777", "07700 900555"
LINES, POSTCODE = ["77 Marzipan Crescent", "Turmericton"], "ZX9 9ZZ"
CURRENT_LINES, CURRENT_POSTCODE = ["Saffron Towers"], "YX8 8YY"
CLINICIAN, CLINICIAN_GIVEN, CLINICIAN_TELEPHONE = "Featherstonehaughley", "Ottoline", "01632 960888"
ROLE, USER_ID, CLINICIAN_TITLE = "Locum canarist", "C4N4RYUSER77", "Professorix"
HEADING, TEXT, DISPLAY = "Pepperheading", "murmuring xylophonic rash", "Velveteen finding"
LABEL, CONTENT, FILE = "Marmalade scan", b"whispered wombat contents", "thunderfile-quokka.txt"
STRANGE = "Kumquat"
"""What a stranger writes where nothing of a patient belongs."""
WHY = f"the receptionist said {STRANGE}"
DIAGNOSTICS = "diagnosed gobbledegook"
REGISTRATION = "visiting-troubadour"

_DATES = ("1931-12-29", "19311229", "29121931", "29-Dec-1931", "29 Dec 1931", "29/12/1931", "29-12-1931")
_WORDS = (
    *(NUMBER, OTHER_NUMBER, FAMILY, GIVEN, TITLE, TELEPHONE, CURRENT_TELEPHONE, "Marzipan", "Turmericton", POSTCODE),
    *("Saffron", CURRENT_POSTCODE, CLINICIAN, CLINICIAN_GIVEN, CLINICIAN_TELEPHONE, "canarist", USER_ID),
    *(CLINICIAN_TITLE, HEADING, "xylophonic", "Velveteen", "Marmalade", "wombat", "quokka", STRANGE, "gobbledegook"),
    *("troubadour", "770077007", *_DATES),
)


def _flat(text: str) -> str:
    """Return ``text`` without what parts words and digits, so that a number in groups is the same number."""
    return re.sub(r"[\s_\-+/.]|%20", "", text).casefold()


def _encoded(word: str) -> list[str]:
    """Return how a word looks inside base64, wherever it begins."""
    encoded = [base64.b64encode(b"." * shift + word.encode()).decode() for shift in range(3)]
    return [text[4 if shift else 0 : -4] for shift, text in enumerate(encoded)]


_FLAT = {_flat(word): word for word in _WORDS}
_BASE64 = {text: word for word in (NUMBER, FAMILY, CONTENT.decode(), TEXT) for text in _encoded(word)}


def found_in(text: str) -> set[str]:
    """Return the canary words that ``text`` holds, however they are written."""
    flat = _flat(text)
    return {word for each, word in _FLAT.items() if each in flat} | {
        word for each, word in _BASE64.items() if each in text
    }


def consultation(**changes: Any) -> dict[str, Any]:
    """Return the contract's JSON with a canary in every field that says something of a patient or a clinician."""
    content = plain()
    content["patient"] |= {
        "nhs_number": NUMBER,
        "title": TITLE,
        "family": FAMILY,
        "given": [GIVEN],
        "birth_date": BIRTH_DATE.isoformat(),
        "gender": "female",
        "registration_type": REGISTRATION,
        "telephones": [TELEPHONE],
        "address": {"lines": LINES, "postcode": POSTCODE},
        "current_telephones": [CURRENT_TELEPHONE],
        "current_address": {"lines": CURRENT_LINES, "postcode": CURRENT_POSTCODE},
    }
    content["practitioner"] = {
        "sds_user_id": USER_ID,
        "title": CLINICIAN_TITLE,
        "family": CLINICIAN,
        "given": [CLINICIAN_GIVEN],
        "role": ROLE,
        "telephone": CLINICIAN_TELEPHONE,
    }
    code = {"system": "http://snomed.info/sct", "code": "770077007", "display": DISPLAY}
    content["notes"] = [{"heading": HEADING, "items": [{"text": TEXT, "code": code}, {"text": TEXT[::-1] + TEXT}]}]
    data = base64.b64encode(CONTENT).decode()
    content["attachments"] = [{"title": LABEL, "content_type": "text/plain", "data": data}]
    for name, value in changes.items():
        group, _, key = name.rpartition("__")
        (content[group] if group else content)[key] = value
    return content


PATIENT = Patient(
    nhs_number=NUMBER,
    nhs_number_verified=True,
    name=PersonName(FAMILY, (GIVEN,), TITLE),
    birth_date=BIRTH_DATE,
    gender="female",
    telephones=(TELEPHONE,),
    address=Address(tuple(LINES), POSTCODE),
    current_telephones=(CURRENT_TELEPHONE,),
    current_address=Address(tuple(CURRENT_LINES), CURRENT_POSTCODE),
)
PRACTITIONER = Practitioner(USER_ID, PersonName(CLINICIAN, (CLINICIAN_GIVEN,), CLINICIAN_TITLE), CLINICIAN_TELEPHONE)
DOCUMENTS = (
    Document("Federated Consultation Report", "application/pdf", PDF + CONTENT, AUTHORED),
    Document(LABEL, "text/plain", CONTENT, AUTHORED),
)
INDEXED = IndexedPatient(NUMBER, FAMILY, GIVEN, BIRTH_DATE, "registered")


def report(version: int = 1, **changes: Any) -> ReportMessage:
    """Return a report of Alder Practice with a canary in every field that says something of a patient."""
    return plain_report(version, **{"patient": PATIENT, "practitioner": PRACTITIONER, "documents": DOCUMENTS} | changes)
