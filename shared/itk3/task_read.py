"""Reads the Task payload of GP Connect Messaging 1.2.0: the view that its rules judge, and the facts in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from shared.itk3 import demographics, systems
from shared.itk3.attachments import bare_type
from shared.itk3.bundle import Bundle
from shared.itk3.demographics import PeopleView
from shared.itk3.element import Element
from shared.itk3.envelope import Envelope, ods_code
from shared.itk3.model import Document, ReceivedReport
from shared.itk3.primitives import read_base64, read_date_time


@dataclass(frozen=True)
class DocumentView:
    """One DocumentReference that a Task.input refers to; ``place`` counts from 1."""

    place: int
    input: Element
    element: Element

    @property
    def description(self) -> str:
        """The label for staff, empty when there is none."""
        return self.element.text("description") or ""

    @property
    def is_report(self) -> bool:
        """Whether it is the consultation report itself, by its description (decision 29)."""
        return self.description.strip().casefold() == systems.REPORT_DESCRIPTION.casefold()

    @property
    def content_type(self) -> str | None:
        """The MIME type of the one attachment."""
        return self.element.value_at("content", "attachment", "contentType")

    @cached_property
    def data(self) -> bytes | None:
        """The bytes of the one attachment; None when they are missing or not base64."""
        return read_base64(self.element.value_at("content", "attachment", "data"))


class TaskView(PeopleView):
    """A payload bundle with one Task, its references resolved; what does not resolve is None."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.task = bundle.of_type("Task")[0]

    @cached_property
    def patient(self) -> Element | None:
        """``Task.for``."""
        return self.bundle.follow(self.task, "for", "Patient")

    @cached_property
    def practitioner(self) -> Element | None:
        """``Task.requester.agent``."""
        return self.bundle.follow(self.task, "requester", "agent", "Practitioner")

    @cached_property
    def sender(self) -> Element | None:
        """``Task.requester.onBehalfOf``."""
        return self.bundle.follow(self.task, "requester", "onBehalfOf", "Organization")

    @cached_property
    def owner(self) -> Element | None:
        """``Task.owner``."""
        return self.bundle.follow(self.task, "owner", "Organization")

    @property
    def practices(self) -> tuple[Element | None, ...]:
        """The practice that saw the patient, and the registered one."""
        return self.sender, self.owner

    @cached_property
    def documents(self) -> tuple[DocumentView, ...]:
        """The documents in the order of ``Task.input``, without inputs that lead nowhere."""
        found = ((each, self.bundle.follow(each, "valueReference", "DocumentReference")) for each in self.inputs)
        return tuple(
            DocumentView(place, each, element) for place, (each, element) in enumerate(found, 1) if element is not None
        )

    @cached_property
    def inputs(self) -> list[Element]:
        """Every ``Task.input``."""
        return self.task.all("input")

    @cached_property
    def report(self) -> DocumentView | None:
        """The consultation report: the first document described as such."""
        return next((document for document in self.documents if document.is_report), None)

    @property
    def description(self) -> str:
        """``Task.description``, empty when there is none."""
        return self.task.text("description") or ""

    @property
    def is_confidential(self) -> bool:
        """Whether the description says so."""
        return is_confidential(self.description)


def has_one_task(bundle: Bundle) -> bool:
    """Say whether this is the 1.2.0 payload: exactly one Task (GPCM-SD-002, 014)."""
    return len(bundle.of_type("Task")) == 1 and not bundle.of_type("Composition")


def version_in(text: str | None) -> int | None:
    """Return ``n`` of a ``Version n`` at the end of a description or Subject (decision 23)."""
    match = re.search(r"\bVersion[:\s]\s*([0-9]{1,9})\s*$", text or "", re.IGNORECASE)
    return int(match[1]) if match and int(match[1]) > 0 else None


def read_task_report(envelope: Envelope) -> ReceivedReport:
    """Return the facts of a message that every rule of the table held for; raises ValueError for another."""
    bundle = envelope.payload
    if bundle is None or not has_one_task(bundle):
        raise ValueError("the message has no Task payload")
    view = TaskView(bundle)
    authored_on = read_date_time(view.task.text("authoredOn"))
    if view.patient is None or authored_on is None or view.report is None:
        raise ValueError("the message did not pass the rules")
    documents = sorted(view.documents, key=lambda document: document is not view.report)
    return ReceivedReport(
        message_id=envelope.message_id or "",
        payload_id=bundle.element.text("id") or "",
        payload_identifier=bundle.identifier or "",
        sender_reference=envelope.sender_reference or "",
        sender_ods_code=envelope.sender_ods_code or "",
        description=view.description,
        version=version_in(view.description),
        authored_on=authored_on,
        confidential=view.is_confidential,
        recipient_ods_code=ods_code(view.owner),
        patient=demographics.read_patient(view.patient),
        practitioner=demographics.read_practitioner(view.practitioner),
        sender=demographics.read_organization(view.sender),
        documents=tuple(_document(document) for document in documents),
    )


def is_confidential(description: str) -> bool:
    """Say whether the description leaves out where the patient was seen: 1.2.0 has no other sign of it."""
    _, _, after_number = description.casefold().partition(", nhs number")
    return "seen at" not in (after_number or description.casefold())


def _document(document: DocumentView) -> Document:
    element = document.element
    created = read_date_time(element.text("created")) or read_date_time(element.text("indexed"))
    return Document(
        description=document.description.strip(),
        content_type=bare_type(document.content_type),
        data=document.data or b"",
        created=created or datetime.min.replace(tzinfo=UTC),
    )
