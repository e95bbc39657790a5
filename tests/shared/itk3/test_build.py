"""Messages as they are built: their ids, their parts, their conformance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from shared.itk3 import codes
from shared.itk3.build import build_report, build_response, report_ids
from shared.itk3.model import Document, Patient, ReportMessage
from shared.itk3.parse import read
from shared.itk3.stu3 import faults
from tests.shared.itk3.examples import (
    AT,
    ECG,
    MESSAGE,
    PATIENT,
    PDF,
    REPORT,
    RESPONSE,
    Draft,
    profile_problems,
    reading_of,
    with_documents,
)

CONFIDENTIAL = replace(MESSAGE, confidential=True, documents=(REPORT,))
UNVERIFIED = replace(MESSAGE, patient=replace(PATIENT, nhs_number_verified=False))
BARE = replace(
    MESSAGE,
    patient=Patient("9690937278", True, replace(PATIENT.name, given=(), prefix=None), PATIENT.birth_date),
    practitioner=replace(MESSAGE.practitioner, telephone=None),
    documents=(REPORT,),
)
ODD_TEXT = replace(
    MESSAGE,
    sender=replace(MESSAGE.sender, name='Ash & "Elm" <Surgery> \N{EM DASH} Łódź \N{SYRINGE}'),
    documents=(REPORT, replace(ECG, description="line 1\nline 2\ttab")),
)
MESSAGES = [
    pytest.param(MESSAGE, id="ordinary"),
    pytest.param(CONFIDENTIAL, id="confidential"),
    pytest.param(UNVERIFIED, id="unverified"),
    pytest.param(BARE, id="bare"),
    pytest.param(ODD_TEXT, id="odd text"),
]


def value(draft: Draft, xpath: str) -> str:
    (found,) = draft.find(xpath)
    return str(found.get("value"))


@pytest.mark.requirement("GPCM-SD-001", "GPCM-SD-002", "GPCM-SD-010", "GPCM-SD-014", "GPCM-SD-028")
@pytest.mark.parametrize("message", MESSAGES)
def test_a_report_conforms_to_the_published_profiles(message: ReportMessage) -> None:
    assert profile_problems(build_report(message)) == []


@pytest.mark.parametrize("message", MESSAGES)
def test_elements_stand_in_the_order_of_fhir(message: ReportMessage) -> None:
    from fhir.resources.STU3.bundle import Bundle

    body = build_report(message)
    canonical = Bundle.model_validate_xml(body).model_dump_xml()

    def names(xml: bytes | str) -> list[str]:
        return [etree.QName(each).localname for each in etree.fromstring(xml).iter() if isinstance(each.tag, str)]

    assert names(body) == names(canonical)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_same_version_built_twice_gives_the_same_bytes(message: ReportMessage) -> None:
    assert build_report(message) == build_report(replace(message))


def test_a_report_is_utf_8_without_a_byte_order_mark() -> None:
    body = build_report(ODD_TEXT)

    assert body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<Bundle xmlns=\"http://hl7.org/fhir\">")
    assert "Łódź \N{SYRINGE}".encode() in body


@pytest.mark.requirement("FHIR-VER-01")
def test_another_report_id_changes_every_id() -> None:
    one = {each.get("value") for each in Draft().find("//f:id")}
    other = {
        each.get("value")
        for each in Draft(build_report(replace(MESSAGE, report_id=RESPONSE.response_id))).find("//f:id")
    }

    assert len(one) == 11
    assert not one & other


def test_the_ids_of_a_report_are_where_they_are_said_to_be() -> None:
    ids, reading, draft = report_ids(MESSAGE), reading_of(), Draft()

    assert (reading.message_id, reading.payload_identifier) == (ids.message_header, ids.payload_identifier)
    assert value(draft, "/f:Bundle/f:id") == ids.bundle
    assert value(draft, "/f:Bundle/f:identifier/f:value") == ids.bundle_identifier
    assert value(draft, "//f:resource/f:Bundle/f:id") == ids.payload
    assert value(draft, "//f:MessageHeader/f:focus/f:reference") == f"urn:uuid:{ids.payload}"


@pytest.mark.requirement("GPCM-SD-039", "GPCM-SD-040", "GPCM-SD-041", "GPCM-SD-042", "GPCM-SD-043")
def test_the_handling_keys_of_a_report() -> None:
    draft = Draft()
    keys = {each.get("url"): each for each in draft.find("//f:MessageHeader/f:extension/f:extension")}

    values = {url: each.xpath("string(.//@value)") for url, each in keys.items() if url != "RecipientType"}
    assert values == {
        "BusAckRequested": "true",
        "InfAckRequested": "true",
        "MessageDefinition": "https://fhir.nhs.uk/STU3/MessageDefinition/"
        "ITK-GPConnectSendDocument-MessageDefinition-Instance-1",
        "SenderReference": MESSAGE.consultation_id,
        "LocalExtension": "SendDocument-FederatedConsultationReport",
    }
    assert [each.get("value") for each in keys["RecipientType"][0]] == [
        "https://fhir.nhs.uk/STU3/CodeSystem/ITK-RecipientType-1",
        "FA",
        "For Action",
    ]


@pytest.mark.requirement("GPCM-SD-045", "GPCM-SD-046", "GPCM-SD-047", "GPCM-SD-048", "GPCM-SD-049")
def test_the_header_of_a_report() -> None:
    draft = Draft()

    names = [etree.QName(each).localname for each in draft.find("//f:MessageHeader/*")]
    assert names == ["id", "meta", "extension", "event", "sender", "timestamp", "source", "focus"]
    assert value(draft, "//f:MessageHeader/f:event/f:code") == "ITK007C"
    assert value(draft, "//f:MessageHeader/f:source/f:endpoint") == "X26ABC1"
    assert value(draft, "//f:MessageHeader/f:timestamp") == "2026-11-20T21:25:00+00:00"
    assert reading_of().envelope is not None
    assert reading_of().envelope.sender_ods_code == "B81001"  # type: ignore[union-attr]


@pytest.mark.requirement("GPCM-SD-015", "GPCM-SD-016", "GPCM-SD-017", "GPCM-SD-020", "GPCM-SD-044")
def test_the_task_has_its_fixed_values() -> None:
    draft = Draft()

    assert value(draft, "//f:Task/f:status") == "requested"
    assert value(draft, "//f:Task/f:intent") == "plan"
    assert value(draft, "//f:Task/f:priority") == "routine"
    assert value(draft, "//f:Task/f:authoredOn") == "2026-11-20T21:25:00+00:00"


@pytest.mark.requirement("GPCM-SD-025", "GPCM-SD-026", "GPCM-SD-078", "GPCM-SD-079", "GPCM-SD-082")
def test_the_report_s_document_reference_has_its_fixed_values() -> None:
    draft = Draft()
    report = "//f:entry[2]/f:resource/f:DocumentReference"

    assert value(draft, f"{report}/f:status") == "current"
    assert value(draft, f"{report}/f:description") == "Federated Consultation Report"
    assert value(draft, f"{report}/f:indexed") == "2026-11-20T21:25:00+00:00"
    assert [each.get("value") for each in draft.find(f"{report}/f:type/f:coding[1]/*")] == [
        "https://fhir.nhs.uk/STU3/ValueSet/DocumentType-1",
        "371531000",
        "Report of clinical encounter",
    ]
    assert value(draft, f"{report}/f:type/f:coding[2]/f:system") == "http://snomed.info/sct"
    assert {each.get("value") for each in draft.find("//f:Task/f:input/f:type/f:text")} == {
        "Federated consultation report"
    }


@pytest.mark.requirement("FHIR-PDS-10")
def test_the_nhs_number_says_whether_it_was_verified() -> None:
    coding = "//f:Patient/f:identifier/f:extension//f:coding/f:code"

    assert value(Draft(), coding) == "01"
    assert value(Draft(build_report(UNVERIFIED)), coding) == "02"


def test_registered_and_current_contacts_are_told_apart_by_their_use() -> None:
    draft = Draft()

    assert [each.get("value") for each in draft.find("//f:Patient/f:telecom/f:use")] == ["home", "temp"]
    assert [each.get("value") for each in draft.find("//f:Patient/f:address/f:use")] == ["home", "temp"]


@pytest.mark.requirement("GPCM-SD-018", "GPCM-SD-102")
def test_a_confidential_report_names_no_place_but_keeps_the_resources_that_route_it() -> None:
    draft = Draft(build_report(CONFIDENTIAL))

    assert value(draft, "//f:Task/f:description") == (
        "Federated consultation report for Mr Richard John Smith , NHS Number 9690937278, Version 1"
    )
    assert len(draft.find("//f:Practitioner")) == 1
    assert len(draft.find("//f:resource/f:Bundle//f:Organization")) == 2


def test_times_are_written_in_utc_whatever_their_zone() -> None:
    summer = AT.astimezone(timezone(timedelta(hours=1)))

    assert build_report(replace(MESSAGE, generated_at=summer)) == build_report(MESSAGE)


def test_an_attachment_labelled_like_the_report_gets_another_label() -> None:
    message = with_documents(REPORT, replace(ECG, description="federated consultation report"))

    labels = [each.get("value") for each in Draft(build_report(message)).find("//f:DocumentReference/f:description")]
    assert labels == ["Federated Consultation Report", "federated consultation report (attachment)"]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(with_documents(), id="no document"),
        pytest.param(with_documents(ECG), id="the first is no PDF by type"),
        pytest.param(with_documents(replace(REPORT, data=b"hello")), id="the first is no PDF by bytes"),
        pytest.param(with_documents(REPORT, replace(ECG, data=b"")), id="an empty attachment"),
        pytest.param(replace(MESSAGE, confidential=True), id="confidential with attachments"),
        pytest.param(replace(MESSAGE, consultation_id=""), id="no consultation"),
        pytest.param(replace(MESSAGE, generated_at=AT.replace(tzinfo=None)), id="no zone"),
        pytest.param(with_documents(REPORT, replace(ECG, description="a\x00b")), id="a control character"),
        pytest.param(with_documents(REPORT, replace(ECG, description="a\ud800b")), id="half a character"),
        pytest.param(with_documents(REPORT, replace(ECG, description="")), id="no label"),
        pytest.param(replace(MESSAGE, sender_mailbox=""), id="no mailbox"),
        pytest.param(with_documents(REPORT, replace(ECG, content_type="")), id="no type"),
    ],
)
def test_what_cannot_make_a_valid_message_is_refused(message: ReportMessage) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        build_report(message)

    assert caught.value.__cause__ is None
    assert "ECG" not in str(caught.value)


def test_a_large_document_travels_whole() -> None:
    body = build_report(with_documents(replace(REPORT, data=PDF + bytes(9_000_000))))

    assert len(Draft(body).find("//f:data")[0].get("value")) > 12_000_000


@pytest.mark.requirement("GPCM-SD-050", "GPCM-SD-051", "GPCM-SD-052", "GPCM-SD-053", "GPCM-SD-054")
def test_the_header_of_a_response() -> None:
    draft = Draft(build_response(RESPONSE))

    keys = {
        each.get("url"): each.xpath("string(.//@value)")
        for each in draft.find("//f:MessageHeader/f:extension/f:extension")
    }
    assert keys == {
        "BusAckRequested": "false",
        "InfAckRequested": "false",
        "RecipientType": "https://fhir.nhs.uk/STU3/CodeSystem/ITK-RecipientType-1",
        "MessageDefinition": "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-Response-MessageDefinition-1",
        "SenderReference": RESPONSE.sender_reference,
        "LocalExtension": "None",
    }
    assert value(draft, "//f:MessageHeader/f:event/f:code") == "ITK008M"
    assert value(draft, "//f:MessageHeader/f:id") == RESPONSE.response_id
    assert value(draft, "//f:response/f:identifier") == RESPONSE.request_message_id


@pytest.mark.requirement("GPCM-SD-055", "GPCM-SD-074")
@pytest.mark.parametrize("code", list(codes.RESPONSE_CODES))
def test_a_response_of_each_code_conforms_to_the_published_profiles(code: str) -> None:
    response = replace(RESPONSE, code=code, issue_type="")

    assert profile_problems(build_response(response)) == []


def test_a_response_says_whether_it_is_good_news() -> None:
    bad = Draft(build_response(replace(RESPONSE, code="20006", issue_type="required")))

    assert value(Draft(build_response(RESPONSE)), "//f:response/f:code") == "ok"
    assert value(bad, "//f:response/f:code") == "fatal-error"
    assert [each.get("value") for each in bad.find("//f:issue/f:severity | //f:issue/f:code")] == ["fatal", "required"]


@pytest.mark.parametrize("identifier", [None, "", "has a space", "x" * 65])
def test_an_unreadable_message_id_is_answered_with_the_word_for_it(identifier: str | None) -> None:
    body = build_response(replace(RESPONSE, request_message_id=identifier))

    assert value(Draft(body), "//f:response/f:identifier") == "UNREADABLE-IN-ORIGINAL-MESSAGE"


@pytest.mark.parametrize("reference", [None, "", "  ", "x" * 256])
def test_a_sender_reference_that_cannot_be_given_back_is_none(reference: str | None) -> None:
    body = build_response(replace(RESPONSE, sender_reference=reference))

    assert value(Draft(body), "//f:extension[@url='SenderReference']/f:valueString") == "None"


@pytest.mark.parametrize("code", ["10006", "30099", "nonsense"])
def test_a_code_that_is_not_published_is_never_sent(code: str) -> None:
    with pytest.raises(ValueError, match="not a response code"):
        build_response(replace(RESPONSE, code=code))


def test_a_response_that_is_not_valid_fhir_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not valid FHIR at Bundle\.entry"):
        build_response(replace(RESPONSE, issue_type=" not a code "))


@pytest.mark.parametrize("change", [{"response_id": "has a space"}, {"diagnostics": "\x0b"}], ids=str)
def test_of_a_response_each_value_is_looked_at_and_not_the_frame_alone(change: dict[str, str]) -> None:
    build_response(RESPONSE)

    with pytest.raises(ValueError, match="not valid FHIR"):
        build_response(replace(RESPONSE, **change))  # type: ignore[arg-type]


@given(reference=st.text(), identifier=st.text(), diagnostics=st.text(), response_id=st.text() | st.uuids().map(str))
def test_whatever_a_response_has_to_say_it_is_valid_fhir_or_not_built(
    reference: str, identifier: str, diagnostics: str, response_id: str
) -> None:
    response = replace(
        RESPONSE,
        sender_reference=reference,
        request_message_id=identifier,
        diagnostics=diagnostics,
        response_id=response_id,
    )
    try:
        body = build_response(response)
    except ValueError:
        return
    envelope = read(body, len(body)).envelope

    assert envelope is not None
    assert faults(envelope.root, "entry") == ()
    assert [faults(resource) for resource in envelope.message.resources] == [()] * 3


def test_every_document_of_a_built_report_is_valid_fhir() -> None:
    envelope = reading_of(with_documents(REPORT, Document("Letter", "text/plain", b"hello", AT))).envelope

    assert envelope is not None
    assert envelope.payload is not None
    assert [faults(resource) for resource in envelope.payload.resources] == [()] * 7
