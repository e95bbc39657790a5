"""Alerts about a report: one each, with words that help, closed with a reason that says why."""

from __future__ import annotations

from typing import Any

import pytest

from federated_sender import ledger
from federated_sender.alert_patient import patient_of
from shared.meanings.catalogue import meaning_of
from tests.federated_sender.bench import SenderBench, consultation


@pytest.fixture
def sent(sender: SenderBench) -> SenderBench:
    """Give a sender whose report MESH has taken."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    return sender


def reasons(sender: SenderBench) -> dict[str, str | None]:
    with sender.database.snapshot() as session:
        return {alert.kind: alert.closed_reason for alert in ledger.ALERTS.listing(session)}


def named(sender: SenderBench, alert: dict[str, Any]) -> bool:
    report = sender.only()
    facts = (report["report_id"], f"version {report['version']}", "to practice B82002", "sent 2026-11-20 22:00 UTC")
    return all(fact in alert["text"] for fact in facts)


@pytest.mark.requirement("GPCM-SD-094")
@pytest.mark.parametrize("code", ["30002", "10008", "20015"])
def test_a_negative_response_is_told_with_its_meaning_who_acts_and_the_next_step(sent: SenderBench, code: str) -> None:
    sent.respond(code)
    sent.once()

    (alert,) = sent.alerts()

    assert named(sent, alert)
    assert str(meaning_of(code)) in alert["text"]
    assert alert["action"] == meaning_of(code).action


@pytest.mark.requirement("GPCM-SD-075")
def test_an_undeliverable_report_is_told_with_its_meaning(sent: SenderBench) -> None:
    sent.mesh.report(sent.only()["mesh_message_id"], "EPL-154")
    sent.once()

    (alert,) = sent.alerts()

    assert named(sent, alert)
    assert str(meaning_of("EPL-154")) in alert["text"]
    assert "Trace the patient on PDS" in alert["action"]


@pytest.mark.requirement("GPCM-SD-095")
def test_an_overdue_response_is_told_with_what_mesh_knows(sent: SenderBench) -> None:
    sent.pass_time(hours=25)
    sent.once()

    (alert,) = sent.alerts()

    assert named(sent, alert)
    assert "MESH's tracking at 2026-11-21 23:00 UTC: the registered practice has never collected it" in alert["text"]


@pytest.mark.requirement("GPCM-SD-076")
def test_a_report_that_is_due_and_not_sent_is_told_until_it_goes(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.mesh.down()
    sender.pass_time(hours=3)
    sender.once()
    sender.pass_time(minutes=16)
    sender.once()
    (alert,) = sender.alerts()

    sender.mesh.up()
    sender.pass_time(minutes=16)
    sender.once()

    assert alert["kind"] == "not_sent"
    assert ", not sent. " in alert["text"]
    assert (sender.only()["state"], reasons(sender)) == ("sent", {"not_sent": "the report was sent"})


def test_no_alert_names_the_patient(sent: SenderBench) -> None:
    sent.respond("30002")
    sent.mesh.report(sent.only()["mesh_message_id"], "14")
    sent.pass_time(days=8)
    sent.once()

    words = str(sent.alerts(open_only=False))

    assert not [each for each in ("9690937278", "Smith", "Richard", "1957") if each in words]


def test_a_late_good_response_closes_the_alert_and_says_that_it_came(sent: SenderBench) -> None:
    sent.pass_time(days=8)
    sent.once()

    sent.respond("20013")
    sent.respond("30001")
    sent.once()

    assert reasons(sent) == {
        "infrastructure_overdue": "the infrastructure response came: 20013",
        "business_overdue": "the business response came: 30001",
    }


def test_a_late_negative_response_leaves_one_alert_open(sent: SenderBench) -> None:
    sent.pass_time(days=8)
    sent.once()

    sent.respond("10008")
    sent.once()

    assert [alert["kind"] for alert in sent.alerts()] == ["negative_response"]
    assert reasons(sent)["business_overdue"] == "the report failed: 10008"


def test_a_repeated_negative_response_opens_no_second_alert(sent: SenderBench) -> None:
    sent.respond("30002")
    sent.respond("30002")
    sent.once()

    assert len(sent.alerts(open_only=False)) == 1


def test_a_failure_that_was_none_is_closed_as_corrected(sent: SenderBench) -> None:
    for code in ("30002", "20013", "30001"):
        sent.respond(code)
        sent.once()

    assert sent.only()["state"] == "delivered"
    assert reasons(sent) == {"negative_response": "corrected: both positive responses came"}


def test_the_patient_of_an_alert_is_known_to_the_mail_that_may_say_it(sent: SenderBench) -> None:
    sent.respond("30002")
    sent.once()

    with sent.database.snapshot() as session:
        (alert,) = ledger.ALERTS.listing(session)
        known = patient_of(session, alert)
        alert.subject_id = "ALDERMB1"
        nobody = patient_of(session, alert)

    assert (str(known), nobody) == ("Mr Richard John Smith, NHS number 9690937278", None)
    assert "Smith" not in repr(known)
