"""A document that passed the rules gives back what was sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.itk3 import systems
from shared.itk3.composition_read import read_document_report
from shared.itk3.identity import payload_identifier
from shared.itk3.model import Identifier
from shared.itk3.parse import parse, read
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD
from shared.itk3.rules import read_report, replaced_by
from tests.shared.itk3.documents import CONFIDENTIAL, DOCUMENT, REPLACEMENT, draft, received
from tests.shared.itk3.examples import ECG, GOOD, LIMIT, MESSAGE, PATIENT, PRACTITIONER, REPORT, SENDER, Draft


def test_an_ordinary_document_gives_back_what_was_sent() -> None:
    report = received()

    assert (report.sender_reference, report.version, report.authored_on) == (
        MESSAGE.consultation_id,
        1,
        MESSAGE.generated_at,
    )
    assert (report.patient, report.practitioner, report.sender) == (PATIENT, PRACTITIONER, SENDER)
    assert [(each.description, each.content_type, each.data) for each in report.documents] == [
        (REPORT.description, REPORT.content_type, REPORT.data),
        (ECG.description, ECG.content_type, ECG.data),
    ]
    assert (report.recipient_ods_code, report.confidential, report.replaces) == (None, False, None)
    assert report.payload_identifier == payload_identifier(MESSAGE.report_id)
    assert report.description.endswith("seen at Starling Surgery, B81001, Version: 1")


def test_a_replacement_says_what_it_replaces() -> None:
    assert received(REPLACEMENT).replaces == Identifier(payload_identifier(MESSAGE.report_id), systems.UUID_SYSTEM)
    assert received(REPLACEMENT).version == 2


@pytest.mark.parametrize("written", ["urn:uuid:{}", "URN:UUID:{}", " {} "])
def test_the_original_is_named_however_its_id_is_written(written: str) -> None:
    sent = draft(REPLACEMENT)
    sent.set("//f:targetIdentifier/f:value", written.format("ABC-1"))

    assert replaced_by(read(sent.body, LIMIT)) == Identifier("ABC-1", systems.UUID_SYSTEM)


def test_a_confidential_document_does_not_say_where() -> None:
    report = received(CONFIDENTIAL, DOCUMENT_1_3_PAYLOAD)

    assert report.confidential
    assert "Starling" not in report.description


@pytest.mark.parametrize(
    ("version", "known"), [("3", 3), ("0", None), ("x", None), ("1234567890", None), ("00000000000000007", None)]
)
def test_a_version_that_is_none_is_not_known(version: str, known: int | None) -> None:
    sent = Draft(DOCUMENT)
    sent.set("//f:Composition/f:meta/f:versionId", version)

    assert read_report(parse(sent.body, LIMIT)).version == known


def test_what_senders_may_leave_out_is_made_up_for() -> None:
    sent = Draft(DOCUMENT)
    for xpath in (
        *("//f:Composition/f:meta", "//f:Composition/f:text", "//f:Composition/f:identifier"),
        *("//f:Composition/f:confidentiality", "//f:section/f:title"),
    ):
        sent.remove(xpath)
    sent.set("//f:Composition/f:date", "2026-11-20")

    report = read_report(parse(sent.body, LIMIT))

    assert [each.description for each in report.documents] == ["Document 1", "Document 2"]
    assert (report.version, report.confidential) == (None, False)
    assert report.authored_on == datetime(2026, 11, 20, tzinfo=UTC)
    assert report.description.endswith("B81001")


def test_facts_are_refused_for_what_did_not_pass_the_rules() -> None:
    sent = Draft(DOCUMENT)
    sent.remove("//f:Composition/f:subject")

    with pytest.raises(ValueError, match="did not pass"):
        read_document_report(parse(sent.body, LIMIT))
    with pytest.raises(ValueError, match="no Composition"):
        read_document_report(parse(GOOD, LIMIT))


def test_nothing_of_the_patient_is_printed_with_the_facts() -> None:
    report = replace(received(REPLACEMENT), replaces="Smith")

    assert "Smith" not in repr(report)
    assert "9690937278" not in repr(report)
