"""The facts of an ITK3 exchange as plain frozen values, free of FHIR and XML."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Gender = Literal["male", "female", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name as it is on the record."""

    family: str = field(repr=False)
    given: tuple[str, ...] = field(default=(), repr=False)
    prefix: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return prefix, given names and family name with one space between (decision 34)."""
        return " ".join(" ".join(part for part in (self.prefix, *self.given, self.family) if part).split())


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address."""

    lines: tuple[str, ...] = field(repr=False)
    postcode: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient as the sending practice knows them; nothing of it may reach a log."""

    nhs_number: str = field(repr=False)
    nhs_number_verified: bool
    name: PersonName = field(repr=False)
    birth_date: date = field(repr=False)
    gender: Gender | None = None
    telephones: tuple[str, ...] = field(default=(), repr=False)
    address: Address | None = field(default=None, repr=False)
    current_telephones: tuple[str, ...] = field(default=(), repr=False)
    current_address: Address | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Practitioner:
    """The clinician who saw the patient."""

    sds_user_id: str = field(repr=False)
    name: PersonName
    telephone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Organization:
    """A practice: GPCM-SD-029 to 031 ask for all three."""

    ods_code: str
    name: str
    telephone: str


@dataclass(frozen=True, slots=True)
class Document:
    """One binary document. ``created`` has a zone; ``description`` is the label shown to staff."""

    description: str = field(repr=False)
    content_type: str
    data: bytes = field(repr=False)
    created: datetime


@dataclass(frozen=True, slots=True)
class ReportMessage:
    """All that goes into one report message; building it twice gives the same bytes (decision 21).

    ``documents`` has the PDF report first, then each attachment. ``report_id`` is the UUID from which every
    other id of the message is derived. ``generated_at`` has a zone and is chosen once for a version.
    ``replaces`` is the payload identifier of the version before, None when there is none that may be replaced.
    """

    report_id: str
    consultation_id: str
    version: int
    confidential: bool
    generated_at: datetime
    sender_mailbox: str
    sender: Organization
    recipient: Organization
    patient: Patient
    practitioner: Practitioner
    documents: tuple[Document, ...]
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class ReportIds:
    """The ids of a built report that correlate responses and find duplicates."""

    bundle: str
    bundle_identifier: str
    message_header: str
    payload: str
    payload_identifier: str


@dataclass(frozen=True, slots=True)
class ResponseMessage:
    """An infrastructure or business response to build.

    ``request_message_id`` is the MessageHeader.id answered, None when it could not be read;
    ``diagnostics`` holds no patient data (FHIR-BA-02).
    """

    response_id: str
    code: str
    issue_type: str
    diagnostics: str = field(repr=False)
    request_message_id: str | None = field(repr=False)
    sender_reference: str | None = field(repr=False)
    responder_ods_code: str
    responder_mailbox: str
    generated_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class ReceivedResponse:
    """A response as it was read, leniently (decision 15). ``code`` is None when there is none to be found.

    Nothing of it is printed: whoever wrote it may have put a patient anywhere.
    """

    message_id: str | None
    request_id: str | None
    sender_reference: str | None
    code: str | None
    diagnostics: str | None
    sender_ods_code: str | None


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name that a sender gave, in its normal form, and the system that it belongs to when that is said."""

    value: str = field(repr=False)
    system: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    """The facts of a report that passed every rule.

    ``recipient_ods_code`` is None when the payload names no recipient. ``replaces`` is what the document is called
    that this one takes the place of.
    """

    message_id: str
    payload_id: str
    payload_identifier: str
    sender_reference: str = field(repr=False)
    sender_ods_code: str
    description: str = field(repr=False)
    version: int | None
    authored_on: datetime
    confidential: bool
    recipient_ods_code: str | None
    patient: Patient = field(repr=False)
    practitioner: Practitioner | None
    sender: Organization | None
    documents: tuple[Document, ...] = field(repr=False)
    replaces: Identifier | None = field(default=None, repr=False)
