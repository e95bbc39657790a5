"""Reads the Composition payload of GP Connect Send Document: the view that its rules judge, and the facts in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from shared.itk3 import demographics, systems
from shared.itk3.attachments import bare_type
from shared.itk3.bundle import Bundle
from shared.itk3.composition_build import NORMAL, RESTRICTED, document_description
from shared.itk3.demographics import PeopleView
from shared.itk3.element import Element
from shared.itk3.envelope import Envelope
from shared.itk3.model import Document, Identifier, ReceivedReport
from shared.itk3.naming import identifier
from shared.itk3.primitives import read_base64, read_date_time

# GPCM-SD-107 of the assessment list wants an Organization, which STU3 does not allow as an author: both are taken
_AUTHORS: Final = ("Practitioner", "Patient", "RelatedPerson", "Device", "Organization")
_VERY_RESTRICTED: Final = "V"


@dataclass(frozen=True)
class EntryView:
    """One entry of a section; ``place`` counts from 1, ``binary`` is None when it does not lead to a Binary."""

    place: int
    title: str | None
    binary: Element | None

    @property
    def content_type(self) -> str | None:
        """The MIME type."""
        return None if self.binary is None else self.binary.value_at("contentType")

    @cached_property
    def data(self) -> bytes | None:
        """The bytes; None when they are missing or not base64."""
        return None if self.binary is None else read_base64(self.binary.value_at("content"))


class CompositionView(PeopleView):
    """A document bundle with one Composition, its references resolved; what does not resolve is None."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.composition = bundle.of_type("Composition")[0]

    @cached_property
    def patient(self) -> Element | None:
        """``Composition.subject``."""
        return self.bundle.follow(self.composition, "subject", "Patient")

    @cached_property
    def authors(self) -> list[Element | None]:
        """Each ``Composition.author``."""
        return [self.bundle.resolve(each.text("reference"), *_AUTHORS) for each in self.composition.all("author")]

    @property
    def practitioner(self) -> Element | None:
        """The first author who is a clinician."""
        return next((author for author in self.authors if author is not None and author.name == "Practitioner"), None)

    @cached_property
    def custodian(self) -> Element | None:
        """``Composition.custodian``: the practice that saw the patient."""
        return self.bundle.follow(self.composition, "custodian", "Organization")

    @property
    def practices(self) -> tuple[Element | None, ...]:
        """The practice that saw the patient: a document names no other."""
        return (self.custodian,)

    @property
    def sections(self) -> list[Element]:
        """Every ``Composition.section``."""
        return self.composition.all("section")

    @cached_property
    def entries(self) -> tuple[EntryView, ...]:
        """The entries of all sections in their order; the first is the document itself, the others are attachments."""
        found = [(section, entry) for section in self.sections for entry in section.all("entry")]
        return tuple(
            EntryView(place, section.text("title"), self.bundle.resolve(entry.text("reference"), "Binary"))
            for place, (section, entry) in enumerate(found, 1)
        )

    @property
    def codes(self) -> set[str | None]:
        """The SNOMED CT codes of ``Composition.type``."""
        codings = self.composition.all("type", "coding")
        return {coding.text("code") for coding in codings if coding.text("system") == systems.SNOMED_CT} - {None}

    @property
    def confidentiality(self) -> str:
        """``Composition.confidentiality``, normal when nothing is said."""
        return (self.composition.text("confidentiality") or NORMAL).strip()

    @property
    def is_confidential(self) -> bool:
        """Whether the patient wants the consultation kept confidential."""
        return self.confidentiality in (RESTRICTED, _VERY_RESTRICTED)

    @property
    def version(self) -> int | None:
        """The version, which a document carries as ``Composition.meta.versionId``."""
        text = (self.composition.text("meta", "versionId") or "").strip()
        return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else None


def has_one_composition(bundle: Bundle) -> bool:
    """Say whether this is a document (1.3 GPCM-SD-104); beside a Task nobody could say which of the two is meant."""
    return len(bundle.of_type("Composition")) == 1 and not bundle.of_type("Task")


def replaced_identifier(bundle: Bundle) -> Identifier | None:
    """Return what the document is called that this one replaces."""
    target = bundle.of_type("Composition")[0].one("relatesTo", "targetIdentifier")
    return None if target is None else identifier(target.text("value"), target.text("system"))


def read_document_report(envelope: Envelope) -> ReceivedReport:
    """Return the facts of a message that every rule of the table held for; raises ValueError for another."""
    bundle = envelope.payload
    if bundle is None or not has_one_composition(bundle):
        raise ValueError("the message has no Composition payload")
    view = CompositionView(bundle)
    written = read_date_time(view.composition.text("date"))
    if view.patient is None or written is None or not view.entries:
        raise ValueError("the message did not pass the rules")
    patient = demographics.read_patient(view.patient)
    sender = demographics.read_organization(view.custodian)
    shown = None if view.is_confidential else sender
    return ReceivedReport(
        message_id=envelope.message_id or "",
        payload_id=bundle.element.text("id") or "",
        payload_identifier=bundle.identifier or "",
        sender_reference=envelope.sender_reference or "",
        sender_ods_code=envelope.sender_ods_code or "",
        description=document_description(patient.name, patient.nhs_number, shown, view.version),
        version=view.version,
        authored_on=written,
        confidential=view.is_confidential,
        recipient_ods_code=None,
        patient=patient,
        practitioner=demographics.read_practitioner(view.practitioner),
        sender=sender,
        documents=tuple(_document(entry, written) for entry in view.entries),
        replaces=replaced_identifier(bundle),
    )


def _document(entry: EntryView, written: datetime) -> Document:
    return Document(
        description=(entry.title or f"Document {entry.place}").strip(),
        content_type=bare_type(entry.content_type),
        data=entry.data or b"",
        created=written.astimezone(UTC),
    )
