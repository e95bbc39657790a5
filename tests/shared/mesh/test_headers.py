"""The headers of a message, sent and received."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import MeshProtocolError, MeshRefused
from shared.mesh.headers import read_headers, send_headers
from shared.mesh.messages import MessageType, OutgoingMessage

MINIMAL = {"mex-messagetype": "DATA", "mex-workflowid": "W"}


@pytest.mark.requirement("GPCM-SD-057", "GPCM-SD-062", "GPCM-SD-063", "GPCM-SD-064")
def test_a_message_goes_with_sender_address_workflow_and_subject(report: OutgoingMessage) -> None:
    headers = send_headers(report, "B82002OT001")

    assert headers == {
        "Mex-From": "B82002OT001",
        "Mex-To": "GPPROVIDER_9690937278_19570109_Smith",
        "Mex-WorkflowID": "GPFED_CONSULT_REPORT",
        "Mex-LocalID": "a1b2.1",
        "Mex-Subject": "Federated consultation report for Mr Richard Smith , NHS Number 9690937278",
        "Content-Type": "application/fhir+xml",
    }


def test_a_subject_is_folded_and_an_empty_one_left_out(report: OutgoingMessage) -> None:
    assert send_headers(replace(report, subject="Zo\u00eb\n Smith"), "B82002OT001")["Mex-Subject"] == "Zoe Smith"
    assert "Mex-Subject" not in send_headers(replace(report, subject=""), "B82002OT001")


@pytest.mark.parametrize(
    ("header", "field", "value"),
    [
        ("Mex-To", "to", ""),
        ("Mex-To", "to", "GPPROVIDER_9690937278_19570109_" + "x" * 70),
        ("Mex-To", "to", "GPPROVIDER_9690937278_19570109_Zo\u00eb"),
        ("Mex-To", "to", "GPPROVIDER_9690937278_19570109_Smith "),
        ("Mex-To", "to", "https://elsewhere.example/9690937278"),
        ("Mex-WorkflowID", "workflow_id", ""),
        ("Mex-WorkflowID", "workflow_id", "GPFED\r\nMex-To: 9690937278"),
        ("Mex-LocalID", "local_id", "x" * 301),
        ("Content-Type", "content_type", "text/\tplain"),
    ],
)
def test_a_value_that_mesh_would_refuse_is_refused_here_without_being_quoted(
    report: OutgoingMessage, header: str, field: str, value: str
) -> None:
    changed: dict[str, Any] = {field: value}

    with pytest.raises(MeshRefused) as refused:
        send_headers(replace(report, **changed), "B82002OT001")

    assert str(refused.value).startswith(header)
    assert "9690937278" not in str(refused.value)


def test_a_data_message_is_read_with_all_it_says() -> None:
    headers = read_headers(
        "2026_A1",
        {
            "mex-messageid": "2026_a1",
            "mex-messagetype": "DATA",
            "mex-from": "B82002OT001",
            "mex-to": "A81001OT001",
            "mex-workflowid": "GPFED_CONSULT_REPORT",
            "mex-localid": "a1b2.1",
            "mex-subject": "Report",
            "mex-statuscode": "00",
            "mex-statusevent": "TRANSFER",
            "mex-statusdescription": "Transferred to recipient mailbox",
            "mex-statustimestamp": "20261120180500",
            "mex-chunk-range": "1:3",
        },
    )

    assert headers.message_id == "2026_A1"
    assert headers.message_type is MessageType.DATA
    assert (headers.sender, headers.recipient) == ("B82002OT001", "A81001OT001")
    assert (headers.workflow_id, headers.local_id, headers.subject) == ("GPFED_CONSULT_REPORT", "a1b2.1", "Report")
    assert headers.status_at == datetime(2026, 11, 20, 18, 5, tzinfo=UTC)
    assert headers.total_chunks == 3


def test_a_report_is_read_with_what_it_links_to_and_patient_data_masked_in_its_reason() -> None:
    headers = read_headers(
        "R1",
        {
            "mex-messagetype": "report",
            "mex-workflowid": "GPFED_CONSULT_REPORT",
            "mex-linkedmsgid": "M1",
            "mex-statuscode": "EPL-154",
            "mex-statusdescription": "9690937278 does not match",
            "mex-chunk-range": "1:0",
        },
    )

    assert headers.message_type is MessageType.REPORT
    assert (headers.sender, headers.linked_message_id, headers.status_code) == (None, "M1", "EPL-154")
    assert headers.status_description == "*** does not match"
    assert headers.total_chunks == 0


def test_odd_optional_headers_are_survived() -> None:
    headers = read_headers("M1", {**MINIMAL, "mex-statustimestamp": "yesterday", "mex-chunk-range": "many"})

    assert headers.status_at is None
    assert headers.total_chunks == 1


def test_a_status_code_of_any_length_is_cut_to_what_a_code_may_have() -> None:
    assert read_headers("R1", {**MINIMAL, "mex-statuscode": "x" * 500}).status_code == "x" * 64


def test_the_headers_of_another_message_are_not_believed() -> None:
    with pytest.raises(MeshProtocolError):
        read_headers("M1", {**MINIMAL, "mex-messageid": "M2"})


@pytest.mark.parametrize("kind", ["", "LETTER"])
def test_a_message_that_is_neither_data_nor_report_is_a_fault_of_mesh(kind: str) -> None:
    with pytest.raises(MeshProtocolError):
        read_headers("M1", {"mex-messagetype": kind})
