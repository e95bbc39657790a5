"""Whatever lies in the mailbox is treated as the decisions say, and seen in ``status``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.itk3.build import build_report, build_response
from shared.itk3.model import ResponseMessage
from tests.registered_receiver.bench import (
    BIRCH,
    CONSULTATION,
    INDEXED_SMITH,
    PHOTOGRAPH,
    REPORT,
    THEM,
    US,
    WORKFLOW,
    ReceiverBench,
    report,
)
from tests.registered_receiver.conftest import MakeReceiver

Put = Callable[[ReceiverBench], str]
GOOD = build_report(report())


def response(receiver: ReceiverBench) -> bytes:
    return build_response(
        ResponseMessage(
            response_id="11111111-2222-4333-8444-555555555555",
            code="20013",
            issue_type="informational",
            diagnostics="fine",
            request_message_id=None,
            sender_reference=CONSULTATION,
            responder_ods_code="A81001",
            responder_mailbox=THEM,
            generated_at=receiver.now(),
        )
    )


# how it comes; state, infrastructure code, whether MESH forgets it, alerts
ODD: dict[str, tuple[Put, str, str | None, bool, list[str]]] = {
    "another workflow": (
        lambda r: r.mesh.put(US, b"x", sender=THEM, workflow_id="PATHOLOGY"),
        *("ignored", None, False, []),
    ),
    "no workflow": (lambda r: r.mesh.put(US, b"x", sender=THEM, workflow_id=""), "ignored", None, False, []),
    "a report about nothing of ours": (
        lambda r: r.mesh.put(US, b"", message_type="REPORT", workflow_id=f"{WORKFLOW}_ACK", code="14"),
        *("ignored", None, True, ["response_undelivered"]),
    ),
    "a report of another workflow": (
        lambda r: r.mesh.put(US, b"", message_type="REPORT", workflow_id="PATHOLOGY", code="14"),
        *("ignored", None, False, []),
    ),
    "a response under the workflow of reports": (
        lambda r: r.mesh.put(US, response(r), sender=THEM),
        *("ignored", None, True, []),
    ),
    "an empty body": (lambda r: r.deliver(b"", subject="about Smith"), "rejected", "10009", True, []),
    "bytes that are no message": (lambda r: r.deliver(b"\xff\xfe?", subject="Smith"), "rejected", "10009", True, []),
    "half a message": (lambda r: r.deliver(GOOD[: len(GOOD) // 2], subject="Smith"), "rejected", "10009", True, []),
    "a message for another practice": (
        lambda r: r.deliver(report(recipient=replace(BIRCH, ods_code="C83003"))),
        *("rejected", "20010", True, []),
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_each_odd_message_is_treated_as_decided_seen_in_status_and_holds_nothing_up(
    receiver: ReceiverBench, kind: str
) -> None:
    put, state, code, forgotten, alerts = ODD[kind]
    odd = put(receiver)
    good = receiver.deliver(report())

    assert receiver.once()

    shown = {message["mesh_message_id"]: message for message in receiver.json("status", "--json")}
    assert (shown[odd]["state"], shown[odd]["infrastructure_code"]) == (state, code)
    assert shown[good]["state"] == "filed"
    assert (odd in receiver.mesh.acknowledged) is forgotten
    assert [alert["kind"] for alert in receiver.alerts()] == alerts
    assert receiver.answers() == ([code] if code else []) + ["20013", "30001"]


@pytest.mark.parametrize("kind", ["an empty body", "bytes that are no message", "half a message"])
def test_the_bytes_of_what_could_not_be_read_are_kept_and_given_out(
    receiver: ReceiverBench, tmp_path: Path, kind: str
) -> None:
    odd = ODD[kind][0](receiver)
    sent = receiver.mesh.messages[odd].body
    receiver.once()

    result = receiver.command("messages", "export", odd, "--to", str(tmp_path / "out"))

    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "message.dat").read_bytes() == sent


def test_what_was_read_of_a_message_too_large_is_kept_and_given_out(
    make_receiver: MakeReceiver, tmp_path: Path
) -> None:
    receiver = make_receiver(MAX_MESSAGE_SIZE="20KB")
    receiver.know(INDEXED_SMITH)
    body = build_report(report(documents=(REPORT, replace(PHOTOGRAPH, data=PHOTOGRAPH.data * 5000))))
    large = receiver.deliver(body)

    receiver.once()

    assert receiver.only()["infrastructure_code"] == "20015"
    receiver.command("messages", "export", large, "--to", str(tmp_path / "out"))
    kept = (tmp_path / "out" / "message.dat").read_bytes()
    assert len(kept) >= 20_000
    assert body.startswith(kept)
    assert json.loads((tmp_path / "out" / "message.json").read_text())["truncated"] is True
