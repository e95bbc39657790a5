"""MESH is asked, rarely, what became of a report that nobody answered."""

from __future__ import annotations

import io
from typing import Any

import pytest

from federated_sender import records
from shared.meanings.catalogue import meaning_of
from tests.fakes.mesh_faults import answer
from tests.federated_sender.bench import SenderBench, consultation
from tests.federated_sender.conftest import MakeSender


@pytest.fixture
def sent(sender: SenderBench) -> SenderBench:
    """Give a sender whose report MESH has taken."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    assert sender.only()["state"] == "sent"
    return sender


def look_ups(sender: SenderBench) -> int:
    return sum("/outbox/tracking?" in path for _, path in sender.mesh.requests)


def shown(sender: SenderBench) -> dict[str, Any]:
    with sender.database.snapshot() as session:
        return records.story(session, sender.only()["report_id"], sender.now())[0]


def test_before_its_time_nobody_is_asked(sent: SenderBench) -> None:
    sent.pass_time(minutes=59)
    sent.once()

    assert (look_ups(sent), shown(sent)["tracking"], sent.only()["reason"]) == (0, None, None)


@pytest.mark.parametrize(
    ("status", "tracking"),
    [("accepted", "not_collected"), ("acknowledged", "collected_no_answer")],
)
def test_a_report_that_was_never_collected_and_one_without_an_answer_are_told_apart(
    sent: SenderBench, status: str, tracking: str
) -> None:
    sent.mesh.messages[sent.only()["mesh_message_id"]].status = status
    sent.pass_time(hours=1)

    sent.once()
    sent.once()

    assert look_ups(sent) == 1
    assert (shown(sent)["tracking"], sent.only()["reason"], sent.only()["state"]) == (tracking, tracking, "sent")
    assert sent.alerts() == []
    assert sent.timeline(sent.only()["report_id"])[-1] == "noted"


@pytest.mark.parametrize("status", ["undeliverable", "error"])
def test_what_mesh_could_not_deliver_is_told_at_once_and_its_report_opens_no_second_alert(
    sent: SenderBench, status: str
) -> None:
    mesh_message_id = sent.only()["mesh_message_id"]
    sent.mesh.messages[mesh_message_id].status = status
    sent.pass_time(hours=1)
    sent.once()
    tracked, (alert,) = sent.only(), sent.alerts()

    sent.mesh.report(mesh_message_id, "14")
    sent.once()

    assert (tracked["state"], tracked["reason"]) == ("sent", "undeliverable")
    assert alert["kind"] == "undeliverable"
    assert alert["text"].endswith("UTC: it could not be delivered.")
    assert (sent.only()["state"], sent.only()["reason"]) == ("failed", "14")
    (same,) = sent.alerts()
    assert (same["alert_id"], same["code"]) == (alert["alert_id"], "14")
    assert str(meaning_of("14")) in same["text"]


def test_an_answer_settles_what_tracking_said(sent: SenderBench) -> None:
    sent.mesh.messages[sent.only()["mesh_message_id"]].status = "error"
    sent.pass_time(hours=1)
    sent.once()

    sent.respond("20013")
    sent.once()

    assert (sent.only()["state"], sent.only()["reason"], sent.alerts()) == ("accepted", None, [])


def test_mesh_is_asked_once_more_just_before_the_alert_opens(sent: SenderBench) -> None:
    sent.pass_time(hours=1)
    sent.once()
    sent.pass_time(hours=22, minutes=44)
    sent.once()
    before = look_ups(sent)
    sent.mesh.messages[sent.only()["mesh_message_id"]].status = "acknowledged"

    sent.pass_time(minutes=1)
    sent.once()
    sent.pass_time(minutes=15)
    sent.once()

    assert (before, look_ups(sent)) == (1, 2)
    (alert,) = sent.alerts()
    assert alert["kind"] == "infrastructure_overdue"
    assert "collected it and has not answered" in alert["text"]


def test_mesh_is_asked_at_most_daily_and_not_again_about_what_was_collected(sent: SenderBench) -> None:
    for _ in range(24 * 4):
        sent.pass_time(hours=1)
        sent.step("track")
        sent.step("chase")
    four_days = look_ups(sent)
    sent.mesh.messages[sent.only()["mesh_message_id"]].status = "acknowledged"
    for _ in range(24 * 4):
        sent.pass_time(hours=1)
        sent.step("track")
        sent.step("chase")

    assert four_days <= 5
    assert look_ups(sent) == four_days + 1


def test_once_it_is_answered_nobody_is_asked(sent: SenderBench) -> None:
    sent.respond("20013")
    sent.once()
    sent.pass_time(days=3)

    sent.once()

    assert look_ups(sent) == 0


def test_what_mesh_took_and_does_not_know_is_told(sent: SenderBench) -> None:
    del sent.mesh.messages[sent.only()["mesh_message_id"]]
    sent.pass_time(hours=1)

    sent.once()

    assert shown(sent)["tracking"] == "unknown_to_mesh"
    assert [alert["kind"] for alert in sent.alerts()] == ["unknown_to_mesh"]


def test_a_gateway_that_knows_nothing_is_not_mesh(sent: SenderBench) -> None:
    sent.mesh.fail_next("GET", "tracking", answer(404))
    sent.mesh.fail_next("POST", "/ALDERMB1$", answer(404))
    sent.pass_time(hours=1)

    sent.once()

    assert sent.alerts() == []
    assert shown(sent)["tracking"] is None


def test_a_look_up_that_fails_harms_nothing_and_is_made_another_day(sent: SenderBench, logged: io.StringIO) -> None:
    sent.mesh.fail_next("GET", "tracking", answer(400))
    sent.pass_time(hours=1)

    well = sent.once()
    sent.once()

    assert (well, look_ups(sent), sent.alerts()) == (True, 1, [])
    assert "tracking.failed" in logged.getvalue()
    sent.respond("20013")
    sent.once()
    assert sent.only()["state"] == "accepted"


def test_while_mesh_is_away_the_look_up_waits_for_it(sent: SenderBench) -> None:
    sent.pass_time(hours=1)
    sent.mesh.down()
    well = sent.step("track")
    sent.mesh.up()

    sent.step("track")

    assert (well, shown(sent)["tracking"]) == (None, "not_collected")


def test_an_account_that_is_refused_ends_the_round_quietly(sent: SenderBench) -> None:
    sent.pass_time(hours=1)
    sent.mesh.fail_next("GET", "tracking", *[answer(403)] * 2)

    first = sent.step("track")
    while sent.step("track") == 0:
        sent.pass_time(minutes=5)

    assert first == 0
    assert sent.alerts() == []
    assert shown(sent)["tracking"] == "not_collected"


def test_a_round_asks_about_a_bounded_number_of_reports(sent: SenderBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("federated_sender.track._MOST_A_ROUND", 1)
    sent.enqueue(consultation(consultation_id="0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e02"))
    sent.pass_time(hours=4)
    sent.once()
    first = look_ups(sent)
    sent.pass_time(hours=1)

    assert (sent.step("track"), look_ups(sent)) == (1, first + 1)


def test_two_processes_ask_about_each_report_once(make_sender: MakeSender) -> None:
    first, second = make_sender(), make_sender()
    first.enqueue(consultation())
    first.pass_time(hours=4)
    first.once()
    first.pass_time(hours=1)

    assert (first.step("track"), second.step("track")) == (1, 0)


def test_an_answer_that_comes_while_mesh_is_asked_wins(sent: SenderBench) -> None:
    def answered_meanwhile(request: Any, serve: Any) -> Any:
        sent.respond("20013")
        sent.step("collect")
        sent.step("follow")
        return serve(request)

    sent.pass_time(hours=1)
    sent.mesh.fail_next("GET", "tracking", answered_meanwhile)

    sent.step("track")

    assert sent.only()["state"] == "accepted"
    assert shown(sent)["tracking"] is None
