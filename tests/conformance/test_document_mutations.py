"""Each fact of a document that a requirement asks for is broken on purpose, and a rule or check of it notices."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from shared.itk3.identity import payload_identifier
from shared.itk3.parse import read
from shared.itk3.rules import judge
from tests.conformance import document_checks, document_mutations, specimen
from tests.conformance.document_checks import CHECKS, ORIGINAL, checks_of
from tests.conformance.mutations import Mutation
from tests.conformance.requirements import DOCUMENT_REQUIREMENTS
from tests.conformance.specimen import CONTEXT, Specimen
from tests.conformance.test_mutations import FULL, PUBLISHED, case, marked
from tests.shared.itk3.examples import LIMIT, profile_problems

CONFIDENTIAL = FULL | {"confidential": True}
MAKERS: dict[str, Callable[[], Specimen]] = {
    "document": lambda: specimen.report(FULL, payload="document"),
    "replacement": lambda: specimen.report(FULL, payload="document", number=2, replaces=ORIGINAL),
    "document 1.3": lambda: specimen.report(FULL, payload="document 1.3"),
    "replacement 1.3": lambda: specimen.report(FULL, payload="document 1.3", number=2, replaces=ORIGINAL),
    "confidential document 1.3": lambda: specimen.report(CONFIDENTIAL, payload="document 1.3"),
}


@lru_cache
def good(name: str) -> Specimen:
    return MAKERS[name]()


def edition_of(name: str) -> str:
    return "1.3" if name.endswith("1.3") else "2.0"


def holds(requirement: str, sent: Specimen) -> bool:
    try:
        return CHECKS[requirement](sent)
    except ValueError:
        return False  # where one value was to be unpacked there is another number of them


def noticed_by(requirement: str, sent: Specimen) -> list[str]:
    """Return the rules of the receiver, and the check, that belong to a requirement and do not hold."""
    verdict = judge(read(sent.body, LIMIT), CONTEXT)
    # a row may have the id of the requirement in 1.2.0, or in the other edition
    number = requirement.partition("/")[2]
    found = [
        f"rule {failure.id} ({failure.code})"
        for failure in verdict.failures
        if failure.requirement.rpartition("/")[2] == number
    ]
    return found + ([] if holds(requirement, sent) else ["check"])


@pytest.mark.parametrize("mutation", [case(mutation) for mutation in document_mutations.ALL])
def test_a_broken_fact_of_a_document_is_noticed(
    mutation: Mutation, record_property: Callable[[str, object], None]
) -> None:
    spoiled = good(mutation.of).copy()

    mutation.spoil(spoiled)

    notices = noticed_by(mutation.requirement, spoiled)
    record_property("mutation", [mutation.requirement, mutation.what, ", ".join(notices)])
    assert noticed_by(mutation.requirement, good(mutation.of)) == []
    assert notices


@pytest.mark.parametrize("requirement", [marked(requirement) for requirement in CHECKS])
def test_good_documents_say_exactly_what_the_requirement_asks(requirement: str) -> None:
    sent = [good(name) for name in MAKERS if requirement in checks_of(edition_of(name))]

    assert sent
    assert [holds(requirement, each) for each in sent] == [True] * len(sent)


@pytest.mark.requirement("1.3/GPCM-C-02", "2.0/GPCM-C-2")
@pytest.mark.parametrize("name", MAKERS)
def test_a_good_document_conforms_to_the_published_profiles(name: str) -> None:
    assert profile_problems(good(name).body) == []


@pytest.mark.parametrize("name", MAKERS)
def test_every_coding_of_a_good_document_is_a_published_one(name: str) -> None:
    codings = good(name).elements("//f:coding | //f:valueCoding | //f:MessageHeader/f:event")

    found = {
        tuple(coding.find(f"{{*}}{part}").get("value") for part in ("system", "code", "display")) for coding in codings
    }

    assert found
    assert found <= PUBLISHED


def test_the_identifier_of_the_original_is_what_its_own_payload_bears() -> None:
    assert payload_identifier(ORIGINAL) == document_checks.ORIGINAL_PAYLOAD


def test_every_requirement_on_content_has_a_check_and_a_mutation() -> None:
    content = {requirement.id for requirement in DOCUMENT_REQUIREMENTS.values() if requirement.content}

    assert set(CHECKS) == content
    assert {mutation.requirement for mutation in document_mutations.ALL} == content
