from __future__ import annotations

import pytest

from shared.itk3.build import build_report
from tests.registered_receiver.bench import ReceiverBench, report

GOOD = build_report(report())
BOMB = (
    b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Bundle xmlns="http://hl7.org/fhir">&b;</Bundle>'
)


@pytest.mark.requirement("FHIR-V&V-01", "GPCM-SD-066")
def test_whatever_comes_is_answered_and_holds_nothing_up(receiver: ReceiverBench) -> None:
    hostile = {
        b"": "10009",
        b"not XML at all": "10009",
        b"\x00\x01\x02": "10009",
        b"{}": "10009",
        BOMB: "10009",
        b"<a>" * 100_000: "10009",
        GOOD[: len(GOOD) // 2]: "10009",
        b'<html xmlns="http://www.w3.org/1999/xhtml"/>': "20006",
        b'<Patient xmlns="http://hl7.org/fhir"/>': "20006",
    }
    expected = {receiver.deliver(body, subject=""): code for body, code in hostile.items()}
    good = receiver.deliver(GOOD)

    assert receiver.once()

    found = {message["mesh_message_id"]: message for message in receiver.messages()}
    assert {mesh_id: found[mesh_id]["infrastructure_code"] for mesh_id in expected} == expected
    assert {found[mesh_id]["state"] for mesh_id in expected} == {"rejected"}
    assert found[good]["state"] == "filed"
    assert receiver.mesh.inbox("BIRCHMB1") == []
    assert "job.failed" not in receiver.logged.getvalue()
    assert "work.postponed" not in receiver.logged.getvalue()


def test_ids_of_any_length_are_survived(receiver: ReceiverBench) -> None:
    longest = b"x" * 100_000
    body = GOOD.replace(report().consultation_id.encode(), longest)

    receiver.deliver(body)
    receiver.deliver(GOOD.replace(b"<id value=", b"<id value='" + longest + b"' data-was="), subject="")
    receiver.once()

    assert {message["infrastructure_code"] for message in receiver.messages()} <= {"10007", "10009", "20006"}
    assert len(receiver.answers()) == 2
