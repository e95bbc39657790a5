"""The facts of a report as the receiver files them."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from shared.itk3.build import build_report, report_ids
from shared.itk3.model import Address, Document, PersonName, ReceivedReport, ReportMessage
from shared.itk3.parse import parse, read
from shared.itk3.rule import Context
from shared.itk3.rules import judge, read_report
from shared.itk3.task_read import is_confidential, read_task_report, version_in
from tests.shared.itk3.breakages import remove
from tests.shared.itk3.examples import AT, ECG, LIMIT, MESSAGE, PATIENT, REPORT, Draft, spoiled


def received(message: ReportMessage) -> ReceivedReport:
    reading = read(build_report(message), LIMIT)
    assert judge(reading, Context(message.recipient.ods_code, message.sender_mailbox)).accepted
    assert reading.envelope is not None
    return read_report(reading.envelope)


@pytest.mark.requirement("GPCM-SD-011", "GPCM-SD-012", "GPCM-SD-013", "GPCM-SD-027", "GPCM-SD-093")
def test_an_ordinary_report_gives_back_what_was_sent() -> None:
    report = received(MESSAGE)

    ids = report_ids(MESSAGE)
    assert report == ReceivedReport(
        message_id=ids.message_header,
        payload_id=ids.payload,
        payload_identifier=ids.payload_identifier,
        sender_reference=MESSAGE.consultation_id,
        sender_ods_code="B81001",
        description="Federated consultation report for Mr Richard John Smith , NHS Number 9690937278, "
        "seen at Starling Surgery, ODS Code B81001, Version 1",
        version=1,
        authored_on=AT,
        confidential=False,
        recipient_ods_code="B82002",
        patient=MESSAGE.patient,
        practitioner=MESSAGE.practitioner,
        sender=MESSAGE.sender,
        documents=MESSAGE.documents,
    )


def test_a_confidential_report_is_known_by_its_description() -> None:
    assert received(replace(MESSAGE, confidential=True, documents=(REPORT,))).confidential


@pytest.mark.requirement("GPCM-SD-008", "GPCM-SD-009", "GPCM-SD-024")
def test_the_report_comes_first_and_the_attachments_in_their_order() -> None:
    draft = Draft(build_report(replace(MESSAGE, documents=(REPORT, ECG, replace(ECG, description="Letter")))))
    inputs = draft.find("//f:Task/f:input")
    inputs[2].addnext(inputs[0])

    report = read_report(parse(draft.body, LIMIT))

    labels = [document.description for document in report.documents]
    assert labels == ["Federated Consultation Report", "ECG", "Letter"]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("… , Version 1", 1),
        ("…, Version 12 ", 12),
        ("…, version: 3", 3),
        ("…, Version 0", None),
        ("…, Version 2 of 3", None),
        ("…, Subversion 2", None),
        ("…, Version 12345678901", None),
        ("", None),
        (None, None),
    ],
)
def test_the_version_stands_at_the_end(text: str | None, version: int | None) -> None:
    assert version_in(text) == version


@pytest.mark.parametrize(
    ("description", "confidential"),
    [
        ("Federated consultation report for A B , NHS Number 1, seen at C, ODS Code D, Version 1", False),
        ("Federated consultation report for A B , NHS Number 1, Version 1", True),
        ("Federated consultation report for A Seen At , NHS Number 1, Version 1", True),
        ("Federated consultation report for A B seen at C", False),
    ],
)
def test_a_description_without_a_place_is_confidential(description: str, confidential: bool) -> None:
    assert is_confidential(description) is confidential


@pytest.mark.parametrize("xpath", ["//f:Task/f:for", "//f:Task/f:authoredOn", "//f:Patient/f:birthDate"])
def test_facts_are_refused_when_the_rules_do_not_hold(xpath: str) -> None:
    envelope = parse(spoiled(remove(xpath)), LIMIT)

    with pytest.raises(ValueError, match="did not pass the rules"):
        read_report(envelope)


def test_facts_are_refused_without_a_payload() -> None:
    with pytest.raises(ValueError, match="no payload"):
        read_report(parse(spoiled(remove("//f:MessageHeader/f:focus")), LIMIT))


def test_a_message_without_a_task_has_no_task_s_facts() -> None:
    envelope = parse(spoiled(remove("//f:entry[f:resource/f:Task]")), LIMIT)

    with pytest.raises(ValueError, match="no Task payload"):
        read_task_report(envelope)


def test_a_patient_may_have_other_identifiers() -> None:
    draft = Draft()
    first = draft.find("//f:Patient/f:identifier")[0]
    first.addprevious(
        etree.fromstring(
            '<identifier xmlns="http://hl7.org/fhir"><system value="urn:local"/><value value="1"/></identifier>'
        )
    )

    assert read_report(parse(draft.body, LIMIT)).patient == PATIENT


def test_what_may_be_missing_is_none() -> None:
    bare = replace(
        MESSAGE,
        patient=replace(
            *(PATIENT,),
            gender=None,
            telephones=(),
            address=None,
            current_telephones=(),
            current_address=None,
            nhs_number_verified=False,
        ),
        documents=(REPORT,),
    )

    assert received(bare).patient == bare.patient


def test_old_addresses_and_numbers_are_not_current_ones() -> None:
    draft = Draft()
    draft.set("//f:Patient/f:address/f:use[@value='home']", "old")
    draft.set("//f:Patient/f:telecom/f:use[@value='home']", "old")

    patient = read_report(parse(draft.body, LIMIT)).patient

    assert (patient.address, patient.telephones) == (None, ())
    assert patient.current_address == PATIENT.current_address


def test_people_and_places_that_cannot_be_read_are_none() -> None:
    draft = Draft()
    draft.remove("//f:Practitioner/f:name")
    draft.remove("//f:Organization/f:name")

    report = read_report(parse(draft.body, LIMIT))

    assert (report.practitioner, report.sender) == (None, None)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
TEXT = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
NAMES = st.builds(PersonName, family=TEXT, given=st.lists(TEXT, max_size=2).map(tuple), prefix=st.none() | TEXT)
ADDRESSES = st.builds(Address, lines=st.lists(TEXT, min_size=1, max_size=3).map(tuple), postcode=st.none() | TEXT)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
ATTACHMENTS = st.builds(
    Document,
    description=TEXT.filter(lambda text: text.casefold() != "federated consultation report"),
    content_type=st.just("application/rtf"),
    data=st.binary(min_size=1, max_size=50).map(lambda data: b"{\\rtf" + data),
    created=MOMENTS,
)
MESSAGES = st.builds(
    replace,
    st.just(MESSAGE),
    version=st.integers(1, 99),
    consultation_id=st.uuids().map(str),
    generated_at=MOMENTS,
    patient=st.builds(
        replace,
        st.just(PATIENT),
        name=NAMES,
        birth_date=st.dates(date(1900, 1, 1), date(2026, 1, 1)),
        gender=st.sampled_from(["male", "female", "other", "unknown", None]),
        address=st.none() | ADDRESSES,
        telephones=st.lists(st.text(string.digits, min_size=3, max_size=11), max_size=2).map(tuple),
    ),
    documents=st.lists(ATTACHMENTS, max_size=2).map(lambda attachments: (REPORT, *attachments)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(MESSAGES)
def test_whatever_is_sent_is_received_as_it_was(message: ReportMessage) -> None:
    report = received(message)

    assert (report.patient, report.documents) == (message.patient, message.documents)
    assert (report.version, report.sender_reference) == (message.version, message.consultation_id)
    assert report.authored_on == message.generated_at
