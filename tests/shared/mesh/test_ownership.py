"""Who takes what from a shared mailbox."""

from __future__ import annotations

import pytest

from shared.mesh.messages import MessageHeaders, MessageType
from shared.mesh.ownership import Role, owns

WORKFLOWS = ("GPFED_CONSULT_REPORT", "GPCONNECT_SEND_DOCUMENT")
REPORTS, RESPONSES = "GPFED_CONSULT_REPORT", "GPFED_CONSULT_REPORT_ACK"


@pytest.mark.requirement("GPCM-SD-057", "GPCM-SD-058")
@pytest.mark.parametrize(
    ("message_type", "workflow_id", "owner"),
    [
        (MessageType.DATA, REPORTS, Role.RECEIVER),
        (MessageType.DATA, RESPONSES, Role.SENDER),
        (MessageType.DATA, "GPCONNECT_SEND_DOCUMENT", Role.RECEIVER),
        (MessageType.DATA, "GPCONNECT_SEND_DOCUMENT_ACK", Role.SENDER),
        (MessageType.REPORT, "GPCONNECT_SEND_DOCUMENT", Role.SENDER),
        (MessageType.DATA, "PATHOLOGY", None),
        (MessageType.REPORT, REPORTS, Role.SENDER),
        (MessageType.REPORT, RESPONSES, Role.RECEIVER),
        (MessageType.REPORT, "PATHOLOGY", None),
    ],
)
def test_type_and_workflow_decide(message_type: MessageType, workflow_id: str, owner: Role | None) -> None:
    headers = MessageHeaders("M1", message_type, workflow_id)

    owners = [role for role in Role if owns(role, headers, WORKFLOWS, links_to_ours=False)]

    assert owners == ([owner] if owner else [])


@pytest.mark.parametrize("role", list(Role))
def test_a_report_about_something_we_sent_is_ours_whatever_its_workflow(role: Role) -> None:
    assert owns(role, MessageHeaders("M1", MessageType.REPORT, "ELSE"), WORKFLOWS, links_to_ours=True)


@pytest.mark.parametrize("role", list(Role))
def test_data_is_not_ours_because_it_links_to_something_we_sent(role: Role) -> None:
    assert not owns(role, MessageHeaders("M1", MessageType.DATA, "ELSE"), WORKFLOWS, links_to_ours=True)
