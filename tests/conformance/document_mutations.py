"""For each requirement on the content of a document, ways to break just that in a good one."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance import mutations
from tests.conformance.checks import HEADER, ORGANIZATION, PATIENT, PAYLOAD, PRACTITIONER
from tests.conformance.document_checks import (
    BINARY,
    COMPOSITION,
    DEFINITION,
    LOCAL_EXTENSION,
    RELATES_TO,
    SAME,
    SECTION,
    SEVERAL,
    both,
)
from tests.conformance.mutations import LATER, UNKNOWN, Mutation, Spoil, claim, drop, head, point_elsewhere, put, twice
from tests.conformance.specimen import Specimen

OF = {"1.3": "document 1.3", "2.0": "document"}


def _lose_attachment(sent: Specimen) -> None:
    sent.draft.remove(f"({SECTION})[2]")
    sent.draft.remove(f"({PAYLOAD}/f:entry[f:resource/f:Binary])[2]")


def _change_places(sent: Specimen) -> None:
    first, second = sent.elements(f"{PAYLOAD}/f:entry[f:resource/f:Binary]")
    second.addnext(first)


def _say_more(sent: Specimen) -> None:
    (paragraph,) = sent.draft.root.iter("{http://www.w3.org/1999/xhtml}p")
    paragraph.text = "A report"


def _each(numbers: tuple[str, ...], what: str, spoil: Spoil, of: str = "") -> Iterator[Mutation]:
    for identifier in numbers:
        yield Mutation(identifier, what, spoil, of or OF[identifier.partition("/")[0]])


def _as_of_1_2_0() -> Iterator[Mutation]:
    """Break what a requirement of 1.2.0 asks for as well in the same ways."""
    wanted = {identifier: (same,) for identifier, same in SAME.items()} | SEVERAL
    for identifier, same in wanted.items():
        for mutation in mutations.REPORT_MUTATIONS:
            if mutation.requirement in same and mutation.of == "report":
                yield from _each((identifier,), mutation.what, mutation.spoil)


_REPLACEMENT = "replacement"
ALL = [
    *_as_of_1_2_0(),
    *_each(both(103), "focus leads to nothing", put(f"{HEADER}/f:focus/f:reference", UNKNOWN)),
    *_each(both(103), "the payload claims another profile", claim(PAYLOAD)),
    *_each((*both(104), "1.3/GPCM-SD-113"), "there is a second Composition", twice(f"{PAYLOAD}/f:entry[1]")),
    *_each((*both(104), "1.3/GPCM-SD-113"), "the Composition is taken out", drop(f"{PAYLOAD}/f:entry[1]")),
    *_each((*both(105), "1.3/GPCM-SD-122"), "custodian is missing", drop(f"{COMPOSITION}/f:custodian")),
    *_each(both(105), "the custodian is another practice", put(f"{ORGANIZATION}/f:identifier/f:value", "Z99999")),
    *_each(
        (*both(106), "1.3/GPCM-SD-120"),
        "the subject is the Practitioner",
        point_elsewhere(f"{COMPOSITION}/f:subject", "Practitioner"),
    ),
    *_each(both(106), "the Patient claims another profile", claim(PATIENT)),
    *_each(
        (*both(107), "1.3/GPCM-SD-121"),
        "the author leads to nothing",
        put(f"{COMPOSITION}/f:author/f:reference", UNKNOWN),
    ),
    *_each(both(107), "the Practitioner claims another profile", claim(PRACTITIONER)),
    *_each(both(108), "a Binary has no meta", drop(f"({BINARY})[2]/f:meta")),
    *_each(both(109), "a section is missing", drop(f"({SECTION})[2]")),
    *_each(both(110), "an entry leads to nothing", put(f"({SECTION})[2]/f:entry/f:reference", UNKNOWN)),
    *_each(both(110), "a Binary claims another profile", claim(f"({BINARY})[2]")),
    *_each(both(111), "content is cut short", put(f"({BINARY})[2]/f:content", "iVBORw0KGgo=")),
    *_each(both(111), "content is no base64", put(f"({BINARY})[2]/f:content", "%%%%")),
    *_each(("1.3/GPCM-SD-112",), "the attachment comes first", _change_places),
    *_each(("1.3/GPCM-SD-112",), "an attachment is taken out", _lose_attachment),
    *_each(("1.3/GPCM-SD-124",), "the report says that it is HTML", put(f"({BINARY})[1]/f:contentType", "text/html")),
    *_each(("1.3/GPCM-SD-114",), "status is preliminary", put(f"{COMPOSITION}/f:status", "preliminary")),
    *_each(both(115), "the type has another code", put(f"{COMPOSITION}/f:type/f:coding/f:code", "1")),
    *_each(both(115), "the type is of another system", put(f"{COMPOSITION}/f:type/f:coding/f:system", "urn:x")),
    *_each(("1.3/GPCM-SD-116",), "date is another time", put(f"{COMPOSITION}/f:date", LATER)),
    *_each(("1.3/GPCM-SD-116",), "date is no date", put(f"{COMPOSITION}/f:date", "today")),
    *_each(("1.3/GPCM-SD-117",), "confidentiality is missing", drop(f"{COMPOSITION}/f:confidentiality")),
    *_each(("1.3/GPCM-SD-117",), "confidentiality is no code", put(f"{COMPOSITION}/f:confidentiality", "secret")),
    *_each(("1.3/GPCM-SD-118",), "the title is another", put(f"{COMPOSITION}/f:title", "Letter")),
    *_each(("1.3/GPCM-SD-119",), "the text says something else", _say_more),
    *_each(
        both(123),
        "a replacement names nothing",
        drop(f"{RELATES_TO}/f:targetIdentifier"),
        _REPLACEMENT,
    ),
    *_each(
        ("1.3/GPCM-SD-132",),
        "a replacement names another document",
        put(f"{RELATES_TO}/f:targetIdentifier/f:value", UNKNOWN[9:]),
        _REPLACEMENT,
    ),
    *_each(("1.3/GPCM-SD-131",), "it appends", put(f"{RELATES_TO}/f:code", "appends"), _REPLACEMENT),
    *_each(both(28), "the practice has no telephone", drop(f"{ORGANIZATION}/f:telecom")),
    *_each(both(28), "the practice has no name", drop(f"{ORGANIZATION}/f:name")),
    *_each(both(43), "MessageDefinition is another", put(DEFINITION, "urn:x")),
    *_each(("1.3/GPCM-SD-044", "2.0/GPCM-SD-044"), "LocalExtension is another", put(LOCAL_EXTENSION, "Letter")),
    *_each(both(57), "the workflow is another", head("Mex-WorkflowID", "PATHOLOGY")),
    *_each((*both(61), *both(64)), "the Subject says something else", head("Mex-Subject", "A report")),
]
