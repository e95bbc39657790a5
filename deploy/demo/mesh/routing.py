"""How MESH finds the registered practice of a patient: the demographics directory behind ``GPPROVIDER_`` addresses.

Needs nothing but the standard library, so that the local MESH and the tests' in-memory MESH route alike. It is
written apart from the product's own folding on purpose: what one of them gets wrong the other one shows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

PREFIX: Final = "GPPROVIDER_"

# MESH routes automatically for these alone of the workflows that GP Connect Messaging uses.
ROUTED_WORKFLOWS: Final = frozenset(
    f"{workflow}{end}" for workflow in ("GPFED_CONSULT_REPORT", "GPCONNECT_SEND_DOCUMENT") for end in ("", "_ACK")
)

SEVERAL_MAILBOXES: Final = "EPL-150"
NO_MAILBOX: Final = "EPL-151"
INVALID_NHS_NUMBER: Final = "EPL-152"
UNKNOWN_NHS_NUMBER: Final = "EPL-153"
OTHER_DEMOGRAPHICS: Final = "EPL-154"

DESCRIPTIONS: Final = {
    SEVERAL_MAILBOXES: "Several mailboxes match",
    NO_MAILBOX: "No mailbox matches",
    INVALID_NHS_NUMBER: "The NHS number is not valid",
    UNKNOWN_NHS_NUMBER: "The NHS number is not known",
    OTHER_DEMOGRAPHICS: "The NHS number belongs to other demographics",
}

# Letters that Unicode does not take apart.
_PLAIN: Final = {"ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}


@dataclass(frozen=True)
class Person:
    """A patient as the demographics service knows them; ``birth_date`` is written YYYYMMDD."""

    nhs_number: str
    birth_date: str
    surname: str
    mailboxes: tuple[str, ...]


class Directory:
    """Every patient that can be traced, by NHS number."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self._people = {person.nhs_number: person for person in people}

    @classmethod
    def from_json(cls, patients: Iterable[Mapping[str, Any]]) -> Directory:
        """Read ``nhs_number``, ``birth_date`` (ISO), ``surname``, and ``mailbox``: an id, a list of ids or null."""
        return cls(
            Person(
                each["nhs_number"].replace(" ", ""),
                each["birth_date"].replace("-", ""),
                each["surname"],
                _listed(each.get("mailbox")),
            )
            for each in patients
        )

    def add(self, person: Person) -> None:
        """Register a patient, or move one who is registered already."""
        self._people[person.nhs_number] = person

    def route(self, address: str) -> str:
        """Return the mailbox id that ``GPPROVIDER_<NHS number>_<YYYYMMDD>_<surname>`` leads to, or an EPL code."""
        nhs_number, birth_date, surname = ([*address[len(PREFIX) :].split("_", 2), "", "", ""])[:3]
        if not _has_right_check_digit(nhs_number):
            return INVALID_NHS_NUMBER
        person = self._people.get(nhs_number)
        if person is None:
            return UNKNOWN_NHS_NUMBER
        if birth_date != person.birth_date or _letters(surname) != _letters(person.surname):
            return OTHER_DEMOGRAPHICS
        if len(person.mailboxes) != 1:
            return SEVERAL_MAILBOXES if person.mailboxes else NO_MAILBOX
        return person.mailboxes[0]


def _listed(mailbox: str | list[str] | None) -> tuple[str, ...]:
    if mailbox is None:
        return ()
    return (mailbox,) if isinstance(mailbox, str) else tuple(mailbox)


def _has_right_check_digit(nhs_number: str) -> bool:
    if len(nhs_number) != 10 or not (nhs_number.isascii() and nhs_number.isdigit()):
        return False
    weighed = sum(int(digit) * weight for digit, weight in zip(nhs_number, range(10, 1, -1), strict=False))
    return (11 - weighed % 11) % 11 == int(nhs_number[9])


def _letters(surname: str) -> str:
    """Return the surname's letters alone, without case, accents and marks."""
    plain = "".join(_PLAIN.get(letter, letter) for letter in surname.casefold())
    return "".join(letter for letter in unicodedata.normalize("NFKD", plain) if "a" <= letter <= "z")
