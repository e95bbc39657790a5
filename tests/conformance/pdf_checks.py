"""Checks of the PDF, as the HTML that it is printed from: GPCM-SD-086 to 102."""

from __future__ import annotations

import re
from html import unescape

from shared.identifiers import NhsNumber
from tests.conformance.checks import Check, shows_in
from tests.conformance.specimen import PRACTICE, Made, Specimen

CHECKS: dict[str, Check] = {}
shows = shows_in(CHECKS)

LABELS = (
    *("Version", "Number of related documents", "Surname, forename(s)", "DOB", "NHS No.", "Gender", "Tel No."),
    *("Registered Address", "Date seen", "Date consultation sent", "Clinician", "Surgery Tel No.", "Surgery email"),
    *("Place of consultation", "Clinical notes"),
)


def text_of(html: str) -> str:
    return unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL))


def _facts_of_the_notes(made: Made) -> list[str]:
    found = []
    for section in made.consultation.notes:
        found.append(section.heading)
        for item in section.items:
            found += ["Confidential item"] if item.confidential else item.text.splitlines()
            if item.code and not item.confidential:
                found += [item.code.display, item.code.code]
    return found


@shows("GPCM-SD-086")
def _the_notes_are_all_there(sent: Specimen) -> bool:
    shown = text_of(sent.html)
    if sent.facts.consultation.confidential:
        return "The details of this consultation have been set as confidential" in shown
    return all(fact in shown for fact in _facts_of_the_notes(sent.facts))


@shows("GPCM-SD-090")
def _the_labels_stand_in_their_order(sent: Specimen) -> bool:
    shown = text_of(sent.html[sent.html.index("title-band") :])
    places = [shown.find(label) for label in LABELS]
    patient = sent.facts.consultation.patient
    facts = (NhsNumber(patient.nhs_number).spaced(), f"{patient.birth_date:%Y}", patient.family)
    return -1 not in places and places == sorted(places) and all(fact in shown for fact in facts)


@shows("GPCM-SD-091")
def _the_version_is_shown(sent: Specimen) -> bool:
    version = f"Version {sent.facts.version.number}"
    fields = re.findall(r'<p class="version">([^<]*)</p>', sent.html)
    # 2.0 puts a colon before the number in the subject
    subject = re.sub(r"Version: (?=\d+$)", "Version ", sent.headers["Mex-Subject"])
    return set(fields) == {version} and subject.endswith(f", {version}")


@shows("GPCM-SD-102")
def _what_is_confidential_stays_here(sent: Specimen) -> bool:
    made = sent.facts.consultation
    if not made.confidential:
        return True
    values = dict(re.findall(r'<p class="label [a-z ]+">([^<]*)</p><p class="value [a-z ]+">([^<]*)</p>', sent.html))
    hidden = ("Clinician", "Surgery Tel No.", "Surgery email", "Place of consultation")
    secrets = (
        str(PRACTICE.email),
        PRACTICE.telephone,
        *(fact for fact in _facts_of_the_notes(sent.facts) if len(fact) > 20),
    )
    shown = text_of(sent.html)
    return all(not values[label] for label in hidden) and not any(secret in shown for secret in secrets)
