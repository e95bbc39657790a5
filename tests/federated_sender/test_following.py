"""From the responses to delivered or failed, whatever comes in whatever order."""

from __future__ import annotations

import io

import pytest

from federated_sender import collect, ledger, records
from federated_sender.responses import Ruling, Standing
from tests.fakes.mesh_faults import answer
from tests.federated_sender.bench import WORKFLOW, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender


@pytest.fixture
def sent(sender: SenderBench) -> SenderBench:
    """Give a sender whose report MESH has taken."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    assert sender.only()["state"] == "sent"
    return sender


def test_both_positive_responses_mean_delivered(sent: SenderBench) -> None:
    sent.respond("20013")
    sent.once()
    accepted = sent.only()
    sent.respond("30001")

    sent.once()

    assert (accepted["state"], accepted["infrastructure_code"], accepted["business_code"]) == (
        "accepted",
        "20013",
        None,
    )
    delivered = sent.only()
    assert (delivered["state"], delivered["business_code"], delivered["reason"]) == ("delivered", "30001", None)
    assert sent.alerts() == []
    assert sent.mesh.inbox("ALDERMB1") == []


def test_the_business_response_may_come_first(sent: SenderBench) -> None:
    sent.respond("30004")
    sent.once()
    first = sent.only()["state"]
    sent.respond("20013")

    sent.once()

    assert (first, sent.only()["state"], sent.only()["business_code"]) == ("sent", "delivered", "30004")


@pytest.mark.requirement("GPCM-SD-094")
@pytest.mark.parametrize("code", ["10008", "20009", "20015", "30002", "30003"])
def test_a_negative_response_ends_the_exchange_and_a_person_is_told(sent: SenderBench, code: str) -> None:
    sent.respond(code)

    sent.once()

    assert (sent.only()["state"], sent.only()["reason"]) == ("failed", code)
    (alert,) = sent.alerts()
    assert (alert["kind"], alert["code"], alert["subject_id"]) == ("negative_response", code, sent.only()["report_id"])


@pytest.mark.parametrize("code", ["20007", "20008"])
def test_a_duplicate_is_already_there_and_no_failure(sent: SenderBench, code: str) -> None:
    sent.respond(code)
    sent.once()

    sent.respond("30001")
    sent.once()

    assert (sent.only()["state"], sent.only()["infrastructure_code"]) == ("delivered", code)
    assert sent.alerts() == []


def test_a_failure_that_is_followed_by_both_positives_was_delivered_after_all(sent: SenderBench) -> None:
    for code in ("30002", "20013", "30001"):
        sent.respond(code)
        sent.once()

    assert (sent.only()["state"], sent.only()["reason"]) == ("delivered", None)
    assert sent.alerts() == []


def test_delivered_is_final_and_a_later_negative_only_opens_an_alert(sent: SenderBench) -> None:
    for code in ("20013", "30001", "30002"):
        sent.respond(code)
        sent.once()

    assert (sent.only()["state"], sent.only()["business_code"]) == ("delivered", "30001")
    assert [alert["code"] for alert in sent.alerts()] == ["30002"]


def test_a_code_that_nobody_knows_is_told_and_the_clocks_go_on(sent: SenderBench) -> None:
    sent.respond("20013")
    sent.once()

    sent.mesh.put("ALDERMB1", b"<html/>", sender="BIRCHMB1", workflow_id=f"{WORKFLOW}_ACK")
    sent.once()

    assert sent.only()["state"] == "accepted"
    assert [alert["kind"] for alert in sent.alerts()] == ["response_for_nobody"]


@pytest.mark.requirement("GPCM-SD-075")
@pytest.mark.parametrize("code", ["EPL-150", "EPL-151", "EPL-152", "EPL-153", "EPL-154", "14"])
def test_a_report_of_mesh_that_it_could_not_deliver_fails_with_its_code(sent: SenderBench, code: str) -> None:
    sent.mesh.report(sent.only()["mesh_message_id"], code)

    sent.once()

    assert (sent.only()["state"], sent.only()["reason"]) == ("failed", code)
    assert [(alert["kind"], alert["code"]) for alert in sent.alerts()] == [("undeliverable", code)]


def test_a_report_of_mesh_after_a_response_is_only_noted(sent: SenderBench) -> None:
    sent.respond("20013")
    sent.once()

    sent.mesh.report(sent.only()["mesh_message_id"], "14")
    sent.once()

    assert (sent.only()["state"], sent.alerts()) == ("accepted", [])
    assert sent.timeline(sent.only()["report_id"])[-1] == "noted"


@pytest.mark.requirement("GPCM-SD-095")
def test_each_missing_response_opens_one_alert_at_its_own_time(sent: SenderBench) -> None:
    sent.pass_time(hours=25)
    sent.once()
    after_a_day = (sent.only()["overdue"], [alert["kind"] for alert in sent.alerts()])

    sent.pass_time(days=7)
    sent.once()
    sent.once()

    assert after_a_day == (["infrastructure"], ["infrastructure_overdue"])
    assert sent.only()["overdue"] == ["infrastructure", "business"]
    assert sorted(alert["kind"] for alert in sent.alerts()) == ["business_overdue", "infrastructure_overdue"]
    assert sent.only()["state"] == "sent"


def test_a_late_response_closes_the_alert_that_missed_it(sent: SenderBench) -> None:
    sent.pass_time(days=8)
    sent.once()

    sent.respond("20013")
    sent.once()
    between = [alert["kind"] for alert in sent.alerts()]
    sent.respond("30001")
    sent.once()

    assert between == ["business_overdue"]
    assert (sent.only()["state"], sent.only()["overdue"], sent.alerts()) == ("delivered", [], [])


def test_once_a_newer_version_is_delivered_nobody_waits_for_the_older_one(sent: SenderBench) -> None:
    sent.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    sent.pass_time(hours=30)
    sent.once()
    waited = [alert["kind"] for alert in sent.alerts()]

    sent.respond("20013")
    sent.respond("30001")
    sent.once()

    newer, older = sorted(sent.status(), key=lambda record: -record["version"])
    assert waited == ["infrastructure_overdue"]
    assert (newer["state"], older["state"], older["overdue"]) == ("delivered", "sent", [])
    assert sent.alerts() == []


def test_a_response_is_also_found_by_the_sender_reference_alone(sent: SenderBench) -> None:
    sent.respond("20013", message_id="99999999-9999-4999-8999-999999999999")

    sent.once()

    assert sent.only()["state"] == "accepted"


def test_a_sender_reference_that_fits_two_versions_decides_nothing(sent: SenderBench) -> None:
    sent.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    sent.pass_time(hours=4)
    sent.once()

    sent.respond("20013", message_id="99999999-9999-4999-8999-999999999999")
    sent.once()

    assert {record["state"] for record in sent.status()} == {"sent"}
    assert [alert["kind"] for alert in sent.alerts()] == ["response_for_nobody"]


def test_a_response_from_another_practice_is_accepted_and_flagged(sent: SenderBench) -> None:
    sent.respond("20013", responder_ods_code="C83003")

    sent.once()

    assert sent.only()["state"] == "accepted"
    assert [alert["kind"] for alert in sent.alerts()] == ["other_responder"]


def test_a_response_that_comes_before_the_sender_knows_that_mesh_took_the_report_waits(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.step("send")  # built
    sender.respond("20013")
    sender.step("collect")
    sender.step("follow")
    before = sender.only()["state"]

    sender.step("send")  # posted
    sender.pass_time(minutes=2)
    sender.once()

    assert (before, sender.only()["state"]) == ("queued", "accepted")


def test_the_same_response_downloaded_again_changes_nothing(sent: SenderBench) -> None:
    from tests.fakes.mesh_faults import timeout_before

    sent.respond("20013")
    sent.mesh.fail_next("PUT", "acknowledged", *[timeout_before] * 4)
    sent.once()
    before = sent.timeline(sent.only()["report_id"])

    sent.once()

    assert sent.timeline(sent.only()["report_id"]) == before
    assert sent.mesh.inbox("ALDERMB1") == []


def test_messages_that_are_not_the_senders_stay_in_the_mailbox(sent: SenderBench) -> None:
    sent.mesh.put("ALDERMB1", b"x", sender="BIRCHMB1", workflow_id=WORKFLOW)
    sent.mesh.put("ALDERMB1", b"x", sender="BIRCHMB1", workflow_id="OTHER")

    sent.once()

    assert len(sent.mesh.inbox("ALDERMB1")) == 2


def test_two_processes_on_one_database_apply_each_response_once(make_sender: MakeSender) -> None:
    first, second = make_sender(), make_sender()
    first.enqueue(consultation())
    first.pass_time(hours=4)
    first.once()
    first.respond("20013")
    first.step("collect")

    assert (first.step("follow"), second.step("follow")) == (1, 0)
    assert first.timeline(first.only()["report_id"]).count("infrastructure_positive") == 1


@pytest.mark.parametrize("code", ["30005", "30011", "30016", "30019"])
def test_a_good_code_about_a_referral_does_not_mean_that_the_report_was_filed(sent: SenderBench, code: str) -> None:
    sent.respond("20013")
    sent.respond(code)

    sent.once()

    assert (sent.only()["state"], sent.only()["business_code"]) == ("accepted", None)
    assert [alert["kind"] for alert in sent.alerts()] == ["unknown_response"]


def test_a_report_of_mesh_that_names_no_message_is_no_business_of_the_sender(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.mesh.put("ALDERMB1", b"", workflow_id="PATHOLOGY", message_type="REPORT", chunks=0)

    sender.once()

    assert len(sender.mesh.inbox("ALDERMB1")) == 1


def test_an_alert_that_a_person_closed_stays_closed_when_the_other_response_is_overdue(sent: SenderBench) -> None:
    sent.pass_time(hours=25)
    sent.once()
    (alert,) = sent.alerts()
    with sent.database.transaction() as session:
        ledger.ALERTS.close_by_id(session, alert["alert_id"], now=sent.now(), by="tester", reason="telephoned")

    sent.pass_time(days=7)
    sent.once()

    assert [alert["kind"] for alert in sent.alerts()] == ["business_overdue"]


def test_what_the_other_side_writes_in_place_of_a_code_is_repeated_nowhere(
    sent: SenderBench, logged: io.StringIO
) -> None:
    sent.respond("20013", responder_ods_code="Smith 9690937278")
    body = next(m.body for m in sent.mesh.messages.values() if m.workflow_id.endswith("_ACK"))
    sent.mesh.put(
        "ALDERMB1", body.replace(b"20013", b"Smith-9690937278-Smith"), sender="X", workflow_id=f"{WORKFLOW}_ACK"
    )

    sent.once()

    assert "9690937278" not in logged.getvalue() + str(sent.alerts(open_only=False))


def test_a_response_that_breaks_off_again_and_again_is_set_aside_and_can_be_taken_back(
    sent: SenderBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh_message_id = sent.respond("20013")
    sent.respond("30001")
    real = collect.on_response

    def break_off(standing: Standing, code: str | None) -> Ruling:
        if code == "20013":
            raise KeyError("Smith")
        return real(standing, code)

    monkeypatch.setattr(collect, "on_response", break_off)
    for _ in range(12):
        sent.once()
        sent.pass_time(hours=2)
    parked, alerts = sent.only(), sent.alerts()
    monkeypatch.undo()
    with sent.database.transaction() as session:
        records.retry(session, mesh_message_id, sent.now(), "tester")

    sent.once()

    assert (parked["state"], parked["business_code"]) == ("sent", "30001")
    assert [(alert["kind"], alert["subject_id"]) for alert in alerts] == [("parked", mesh_message_id)]
    assert "Smith" not in str(alerts)
    assert (sent.only()["state"], sent.alerts()) == ("delivered", [])


def test_a_response_that_mesh_cannot_give_is_said_and_the_others_go_on(sent: SenderBench, logged: io.StringIO) -> None:
    broken = sent.respond("20013")
    sent.respond("30001")
    sent.mesh.fail_next("GET", f"/inbox/{broken}$", *[answer(500)] * 4)

    sent.step("collect")
    sent.step("follow")

    assert sent.only()["business_code"] == "30001"
    assert logged.getvalue().count('"collection.failed"') == 1
    assert [(alert["kind"], alert["subject_id"]) for alert in sent.alerts()] == [("collection_failed", broken)]
    assert [message.message_id for message in sent.mesh.inbox("ALDERMB1")] == [broken]


def test_a_response_that_mesh_gives_after_all_closes_the_alert_that_it_could_not_be_collected(
    sent: SenderBench,
) -> None:
    broken = sent.respond("20013")
    sent.mesh.fail_next("GET", f"/inbox/{broken}$", *[answer(500)] * 4)
    sent.step("collect")
    sent.step("collect")
    sent.step("follow")

    assert (sent.only()["state"], sent.alerts()) == ("accepted", [])


def test_a_response_that_mesh_never_gives_is_logged_once_a_day(sent: SenderBench, logged: io.StringIO) -> None:
    broken = sent.respond("20013")
    sent.mesh.fail_next("GET", f"/inbox/{broken}$", *[answer(400)] * 99)
    for _ in range(30):
        sent.step("collect")
        sent.pass_time(hours=1)

    lines = logged.getvalue()
    assert (lines.count('"collection.failed"'), lines.count('"alert.opened"')) == (2, 1)
