"""Control files: what is written for the MESH client, and what is read of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import etree

from shared.errors import MeshProtocolError
from shared.mesh.headers import send_headers
from shared.mesh.messages import MeshReport
from shared.mesh_folder.control import LARGEST, read_control, write_control
from tests.shared.mesh_folder.bench import LOCAL_ID, OURS, outgoing

REPORT = b"""<DTSControl><Version>1.0</Version><AddressType>ALL</AddressType><MessageType>Report</MessageType>
<From_DTS/><To_DTS>ALDERMB1</To_DTS><Subject>x</Subject><LocalId>our-id.1</LocalId>
<DTSId>20261120180000000000_000002</DTSId><WorkflowId>GPFED_CONSULT_REPORT</WorkflowId><Encrypted>N</Encrypted>
<StatusRecord><DateTime>20261120180500</DateTime><Event>SEND</Event><Status>ERROR</Status>
<StatusCode>EPL-152</StatusCode>
<Description>Invalid NHS number 9690937278</Description>%s</StatusRecord></DTSControl>"""


def written(**changes: object) -> dict[str, str]:
    content = write_control(send_headers(outgoing(**changes), OURS), allow_chunking=False)
    return {each.tag: each.text or "" for each in etree.fromstring(content)}


@pytest.mark.requirement("GPCM-SD-057", "GPCM-SD-059", "GPCM-SD-060", "GPCM-SD-061")
def test_the_control_file_names_our_mailbox_the_patients_address_the_subject_and_the_workflow() -> None:
    subject = "Federated consultation report for Mr R Smith , NHS Number 9690937278, seen at Alder, ODS Code A81001"

    said = written(to="GPPROVIDER_9690937278_19570109_Smith", subject=subject)

    assert said["From_DTS"] == OURS
    assert said["To_DTS"] == "GPPROVIDER_9690937278_19570109_Smith"
    assert said["Subject"] == subject
    assert (said["WorkflowId"], said["LocalId"]) == ("GPFED_CONSULT_REPORT", LOCAL_ID)
    assert (said["MessageType"], said["AddressType"], said["Version"]) == ("Data", "DTS", "1.0")
    assert (said["IsCompressed"], said["Encrypted"], said["DTSId"]) == ("N", "N", "")


def test_what_is_written_is_read_as_it_was_marks_and_markup_included() -> None:
    content = write_control(send_headers(outgoing(subject='<b>"O\'Søn" & Co</b> ]]> '), OURS), allow_chunking=True)

    read = read_control(content)

    assert read.message_id is None
    assert read.headers("X").subject == '<b>"O\'Son" & Co</b> ]]>'
    assert not read.is_report


@pytest.mark.requirement("GPCM-SD-094")
def test_a_status_record_is_the_same_report_as_the_apis() -> None:
    report = read_control(REPORT % b"").headers("20261120180000000000_000002").report

    assert report == MeshReport(
        message_id="20261120180000000000_000002",
        code="EPL-152",
        event="SEND",
        description="Invalid NHS number ***",
        linked_message_id=None,
        local_id="our-id.1",
        workflow_id="GPFED_CONSULT_REPORT",
        status_at=datetime(2026, 11, 20, 18, 5, tzinfo=UTC),
    )
    assert report.is_routing_failure


def test_a_record_that_names_the_message_is_linked_to_it() -> None:
    report = read_control(REPORT % b"<DTSId>20261120180000000000_000001</DTSId>").headers("R").report

    assert report is not None
    assert report.linked_message_id == "20261120180000000000_000001"


@pytest.mark.parametrize(
    "record",
    [b"<Status>success</Status><StatusCode>00</StatusCode>", b"<StatusCode>00</StatusCode>"],
    ids=["status", "code alone"],
)
def test_a_note_that_something_went_well_is_good_news(record: bytes) -> None:
    note = b"<DTSControl><MessageType>Report</MessageType><StatusRecord>" + record + b"</StatusRecord></DTSControl>"

    assert read_control(note).is_good_news
    assert not read_control(REPORT % b"").is_good_news


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf<DTSControl><!-- a note --><DTSId>A1</DTSId><MessageType>Data</MessageType></DTSControl>",
        "<?xml version='1.0' encoding='UTF-16'?><DTSControl><DTSId>A1</DTSId><MessageType>Data</MessageType>"
        "</DTSControl>".encode("utf-16"),
        b"<x:DTSControl xmlns:x='urn:x'><x:DTSId> A1\n</x:DTSId><x:MessageType>DATA</x:MessageType></x:DTSControl>",
    ],
    ids=["BOM and comment", "UTF-16", "prefixes"],
)
def test_whatever_xml_allows_is_read(content: bytes) -> None:
    read = read_control(content)

    assert read.message_id == "A1"
    assert read.headers("A1").message_type == "DATA"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<DTSControl><DTSId>A1</DTSId>",
        b"<Bundle/>",
        b"<!DOCTYPE DTSControl><DTSControl/>",
        b'<!DOCTYPE DTSControl [<!ENTITY e SYSTEM "file:///etc/passwd">]><DTSControl><Subject>&e;</Subject></DTSControl>',
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><DTSControl><Subject>&b;</Subject></DTSControl>',
        b"<DTSControl>" + b" " * LARGEST + b"</DTSControl>",
        b"\xff\xfe\x00",
        b"%PDF-1.7",
    ],
    ids=["empty", "cut short", "another root", "document type", "entity", "entities", "huge", "bytes", "PDF"],
)
def test_what_is_no_control_file_is_refused_without_being_quoted(content: bytes) -> None:
    with pytest.raises(MeshProtocolError, match="control file") as caught:
        read_control(content)

    assert caught.value.__cause__ is None
    assert "passwd" not in str(caught.value)


@pytest.mark.parametrize(
    "stated", ["", "two words", "x" * 101, "A\u202e1"], ids=["none", "words", "long", "unprintable"]
)
def test_an_id_that_cannot_be_one_is_none(stated: str) -> None:
    content = f"<DTSControl><MessageType>Data</MessageType><DTSId>{stated}</DTSId></DTSControl>".encode()

    assert read_control(content).message_id is None


def test_a_report_without_an_id_is_known_by_what_it_says() -> None:
    nameless = (REPORT % b"").replace(b"<DTSId>20261120180000000000_000002</DTSId>", b"")

    message_id = read_control(nameless).message_id

    assert message_id is not None
    assert message_id.startswith("REPORT-")
    assert read_control(nameless).message_id == message_id
    assert read_control(nameless.replace(b"our-id.1", b"our-id.2")).message_id != message_id
