"""Arbitrary legal consultations, as the contract's JSON, and what each of them is a case of."""

from __future__ import annotations

import json
import string
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

LATIN = string.ascii_letters + "áéíóúàèìòùâêîôûŵŷäëïöüÄÖÜßñçøåæœłŁżźćńśğşőűĀēīō"
FAMILIES = (
    *("Smith", "O'Brien", "O\u2019Neill", "Smith-Jones", "Ó Súilleabháin", "Llŷr ap Gruffudd", "ferch Siôn"),
    *("D'Arcy-Çelik", "van der Berg", "Łukasiewicz", "Nguyễn", "McDonald & Sons", "Featherstonehaugh" * 9, "Y"),
)
GIVEN = (
    "Richard",
    "Siân",
    "Mary-Jane",
    "Zoë",
    "Gwenllïan",
    "José María",
    "D'Angelo",
    "Bartholomew" * 7,
    "Wŷn & Cariad",
)
PLACES = ("1 High Street", "Flat 2 & 3", "Tŷ'r Ysgol", "Llanfair\u00adpwllgwyngyll", "St Mary's Court", "x" * 200)
# what XML 1.0 cannot carry is no legal text
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", codec="utf-8")
    | st.sampled_from("&<>\"'é"),
    max_size=40,
)
LINES = TEXTS.map(str.strip).filter(bool)
NOTES = st.lists(LINES, min_size=1, max_size=4).map("\n".join)
CODES = st.fixed_dictionaries(
    {
        "system": st.sampled_from(["http://snomed.info/sct", "https://dmd.nhs.uk"]),
        "code": st.just("162397003"),
        "display": LINES,
    }
)
NHS_NUMBERS = ("9690937278", "9690937286", "9434765919", "9990000018")
SIGNATURES = {
    "application/pdf": b"%PDF-1.7\n",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/tiff": b"II*\x00",
    "application/rtf": b"{\\rtf1 ",
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "text/plain": b"as text ",
    "text/html": b"<html>",
}
FEATURES = (
    *("attachments", "confidential consultation", "confidential item", "accents", "ampersand"),
    *("unverified number", "missing optional data"),
)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def names(*known: str) -> st.SearchStrategy[str]:
    return st.sampled_from(known) | st.text(LATIN, min_size=1, max_size=30)


ADDRESSES = st.fixed_dictionaries(
    {"lines": st.lists(st.sampled_from(PLACES) | LINES, max_size=4), "postcode": optional(st.just("CA1 1AA"))}
)
TELEPHONES = st.lists(st.sampled_from(["01632 960001", "+44 1632 960002", "07700 900000 (son)"]), max_size=2)
ATTACHMENTS = st.builds(
    lambda title, kind, rest: {
        "title": title,
        "content_type": kind,
        "data": b64encode(SIGNATURES[kind] + (b"" if kind.startswith("text/") else rest)).decode(),
    },
    LINES | st.just("Federated consultation report"),
    st.sampled_from(sorted(SIGNATURES)),
    st.binary(max_size=200),
)
SECTIONS = st.fixed_dictionaries(
    {
        "heading": LINES,
        "items": st.lists(
            st.fixed_dictionaries(
                {"text": NOTES, "code": optional(CODES), "confidential": st.sampled_from([False, False, False, True])}
            ),
            max_size=3,
        ),
    }
)
VERIFIED_PATIENTS = st.fixed_dictionaries(
    {
        "nhs_number": st.sampled_from(NHS_NUMBERS),
        "nhs_number_verified": st.just(True),
        "title": optional(st.sampled_from(["Mr", "Mrs", "Dr", "Y Parch."])),
        "family": names(*FAMILIES),
        "given": st.lists(names(*GIVEN), max_size=3),
        "birth_date": st.dates(date(1900, 1, 1), date(2026, 11, 19)).map(date.isoformat),
        "gender": optional(st.sampled_from(["male", "female", "other", "unknown"])),
        "registration_type": st.sampled_from(["temporary", "walk-in"]),
        "registered_practice_ods_code": st.just("B82002"),
        "telephones": TELEPHONES,
        "address": optional(ADDRESSES),
        "current_telephones": TELEPHONES,
        "current_address": optional(ADDRESSES),
    }
)
FULL_DEMOGRAPHICS = st.fixed_dictionaries(
    {
        "nhs_number_verified": st.just(False),
        "given": st.lists(names(*GIVEN), min_size=1, max_size=3),
        "gender": st.sampled_from(["male", "female", "other", "unknown"]),
        "address": st.fixed_dictionaries(
            {"lines": st.lists(st.sampled_from(PLACES), min_size=1, max_size=4), "postcode": st.just("CA1 1AA")}
        ),
    }
)
PATIENTS = VERIFIED_PATIENTS | st.builds(lambda patient, full: patient | full, VERIFIED_PATIENTS, FULL_DEMOGRAPHICS)
PRACTITIONERS = st.fixed_dictionaries(
    {
        "sds_user_id": st.text(string.digits, min_size=1, max_size=12),
        "title": optional(st.just("Dr")),
        "family": names(*FAMILIES),
        "given": st.lists(names(*GIVEN), max_size=2),
        "role": LINES,
        "telephone": optional(st.just("01632 960002")),
    }
)
MOMENTS = st.integers(0, 21 * 60).map(
    lambda minutes: (datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()
)
CONSULTATIONS = st.fixed_dictionaries(
    {
        "consultation_id": st.uuids().map(str),
        "started_at": MOMENTS,
        "updated_at": MOMENTS,
        "confidential": st.sampled_from([False, False, True]),
        "patient": PATIENTS,
        "practitioner": PRACTITIONERS,
        "notes": st.lists(SECTIONS, max_size=3),
        "attachments": st.lists(ATTACHMENTS, max_size=3),
    }
)
"""Every one of these may be enqueued and must be sent."""
WITH_PNG = st.builds(
    lambda content, gender, png: (
        content
        | {
            "confidential": False,
            "patient": content["patient"] | {"gender": gender},
            "attachments": [
                {"title": "ECG", "content_type": "image/png", "data": b64encode(SIGNATURES["image/png"] + png).decode()}
            ],
        }
    ),
    CONSULTATIONS,
    st.sampled_from(["male", "female"]),
    st.binary(max_size=50),
)
"""Those with one picture beside the report: the message has every element that a breakage spoils."""


def features(content: Mapping[str, Any]) -> list[str]:
    """Return what a consultation is a case of."""
    patient, text = content["patient"], json.dumps(content, ensure_ascii=False)
    optional_data = (patient["title"], patient["given"], patient["gender"], patient["address"], patient["telephones"])
    present = (
        content["attachments"],
        content["confidential"],
        any(item["confidential"] for section in content["notes"] for item in section["items"]),
        any(letter.isalpha() and not letter.isascii() for letter in patient["family"] + "".join(patient["given"])),
        "&" in text,
        not patient["nhs_number_verified"],
        not all(optional_data),
    )
    return [feature for feature, there in zip(FEATURES, present, strict=True) if there]
