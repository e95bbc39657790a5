"""For each row of the table about the Composition payload, ways to break a good message so that it alone decides."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from shared.harness.breakages import (
    ENVELOPE,
    PAYLOAD,
    PDF,
    PNG,
    UNKNOWN,
    Breakage,
    Spoil,
    add,
    both,
    change,
    remove,
    repeat,
)
from shared.harness.draft import Draft

_HEADER: Final = "/f:Bundle/f:entry/f:resource/f:MessageHeader"
_RECIPIENT_TYPE: Final = f"{_HEADER}/f:extension/f:extension[@url='RecipientType']"
_COMPOSITION: Final = f"{PAYLOAD}/f:entry/f:resource/f:Composition"
_PATIENT: Final = f"{PAYLOAD}/f:entry/f:resource/f:Patient"
_PRACTITIONER: Final = f"{PAYLOAD}/f:entry/f:resource/f:Practitioner"
_PRACTICE: Final = f"{PAYLOAD}/f:entry/f:resource/f:Organization"
_BINARY: Final = f"{PAYLOAD}/f:entry/f:resource/f:Binary"
_DOCUMENT: Final = f"({_BINARY})[1]"
_ATTACHMENT: Final = f"({_BINARY})[2]"
_SECTION: Final = f"({_COMPOSITION}/f:section)[2]"
_RELATES: Final = '<relatesTo ><code value="{}"/><targetIdentifier><value value="{}"/></targetIdentifier></relatesTo>'
# what a Task alone forbids
_OF_TASKS: Final = frozenset({"recipient-type", "local-extension", "no-receiver"})


def _content(binary: str, data: bytes) -> Spoil:
    return change(f"{binary}/f:content", b64encode(data).decode())


def _composition_second(draft: Draft) -> None:
    composition = draft.find(f"{PAYLOAD}/f:entry[1]")[0]
    composition.getparent().append(composition)


def _two_compositions(draft: Draft) -> None:
    draft.repeat(f"{PAYLOAD}/f:entry[1]")
    draft.remove(f"{PAYLOAD}/f:entry[2]/f:fullUrl")


def _replaces_itself(draft: Draft) -> None:
    own = draft.find(f"{PAYLOAD}/f:identifier/f:value")[0].get("value")
    draft.add(_COMPOSITION, _RELATES.format("replaces", f"urn:uuid:{own}"))


def _confidential(draft: Draft) -> None:
    draft.set(f"{_COMPOSITION}/f:confidentiality", "R")
    draft.set(f"{_HEADER}/f:extension/f:extension[@url='LocalExtension']/f:valueString", "None")


_IN_THE_HEADER: Final[tuple[Breakage, ...]] = (
    *(each for each in ENVELOPE if each[0] not in _OF_TASKS),
    ("recipient-type", "10010", change(f"{_RECIPIENT_TYPE}/f:valueCoding/f:code", "XX")),
    ("recipient-type", "10010", remove(f"{_RECIPIENT_TYPE}/f:valueCoding")),
    ("no-receiver", "10008", add(_HEADER, '<destination ><endpoint value="x"/></destination>')),
)

_STRUCTURE: Final[tuple[Breakage, ...]] = (
    ("payload-task", "20009", remove(f"{PAYLOAD}/f:entry[1]")),
    ("payload-task", "20009", _two_compositions),
    ("payload-fhir", "20009", repeat(f"{_COMPOSITION}/f:title")),
    ("payload-fhir", "20009", add(_SECTION, '<colour value="blue"/>')),
    ("document-bundle", "20009", change(f"{PAYLOAD}/f:type", "collection")),
    ("document-identifier", "20009", remove(f"{PAYLOAD}/f:identifier/f:system")),
    ("composition-first", "20009", _composition_second),
    ("composition-subject", "20009", remove(f"{_COMPOSITION}/f:subject")),
    ("composition-subject", "20009", change(f"{_COMPOSITION}/f:subject/f:reference", UNKNOWN)),
    ("composition-author", "20009", remove(f"{_COMPOSITION}/f:author")),
    ("composition-author", "20009", change(f"{_COMPOSITION}/f:author/f:reference", UNKNOWN)),
    ("composition-custodian", "20009", remove(f"{_COMPOSITION}/f:custodian")),
    ("composition-date", "20009", change(f"{_COMPOSITION}/f:date", "20 November 2026")),
    ("composition-type", "20009", change(f"{_COMPOSITION}/f:type/f:coding/f:system", "urn:x")),
    ("composition-relates-to", "20009", add(_COMPOSITION, _RELATES.format("appends", UNKNOWN))),
    ("composition-relates-to", "20009", add(_COMPOSITION, _RELATES.format("replaces", " "))),
)

_PEOPLE: Final[tuple[Breakage, ...]] = (
    ("one-patient", "20009", remove(f"{PAYLOAD}/f:entry[f:resource/f:Patient]")),
    ("nhs-number", "20009", change(f"{_PATIENT}/f:identifier/f:value", "9690937279")),
    ("nhs-number-status", "20009", remove(f"{_PATIENT}/f:identifier/f:extension")),
    ("patient-name", "20009", remove(f"{_PATIENT}/f:name/f:family")),
    ("birth-date", "20009", change(f"{_PATIENT}/f:birthDate", "1957-02-30")),
    ("gender", "20009", change(f"{_PATIENT}/f:gender", "M")),
    ("practitioner-id", "20009", remove(f"{_PRACTITIONER}/f:identifier")),
    ("practitioner-name", "20009", remove(f"{_PRACTITIONER}/f:name/f:use")),
    ("organization-code", "20009", remove(f"{_PRACTICE}/f:identifier")),
    ("organization-name", "20009", remove(f"{_PRACTICE}/f:name")),
    ("organization-telephone", "20009", change(f"{_PRACTICE}/f:telecom/f:system", "email")),
)

_SECTIONS: Final[tuple[Breakage, ...]] = (
    ("sections", "20009", both(remove(f"{_COMPOSITION}/f:section"), remove(f"{PAYLOAD}/f:entry[f:resource/f:Binary]"))),
    ("sections", "20009", add(_COMPOSITION, '<section ><title value="Text alone"/></section>')),
    ("sections", "20009", add(_SECTION, '<section ><title value="Within"/></section>')),
    ("section-entry", "20009", change(f"{_SECTION}/f:entry/f:reference", UNKNOWN)),
    ("binaries-are-entries", "20009", remove(_SECTION)),
    ("binaries-are-entries", "20009", repeat(f"{_SECTION}/f:entry")),
    ("binary-contents", "20009", remove(f"{_ATTACHMENT}/f:contentType")),
    ("binary-contents", "20009", remove(f"{_ATTACHMENT}/f:content")),
    ("binary-data", "20009", change(f"{_ATTACHMENT}/f:content", "%%%%")),
    ("binary-data", "20009", change(f"{_ATTACHMENT}/f:content", "")),
    ("binary-type", "20004", change(f"{_ATTACHMENT}/f:contentType", "application/x-msdownload")),
    ("binary-bytes", "20005", _content(_ATTACHMENT, PDF)),
    ("binary-bytes", "20005", _content(_ATTACHMENT, b"\x7fELF\x02")),
    ("document-bytes", "20009", _content(_DOCUMENT, b"not a PDF")),
)

_BUSINESS: Final[tuple[Breakage, ...]] = (
    ("composition-status", "20009", change(f"{_COMPOSITION}/f:status", "preliminary")),
    ("composition-code", "20009", change(f"{_COMPOSITION}/f:type/f:coding/f:code", "1")),
    ("composition-confidentiality", "20009", change(f"{_COMPOSITION}/f:confidentiality", "secret")),
    (
        *("document-is-pdf", "20009"),
        both(change(f"{_DOCUMENT}/f:contentType", "image/png"), _content(_DOCUMENT, PNG)),
    ),
    ("confidential-document", "20009", _confidential),
    ("replaces-another", "20009", _replaces_itself),
)

DOCUMENT: Final = (*_IN_THE_HEADER, *_STRUCTURE, *_PEOPLE, *_SECTIONS, *_BUSINESS)
"""Of a report of Send Document whose second Binary is a PNG; a replacement that fails needs an original as well."""
