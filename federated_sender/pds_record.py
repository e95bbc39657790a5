"""What PDS answers: its Patient resource (FHIR R4), its errors and its tokens as values; no body is ever quoted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from shared.errors import PdsProtocolError, PdsRecordUnreadable
from shared.identifiers import OdsCode

LONDON: Final = ZoneInfo("Europe/London")
_ODS_SYSTEM: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
# no digits: a machine before PDS may quote the number that was asked for
_CODE: Final = re.compile(r"[A-Z_]{1,50}")
_WORD: Final = re.compile(r"[A-Za-z0-9_ -]{1,50}")
# the record is withheld for the patient's safety: v3-Confidentiality restricted and very restricted
_RESTRICTED: Final = frozenset({"R", "V"})


@dataclass(frozen=True, slots=True)
class Period:
    """From the day ``start`` to the day ``end``, both included; as FHIR dates, which may lack month or day."""

    start: str | None = field(default=None, repr=False)
    end: str | None = field(default=None, repr=False)

    def holds(self, today: date) -> bool:
        """Say whether ``today`` lies in the period, as far as its ends are known."""
        day = today.isoformat()
        begun = self.start is None or self.start <= day[: len(self.start)]
        return begun and (self.end is None or day[: len(self.end)] <= self.end)


@dataclass(frozen=True, slots=True)
class PdsPractice:
    """A practice that PDS names as the patient's, and when."""

    ods_code: str
    period: Period


@dataclass(frozen=True, slots=True)
class PdsName:
    """A surname in usual use, and when."""

    family: str = field(repr=False)
    period: Period


@dataclass(frozen=True, slots=True)
class PdsRecord:
    """What matters of a patient's record; ``nhs_number`` is the one that PDS keeps it under now."""

    nhs_number: str = field(repr=False)
    restricted: bool
    practices: tuple[PdsPractice, ...] = ()
    names: tuple[PdsName, ...] = ()
    birth_date: str | None = field(default=None, repr=False)
    gender: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NotOnPds:
    """PDS has no record under the NHS number; ``code`` is its own word for why."""

    code: str


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An access token and the seconds that it lasts."""

    access_token: str = field(repr=False)
    seconds: int


def _day(text: str) -> str:
    """Return a FHIR date as it is, a time as its day in Europe/London; raise ValueError for neither."""
    if "T" in text:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("has no time zone")
        return moment.astimezone(LONDON).date().isoformat()
    date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    return text


Day = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d\d(-\d\d(T.+)?)?)?$"), AfterValidator(_day)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, hide_input_in_errors=True, alias_generator=to_camel
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Print nothing of what PDS said: it is patient data."""
        yield from ()


class _Period(_Part):
    start: Day | None = None
    end: Day | None = None


class _Identifier(_Part):
    system: str | None = None
    value: str | None = None
    period: _Period = _Period()


class _Reference(_Part):
    identifier: _Identifier = _Identifier()


class _Coding(_Part):
    code: str | None = None


class _Meta(_Part):
    security: list[_Coding] = []


class _Name(_Part):
    use: str | None = None
    family: str | None = None
    period: _Period = _Period()


class _Patient(_Part):
    resource_type: Literal["Patient"]
    id: str
    meta: _Meta = _Meta()
    name: list[_Name] = []
    birth_date: Day | None = None
    gender: str | None = None
    general_practitioner: list[_Reference] = []


class _Concept(_Part):
    coding: list[_Coding] = []


class _Issue(_Part):
    details: _Concept = _Concept()


class _Outcome(_Part):
    resource_type: Literal["OperationOutcome"]
    issue: list[_Issue]


class _Refusal(_Part):
    error: str


class _Token(_Part):
    model_config = ConfigDict(alias_generator=None)

    # what a header can carry
    access_token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$")]
    # the NHS writes the seconds as a text
    expires_in: Annotated[int, Field(strict=False, ge=0)]


_P = TypeVar("_P", bound=_Part)


def read_record(body: bytes) -> PdsRecord:
    """Return the record that ``body`` holds; raise PdsProtocolError, which names the place and never the value.

    Raises PdsRecordUnreadable, which is one, when it is a patient's record after all.
    """
    patient = _read(_Patient, body, "the record")
    return PdsRecord(
        nhs_number=patient.id,
        restricted=any(coding.code in _RESTRICTED for coding in patient.meta.security),
        practices=tuple(_practices(patient)),
        names=tuple(
            PdsName(name.family, Period(name.period.start, name.period.end))
            for name in patient.name
            if name.use == "usual" and name.family
        ),
        birth_date=patient.birth_date,
        gender=patient.gender,
    )


def _practices(patient: _Patient) -> list[PdsPractice]:
    found = []
    for reference in patient.general_practitioner:
        identifier = reference.identifier
        if identifier.system != _ODS_SYSTEM:
            continue
        try:
            ods_code = OdsCode(identifier.value or "")
        except ValueError:
            raise PdsRecordUnreadable("PDS names a practice by something that is no ODS code") from None
        found.append(PdsPractice(ods_code, Period(identifier.period.start, identifier.period.end)))
    return found


def read_token(body: bytes) -> TokenAnswer:
    """Return the token that ``body`` holds; raise PdsProtocolError otherwise."""
    token = _read(_Token, body, "the token")
    return TokenAnswer(token.access_token, token.expires_in)


def problem_code(body: bytes) -> str | None:
    """Return PDS's own code of what is wrong, None when the body is no OperationOutcome with one; never raises."""
    try:
        outcome = _read(_Outcome, body, "the error")
    except PdsProtocolError:
        return None
    codes = (coding.code or "" for issue in outcome.issue for coding in issue.details.coding)
    return next((code for code in codes if _CODE.fullmatch(code)), None)


def token_problem(body: bytes) -> str | None:
    """Return the word by which the token service refuses (OAuth's ``error``), None when it gives none; never raises."""
    try:
        word = _read(_Refusal, body, "the refusal").error
    except PdsProtocolError:
        return None
    return word if _WORD.fullmatch(word) else None


def _read(kind: type[_P], body: bytes, what: str) -> _P:
    fault: dict[str, Any] = {}
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        fault = dict(error.errors(include_url=False, include_input=False, include_context=False)[0])
    # outside of the handler: the library's error must not hang on ours, it would take the body along
    place = ".".join(str(part) for part in fault["loc"]) or "all of it"
    # what does not even say that it is a patient may come from a gateway, for every patient alike
    is_record = kind is _Patient and fault["loc"] and fault["loc"][0] != "resourceType"
    unreadable = PdsRecordUnreadable if is_record else PdsProtocolError
    raise unreadable(f"{what} that PDS gave cannot be read: {place} ({fault['type']})")
