"""Responses to the only report of a sender, good or spoiled, and what became of the report."""

from __future__ import annotations

from collections.abc import Callable

from shared.itk3.build import build_response
from shared.itk3.codes import RESPONSE_CODES
from shared.itk3.identity import response_id
from shared.itk3.model import ResponseMessage
from tests.federated_sender.bench import CONSULTATION, WORKFLOW, SenderBench
from tests.shared.itk3.examples import Draft

HANDLING = "//f:MessageHeader/f:extension"
Change = Callable[[Draft], None]


def draft_of(sent: SenderBench, code: str) -> Draft:
    """Return a good response to the only report, to be spoiled."""
    record = sent.only()
    answer = ResponseMessage(
        response_id=response_id(f"{record['report_id']}{code}{len(sent.mesh.messages)}", "test"),
        code=code,
        issue_type=RESPONSE_CODES[code].issue_type,
        diagnostics="for the test",
        request_message_id=record["message_id"],
        sender_reference=CONSULTATION,
        responder_ods_code="B82002",
        responder_mailbox="BIRCHMB1",
        generated_at=sent.now(),
    )
    return Draft(build_response(answer))


def receive(sent: SenderBench, body: bytes, mailbox: str = "BIRCHMB1") -> None:
    sent.mesh.put("ALDERMB1", body, sender=mailbox, workflow_id=f"{WORKFLOW}_ACK")
    sent.once()


def answer(sent: SenderBench, code: str, change: Change = lambda _: None) -> None:
    draft = draft_of(sent, code)
    change(draft)
    receive(sent, draft.body)


def outcome(sent: SenderBench) -> tuple[str, str | None, str | None]:
    record = sent.only()
    return record["state"], record["infrastructure_code"], record["business_code"]


def kinds(sent: SenderBench) -> list[str]:
    return sorted(alert["kind"] for alert in sent.alerts())
