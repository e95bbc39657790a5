"""A consultation as the clinical system gives it: its shape, its rules, and every fault at once.

The JSON of ``enqueue`` and the columns of the outbox table hold the same content; both are judged here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.errors import Fault, InvalidConsultation
from shared.identifiers import NhsNumber, OdsCode
from shared.itk3.model import Gender

IN_THE_FUTURE: Final = "lies in the future"
"""The rule that a time breaks when it is later than now, by this machine's clock."""

# XML 1.0 cannot carry these, so neither can the report
_FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")
_KEY = re.compile("[a-z][a-z0-9_]{0,39}")
_SDS_USER_ID = r"^[0-9A-Za-z]{1,20}$"


def _printable(text: str) -> str:
    if _FORBIDDEN_CHARACTERS.search(text):
        raise PydanticCustomError("characters", "holds control characters that cannot be sent")
    return text


def _on_one_line(text: str) -> str:
    if len(text.splitlines()) > 1 or "\t" in text:
        raise PydanticCustomError("line", "must stand on one line, without tabs")
    return text


def _zoned(value: Any) -> Any:
    # a number or a bare date would be taken for a time by guesswork
    if not (isinstance(value, datetime) or (isinstance(value, str) and _ISO_TIME.match(value))):
        raise PydanticCustomError("time", "must be a text such as 2026-11-20T18:05:00+00:00")
    return value


def _iso_date(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise PydanticCustomError("date", "must be a date such as 1957-01-09")
    if not isinstance(value, str | date):
        raise PydanticCustomError("date", "must be a text such as 1957-01-09")
    return value


def _rule(construct: type[NhsNumber | OdsCode]) -> AfterValidator:
    def checked(value: str) -> str:
        try:
            return construct(value)
        except ValueError as error:
            raise PydanticCustomError("identifier", str(error)) from None

    return AfterValidator(checked)


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_printable)]
Line = Annotated[Text, AfterValidator(_on_one_line)]
FreeText = Annotated[str, StringConstraints(min_length=1), AfterValidator(_printable)]
Time = Annotated[AwareDatetime, BeforeValidator(_zoned)]
BirthDate = Annotated[date, BeforeValidator(_iso_date)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Print nothing of what it says: it is patient data, and a library may print it in an error."""
        yield from ()


class Address(_Value):
    """Where the patient lives, or stays for now."""

    lines: tuple[Line, ...]
    postcode: Line | None = None


class Patient(_Value):
    """The patient as the practice that saw them knows them."""

    nhs_number: Annotated[str, _rule(NhsNumber)]
    nhs_number_verified: StrictBool
    title: Line | None = None
    family: Line
    given: tuple[Line, ...] = ()
    birth_date: BirthDate
    gender: Gender | None = None
    registration_type: Line
    registered_practice_ods_code: Annotated[str, _rule(OdsCode)] | None = None
    telephones: tuple[Line, ...] = ()
    address: Address | None = None
    current_telephones: tuple[Line, ...] = ()
    current_address: Address | None = None

    @model_validator(mode="after")
    def _unverified_numbers_need_demographics(self) -> Self:
        """FHIR-PDS-02 and decision 18."""
        if self.nhs_number_verified:
            return self
        absent = [
            name
            for name, present in (
                ("given", self.given),
                ("gender", self.gender),
                ("address", self.address and self.address.lines),
                ("address.postcode", self.address and self.address.postcode),
            )
            if not present
        ]
        if absent:
            raise PydanticCustomError(
                "unverified",
                "an NHS number that is not verified needs {absent} as well",
                {"absent": ", ".join(absent)},
            )
        return self


class Practitioner(_Value):
    """The clinician who saw the patient."""

    sds_user_id: Annotated[Line, StringConstraints(pattern=_SDS_USER_ID)]
    title: Line | None = None
    family: Line
    given: tuple[Line, ...] = ()
    role: Line
    telephone: Line | None = None


class Code(_Value):
    """A clinical code with the term that was on the screen."""

    system: Text
    code: Text
    display: Text


class NoteItem(_Value):
    """One entry of the notes."""

    text: FreeText
    code: Code | None = None
    confidential: StrictBool = False


class NoteSection(_Value):
    """Entries under one heading, in the order of the screen."""

    heading: Text
    items: tuple[NoteItem, ...] = ()


class Attachment(_Value):
    """A document of the consultation; the bytes lie beside, found by their SHA-256."""

    title: Text
    content_type: Text
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: int


class Consultation(_Value):
    """Everything that a report says. ``registration_type`` ``regular`` is never sent (GPCM-SD-083)."""

    consultation_id: UUID
    started_at: Time
    updated_at: Time
    confidential: StrictBool
    patient: Patient
    practitioner: Practitioner
    notes: tuple[NoteSection, ...]
    attachments: tuple[Attachment, ...] = ()

    @field_validator("started_at", "updated_at")
    @classmethod
    def _not_in_the_future(cls, value: datetime, info: ValidationInfo) -> datetime:
        now = (info.context or {}).get("now")
        if now is not None and value > now:
            raise PydanticCustomError("future", IN_THE_FUTURE)
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise PydanticCustomError("range", "is not a time in any year of UTC") from None

    @model_validator(mode="after")
    def _born_before(self) -> Self:
        if self.patient.birth_date > self.started_at.date():
            raise PydanticCustomError("order", "patient.birth_date lies after started_at")
        return self


def read_consultation(
    content: Mapping[str, object], now: datetime, *, practice_required: bool = True, at: str = ""
) -> Consultation:
    """Judge ``content`` (the contract's JSON with attachments as digests) and return it as a value.

    ``now`` is the latest time allowed; ``practice_required`` says that the row must name the registered
    practice (``PDS_MODE=outbox``); ``at`` is put before every path. Raises InvalidConsultation with all
    faults, which name paths and rules and never a value (decision 43).
    """
    faults: list[Fault] = []
    consultation = None
    try:
        consultation = Consultation.model_validate(content, context={"now": now})
    except ValidationError as error:
        faults = [
            Fault(at + (_path(fault["loc"]) or "consultation"), _words(fault["type"], fault["msg"]))
            for fault in error.errors(include_url=False, include_input=False)
        ]
    patient = content.get("patient")
    if practice_required and isinstance(patient, Mapping) and not patient.get("registered_practice_ods_code"):
        faults.append(Fault(f"{at}patient.registered_practice_ods_code", "is required with PDS_MODE=outbox"))
    if faults or consultation is None:
        raise InvalidConsultation(faults)
    return consultation


def _path(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{key_name(part)}" for part in location)
    return text.removeprefix(".")


def key_name(key: object) -> str:
    """Return a key for people to read; one that does not look like ours may be a value in the wrong place."""
    return str(key) if _KEY.fullmatch(str(key)) else "…"


def _words(kind: str, message: str) -> str:
    return {
        "missing": "is required",
        "extra_forbidden": "is not a known key",
        "timezone_aware": "needs a time zone",
        "string_pattern_mismatch": "has the wrong form",
        "uuid_parsing": "must be a UUID",
        "bool_type": "must be true or false",
        "tuple_type": "must be a list",
        "string_type": "must be a text",
        "string_unicode": "is not text in UTF-8",
        "string_too_short": "must not be empty",
    }.get(kind, message[0].lower() + message[1:])


def canonical_json(consultation: Consultation) -> str:
    """Return the content as text that is the same for the same content, for storing and for hashing."""
    return json.dumps(consultation.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_sha256(canonical: str) -> str:
    """Return the digest of the content without ``updated_at``: decision 22 tells an update by it."""
    content = json.loads(canonical)
    del content["updated_at"]
    plain = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()
