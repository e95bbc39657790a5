"""Reads people and practices from received resources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast, get_args

from shared.identifiers import NhsNumber
from shared.itk3 import systems
from shared.itk3.bundle import Bundle
from shared.itk3.element import Element
from shared.itk3.envelope import identifier, ods_code
from shared.itk3.model import Address, Gender, Organization, Patient, PersonName, Practitioner
from shared.itk3.primitives import read_date


class PeopleView(ABC):
    """A payload bundle with its references to people resolved; what does not resolve is None."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @property
    @abstractmethod
    def patient(self) -> Element | None:
        """Whom the consultation was with."""

    @property
    @abstractmethod
    def practitioner(self) -> Element | None:
        """The clinician."""

    @property
    @abstractmethod
    def practices(self) -> tuple[Element | None, ...]:
        """Every Organization that the payload refers to."""

    @property
    @abstractmethod
    def is_confidential(self) -> bool:
        """Whether the patient wants the consultation kept confidential."""


def official_name(person: Element | None) -> PersonName | None:
    """Return the name with use ``official`` if there is exactly one and it has a family name."""
    names = [name for name in person.all("name") if name.text("use") == "official"] if person is not None else []
    family = names[0].text("family") if len(names) == 1 else None
    if family is None:
        return None
    return PersonName(
        family=family.strip(),
        given=_values(names[0], "given"),
        prefix=" ".join(_values(names[0], "prefix")) or None,
    )


def nhs_number(person: Element | None) -> NhsNumber | None:
    """Return the NHS number if there is exactly one and its check digit is right."""
    try:
        return NhsNumber(identifier(person, systems.NHS_NUMBER) or "")
    except ValueError:
        return None


def nhs_number_status(person: Element) -> str | None:
    """Return the code of the NHS number's verification status, under either of its published URLs."""
    for each in person.all("identifier"):
        if each.text("system") == systems.NHS_NUMBER:
            for extension in each.extensions(*systems.NHS_NUMBER_STATUS_EXTENSIONS):
                return extension.text("valueCodeableConcept", "coding", "code")
    return None


def telephone(resource: Element) -> str | None:
    """Return the first telephone number of a practice or a clinician."""
    return next(iter(_telephones(resource)), None)


def read_patient(person: Element) -> Patient:
    """Return the patient; raises ValueError when number, official name or birth date is missing."""
    number, name, born = nhs_number(person), official_name(person), read_date(person.text("birthDate"))
    if number is None or name is None or born is None:
        raise ValueError("the patient did not pass the rules")
    gender = person.text("gender")
    return Patient(
        nhs_number=number,
        nhs_number_verified=nhs_number_status(person) == "01",
        name=name,
        birth_date=born,
        gender=cast("Gender", gender) if gender in get_args(Gender) else None,
        telephones=_telephones(person, current=False),
        address=_address(person, current=False),
        current_telephones=_telephones(person, current=True),
        current_address=_address(person, current=True),
    )


def read_practitioner(person: Element | None) -> Practitioner | None:
    """Return the clinician, or None when user id or official name is missing."""
    user_id, name = identifier(person, systems.SDS_USER_ID), official_name(person)
    if person is None or user_id is None or name is None:
        return None
    return Practitioner(sds_user_id=user_id, name=name, telephone=telephone(person))


def read_organization(practice: Element | None) -> Organization | None:
    """Return the practice, or None when it has no code or no name."""
    code = ods_code(practice)
    name = practice.text("name") if practice is not None else None
    if practice is None or code is None or name is None:
        return None
    return Organization(ods_code=code, name=name.strip(), telephone=telephone(practice) or "")


def _values(parent: Element, name: str) -> tuple[str, ...]:
    values = ((child.value or "").strip() for child in parent.all(name))
    return tuple(value for value in values if value)


def _telephones(resource: Element, *, current: bool | None = None) -> tuple[str, ...]:
    found = (
        each.text("value")
        for each in resource.all("telecom")
        if each.text("system") == "phone"
        and each.text("use") != "old"
        and (current is None or _is_current(each) == current)
    )
    return tuple(number.strip() for number in found if number)


def _address(person: Element, *, current: bool) -> Address | None:
    for each in person.all("address"):
        if _is_current(each) == current and each.text("use") != "old":
            postcode = each.text("postalCode")
            lines = (*_values(each, "line"), *_values(each, "city"), *_values(each, "district"))
            return Address(lines=lines, postcode=postcode and postcode.strip())
    return None


def _is_current(contact: Element) -> bool:
    # use "temp" is where the patient stays for now
    return contact.text("use") == "temp"
