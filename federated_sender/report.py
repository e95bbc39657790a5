"""A consultation as the HTML of its report; ``templates/report.css`` gives it the official layout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from federated_sender.consultation import Address, Consultation, Practitioner
from federated_sender.report_header import LEAST_HEIGHT, header_height
from federated_sender.report_text import breakable, code_text, continued, direction, with_line_breaks
from shared.identifiers import NhsNumber
from shared.itk3.model import PersonName

_LONDON: Final = ZoneInfo("Europe/London")
# strftime would follow the locale
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_GENDERS: Final = {"male": "MALE", "female": "FEMALE", "other": "OTHER", "unknown": "NOT KNOWN", None: "NOT KNOWN"}


@dataclass(frozen=True, slots=True)
class Practice:
    """The practice where the patient was seen, as the report names it."""

    name: str
    town: str | None
    telephone: str
    email: str | None = None


def report_title(version: int) -> str:
    """Return the title of the PDF document; it holds no patient data."""
    return f"Federated Consultation Report Version {version}"


def report_html(consultation: Consultation, *, version: int, sent_at: datetime, practice: Practice) -> str:
    """Return the report as HTML without its stylesheet, which the renderer adds (GPCM-SD-090).

    ``sent_at`` has a zone and is the time chosen for this version: the same arguments give the same text.
    A confidential consultation carries nothing of what GPCM-SD-102 forbids.
    """
    patient = consultation.patient
    name = _surname_first(patient.family, patient.given)
    address, current_address = _address(patient.address), _address(patient.current_address)
    confidential = consultation.confidential
    facts = {
        "title": report_title(version),
        "created": sent_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": version,
        "related_documents": 0 if confidential else len(consultation.attachments),
        "name": name,
        "birth_date": _day(patient.birth_date),
        "nhs_number": NhsNumber(patient.nhs_number).spaced(),
        "gender": _GENDERS[patient.gender],
        "telephones": "\n".join(patient.telephones),
        "current_telephones": "\n".join(patient.current_telephones),
        "address": address,
        "current_address": current_address,
        "date_seen": _minute(consultation.started_at),
        "date_sent": _minute(sent_at),
        "confidential": confidential,
        "clinician": "" if confidential else _clinician(consultation.practitioner),
        "place": "" if confidential else ", ".join(part for part in (practice.name, practice.town) if part),
        "surgery_telephone": "" if confidential else practice.telephone,
        "surgery_email": "" if confidential else practice.email or "",
        "notes": () if confidential else consultation.notes,
        "least_header_height": LEAST_HEIGHT,
        "header_height": header_height(
            name, (patient.telephones, address), (patient.current_telephones, current_address)
        ),
    }
    return with_line_breaks(_TEMPLATE.render(facts))


def _surname_first(family: str, given: tuple[str, ...]) -> str:
    return ", ".join(part for part in (family, " ".join(given)) if part)


def _day(day: date) -> str:
    return f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year:04}"


def _minute(moment: datetime) -> str:
    local = moment.astimezone(_LONDON)
    return f"{_day(local)} {local:%H:%M}"


def _address(address: Address | None) -> str:
    """Return the lines and the postcode with commas between, as the official picture has them."""
    if address is None:
        return ""
    return ", ".join(part for part in (*address.lines, address.postcode) if part)


def _clinician(practitioner: Practitioner) -> str:
    name = PersonName(practitioner.family, practitioner.given, practitioner.title)
    return f"{name}, {practitioner.role}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("federated_sender"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(breakable=breakable, code=code_text, continued=continued, direction=direction)
    return environment


_TEMPLATE: Final = _environment().get_template("report.html.j2")
