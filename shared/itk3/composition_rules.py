"""The rows of the table for the Composition payload of GP Connect Send Document 1.3 and 2.0.

1.2.0's codes for business rules are its own: of a document what is missing and what is not allowed are both 20009,
and a replacement that cannot be made is 20014. No recipient is named, so none can be the wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.itk3 import systems
from shared.itk3.composition_read import CompositionView, replaced_identifier
from shared.itk3.demographics import nhs_number
from shared.itk3.naming import OF_ONE_VERSION, is_same, names_of, normal_form
from shared.itk3.people_rules import ONE_PATIENT, PEOPLE
from shared.itk3.primitives import read_date_time
from shared.itk3.rule import Case, Predicate, Replaced, Rule
from shared.itk3.section_rules import REPORT_IS_PDF, SECTIONS, composition_rule

_STATUSES: Final = frozenset({"final", "amended"})
_CONFIDENTIALITIES: Final = frozenset({"U", "L", "M", "N", "R", "V"})
_TYPES: Final = frozenset({systems.REPORT_TYPE, systems.REMOTE_HEALTH_TYPE})
# the published example of 1.3 has another word than its text
_OF_1_3: Final = frozenset({systems.CONSULTATION_REPORT.casefold(), "senddocument-consultationsummary"})


def _comes_first(view: CompositionView) -> bool:
    first = view.bundle.entries[0].resource if view.bundle.entries else None
    return first is view.composition


def _has_full_identifier(view: CompositionView) -> bool:
    # FHIR bdl-9: a document's identifier says who gave it
    return view.bundle.identifier is None or view.bundle.element.text("identifier", "system") is not None


def _relates_properly(view: CompositionView) -> bool:
    found = view.composition.all("relatesTo")
    replaces = all(each.text("code") == "replaces" for each in found)
    return not found or (len(found) == 1 and replaces and replaced_identifier(view.bundle) is not None)


def _replaces_another(case: Case) -> bool:
    if not isinstance(case.view, CompositionView) or case.envelope is None:
        return True
    target = replaced_identifier(case.view.bundle)
    own = (name.identifier for name in names_of(case.envelope) if name.kind in OF_ONE_VERSION)
    return target is None or not any(is_same(target, identifier) for identifier in own)


def _may_be_confidential(case: Case) -> bool:
    """2.0.2 forbids what 1.3 allows: the header says which of them a document keeps to."""
    if not isinstance(case.view, CompositionView) or not case.view.is_confidential:
        return True
    key = case.envelope.key("LocalExtension") if case.envelope is not None else None
    return ((key.text("valueString") if key is not None else None) or "").strip().casefold() in _OF_1_3


def _replacement(check: Callable[[Case, CompositionView, Replaced], object]) -> Predicate:
    """Return a predicate on a document that replaces one which is here."""

    def holds(case: Case) -> bool:
        view, replaced = case.view, case.context.replaced
        return not isinstance(view, CompositionView) or replaced is None or bool(check(case, view, replaced))

    return holds


def _same_consultation(case: Case, _: CompositionView, replaced: Replaced) -> bool:
    reference = case.envelope.sender_reference if case.envelope is not None else None
    return normal_form(reference) == normal_form(replaced.sender_reference)


def _same_practice(case: Case, _: CompositionView, replaced: Replaced) -> bool:
    ods_code = case.envelope.sender_ods_code if case.envelope is not None else None
    return replaced.sender_ods_code is None or ods_code == replaced.sender_ods_code


def _same_patient(_: Case, view: CompositionView, replaced: Replaced) -> bool:
    number = nhs_number(view.patient)
    return number is None or not replaced.nhs_numbers or str(number) in replaced.nhs_numbers


STRUCTURE: Final = (
    ONE_PATIENT,
    Rule(
        *("document-bundle", "ITK-Document-Bundle-1", "20009", "value"),
        "The payload bundle's type must be document beside a Composition",
        composition_rule(lambda view: view.bundle.kind == "document"),
    ),
    Rule(
        *("document-identifier", "ITK-Document-Bundle-1", "20009", "required"),
        "The document's identifier.system must be present",
        composition_rule(_has_full_identifier),
    ),
    Rule(
        *("composition-first", "1.3/GPCM-SD-104", "20009", "structure"),
        "The first entry of a document must be the Composition",
        composition_rule(_comes_first),
    ),
    Rule(
        *("composition-subject", "1.3/GPCM-SD-120", "20009", "required"),
        "Composition.subject must refer to the Patient of the document",
        composition_rule(lambda view: view.patient),
    ),
    Rule(
        *("composition-author", "1.3/GPCM-SD-121", "20009", "required"),
        "Each Composition.author must refer to a person, a device or a practice of the document",
        composition_rule(lambda view: view.authors and all(view.authors)),
    ),
    Rule(
        *("composition-custodian", "1.3/GPCM-SD-122", "20009", "required"),
        "Composition.custodian must refer to an Organization of the document",
        composition_rule(lambda view: view.custodian),
    ),
    Rule(
        *("composition-date", "1.3/GPCM-SD-116", "20009", "value"),
        "Composition.date must be a date",
        composition_rule(lambda view: read_date_time(view.composition.text("date"))),
    ),
    Rule(
        *("composition-type", "1.3/GPCM-SD-115", "20009", "required"),
        "Composition.type must have a SNOMED CT coding",
        composition_rule(lambda view: view.codes),
    ),
    Rule(
        *("composition-relates-to", "1.3/GPCM-SD-131", "20009", "value"),
        "Composition.relatesTo must be there once at most, with the code replaces and a targetIdentifier",
        composition_rule(_relates_properly),
    ),
    *PEOPLE,
    *SECTIONS,
)

BUSINESS: Final = (
    Rule(
        *("composition-status", "1.3/GPCM-SD-114", "20009", "business-rule"),
        "Composition.status must be final or amended",
        composition_rule(lambda view: view.composition.text("status") in _STATUSES),
    ),
    Rule(
        *("composition-code", "2.0/GPCM-SD-115", "20009", "not-supported"),
        f"Composition.type must be {' or '.join(sorted(_TYPES))} of SNOMED CT",
        composition_rule(lambda view: not view.codes or view.codes & _TYPES),
    ),
    Rule(
        *("composition-confidentiality", "1.3/GPCM-SD-117", "20009", "code-invalid"),
        "Composition.confidentiality must be a code of v3-ConfidentialityClassification",
        composition_rule(lambda view: view.confidentiality in _CONFIDENTIALITIES),
    ),
    REPORT_IS_PDF,
    Rule(
        *("confidential-document", "2.0/Confidentiality", "20009", "business-rule"),
        "A document whose Composition.confidentiality is R must not be sent",
        _may_be_confidential,
    ),
    Rule(
        *("replaces-another", "1.3/GPCM-SD-132", "20009", "business-rule"),
        "Composition.relatesTo must name another document",
        _replaces_another,
    ),
    Rule(
        *("replaced-consultation", "1.3/GPCM-SD-127", "20014", "processing"),
        "The document that Composition.relatesTo names has another SenderReference",
        _replacement(_same_consultation),
    ),
    Rule(
        *("replaced-practice", "1.3/GPCM-SD-127", "20014", "processing"),
        "The document that Composition.relatesTo names is from another practice",
        _replacement(_same_practice),
    ),
    Rule(
        *("replaced-patient", "1.3/GPCM-SD-127", "20014", "processing"),
        "The document that Composition.relatesTo names is about another patient",
        _replacement(_same_patient),
    ),
)
