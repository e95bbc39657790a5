"""Sent again on purpose: the same bytes, or the next version, and never twice by accident."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from federated_sender import deletion, records, resending
from federated_sender.message import BuiltMessage, Composer
from shared.errors import CommandFailed, InvalidConsultation
from shared.itk3.parse import read
from shared.itk3.rules import read_report
from tests.fakes.mesh_faults import answer
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender
from tests.federated_sender.rows import change, write

REASON = "the practice asked for it"


def resend(sender: SenderBench, identifier: str | None = None, *, again: bool = False) -> None:
    with sender.database.transaction() as session:
        wanted = identifier or sender.status()[0]["report_id"]
        resending.resend(session, wanted, REASON, sender.now(), "jane", again=again)


def reissue(sender: SenderBench, *, again: bool = False) -> None:
    with sender.database.transaction() as session:
        resending.reissue(session, sender.intake, CONSULTATION, REASON, "jane", again=again)


@pytest.fixture
def sent(sender: SenderBench) -> SenderBench:
    """Give a sender whose report MESH has taken."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    return sender


# resend


@pytest.mark.parametrize("codes", [(), ("20013",), ("10008",)], ids=["sent", "accepted", "failed"])
def test_the_same_bytes_and_ids_go_out_again_under_the_next_local_id(sent: SenderBench, codes: tuple[str, ...]) -> None:
    for code in codes:
        sent.respond(code)
        sent.once()
    before = sent.only()

    resend(sent)
    queued = sent.only()
    sent.once()

    first, second = sent.posts()
    assert first.body == second.body
    assert (first.local_id, second.local_id) == (f"{before['report_id']}.1", f"{before['report_id']}.2")
    assert (queued["state"], queued["reason"], queued["sent_at"]) == ("queued", None, None)
    after = sent.only()
    assert (after["state"], after["message_id"], after["version"]) == ("sent", before["message_id"], 1)
    assert after["mesh_message_id"] == second.message_id != before["mesh_message_id"]


def test_who_wanted_it_when_and_why_is_kept_with_each_send(sent: SenderBench) -> None:
    first = sent.only()
    sent.pass_time(hours=1)
    resend(sent)
    sent.once()

    sends = sent.shown(CONSULTATION)["sends"]
    assert [(each["by"], each["reason"]) for each in sends] == [("federated-sender", None), ("jane", REASON)]
    assert [each["mesh_message_id"] for each in sends] == [post.message_id for post in sent.posts()]
    assert sends[0]["sent_at"] == first["sent_at"] < sends[1]["sent_at"]
    assert "resent" in sent.timeline(CONSULTATION)


def test_both_response_clocks_start_again(sent: SenderBench) -> None:
    sent.pass_time(days=8)
    sent.once()
    late = sent.only()["overdue"]

    resend(sent)
    alerts = sent.alerts()
    sent.once()
    sent.pass_time(hours=23)
    sent.once()
    in_time = sent.only()["overdue"]
    sent.pass_time(hours=2)
    sent.once()

    assert (late, alerts, in_time) == (["infrastructure", "business"], [], [])
    assert sent.only()["overdue"] == ["infrastructure"]
    assert "infrastructure_overdue" in [alert["kind"] for alert in sent.alerts()]


def test_the_alerts_of_a_failed_report_close_with_the_reason(sent: SenderBench) -> None:
    sent.respond("10008")
    sent.once()

    resend(sent)

    assert sent.alerts() == []
    assert {alert["kind"] for alert in sent.alerts(open_only=False)} == {"negative_response"}


def test_what_was_answered_well_stays_answered(sent: SenderBench) -> None:
    sent.respond("30001")
    sent.once()
    resend(sent)
    sent.once()

    # the receiver has it already, and answers the business level once only
    sent.respond("20007")
    sent.once()

    assert (sent.only()["state"], sent.only()["business_code"]) == ("delivered", "30001")


@pytest.mark.parametrize("moment", ["waiting", "built", "delivered", "not required"])
def test_only_what_is_sent_accepted_or_failed_can_be_sent_again(sender: SenderBench, moment: str) -> None:
    sender.enqueue(consultation(patient__registration_type="regular" if moment == "not required" else "temporary"))
    if moment != "waiting":
        sender.pass_time(hours=4)
    if moment == "built":
        sender.step("send")
    elif moment != "waiting":
        sender.once()
    if moment == "delivered":
        for code in ("20013", "30001"):
            sender.respond(code)
            sender.once()
    before = sender.only()

    with pytest.raises(CommandFailed, match=r"goes out by itself|can be sent again"):
        resend(sender)

    assert sender.only() == before


def test_a_second_press_does_nothing(sent: SenderBench) -> None:
    resend(sent)

    with pytest.raises(CommandFailed, match="is queued: it goes out by itself"):
        resend(sent)
    sent.once()

    assert len(sent.posts()) == 2


def test_a_second_time_within_a_day_must_be_meant(sent: SenderBench) -> None:
    resend(sent)
    sent.once()
    sent.pass_time(hours=23)

    with pytest.raises(CommandFailed, match="was sent again at 2026-11-20 22:00 UTC already; --again"):
        resend(sent)
    resend(sent, again=True)
    sent.once()
    sent.pass_time(hours=25)
    resend(sent)
    sent.once()

    assert [post.local_id[-2:] for post in sent.posts()] == [".1", ".2", ".3", ".4"]


def test_a_version_that_another_one_replaced_is_not_sent_again(sent: SenderBench) -> None:
    first = sent.only()["report_id"]
    sent.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    sent.pass_time(hours=4)
    sent.once()

    with pytest.raises(CommandFailed, match="version 2 has taken its place"):
        resend(sent, first)


def test_a_version_that_is_sent_again_while_the_next_is_built_goes_first_and_neither_waits_for_ever(
    sent: SenderBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sent.only()["report_id"]
    sent.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    sent.pass_time(hours=4)
    compose = Composer.compose

    def compose_slowly(*arguments: Any) -> BuiltMessage:
        resend(sent, first)
        return compose(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Composer, "compose", compose_slowly)
        sent.step("send")
    between = {each["version"]: each["state"] for each in sent.status()}
    sent.once()

    assert between == {1: "queued", 2: "queued"}
    assert {each["version"]: each["state"] for each in sent.status()} == {1: "sent", 2: "sent"}
    assert len(sent.posts()) == 3
    assert sent.posts()[0].body == sent.posts()[1].body


def test_a_report_of_a_deleted_consultation_is_not_sent_again(sent: SenderBench) -> None:
    with sent.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sent.now(), "jane")

    with pytest.raises(CommandFailed, match="was deleted"):
        resend(sent)


def test_a_report_that_mesh_refused_goes_out_once_that_is_mended(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", answer(417, b'{"detail":[{"event":"SEND","code":"12","msg":"x"}]}'))
    sender.once()
    failed = sender.only()["state"]

    resend(sender)
    sender.once()

    assert (failed, sender.only()["state"], sender.only()["reason"], sender.alerts()) == ("failed", "sent", None, [])


@pytest.mark.requirement("GPCM-SD-075")
def test_what_mesh_reports_about_an_earlier_send_fails_nothing_and_says_which(sent: SenderBench) -> None:
    first = sent.only()["mesh_message_id"]
    resend(sent)
    sent.once()

    sent.mesh.report(first, "14")
    sent.once()

    assert (sent.only()["state"], sent.alerts()) == ("sent", [])
    with sent.database.snapshot() as session:
        _, lines = records.story(session, first, sent.now())
    assert (lines[-1].event, lines[-1].code) == ("noted", "14")
    assert "about send 1" in (lines[-1].detail or "")


@pytest.mark.requirement("GPCM-SD-075")
def test_what_mesh_reports_about_the_last_send_fails_the_report(sent: SenderBench) -> None:
    resend(sent)
    sent.once()

    sent.mesh.report(sent.only()["mesh_message_id"], "14")
    sent.once()

    assert (sent.only()["state"], sent.only()["reason"]) == ("failed", "14")


def together(one: Callable[[], None], other: Callable[[], None]) -> list[str]:
    """Do both at once; return what went wrong."""
    failures: list[str] = []
    barrier = threading.Barrier(2)

    def run(action: Callable[[], None]) -> None:
        barrier.wait()
        try:
            action()
        except CommandFailed as error:
            failures.append(str(error))

    threads = [threading.Thread(target=run, args=[action]) for action in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_two_people_at_once_send_it_again_once(make_sender: MakeSender) -> None:
    one, other = make_sender(), make_sender()
    one.enqueue(consultation())
    one.pass_time(hours=4)
    one.once()

    failures = together(lambda: resend(one), lambda: resend(other))
    one.once()

    assert (len(failures), len(one.posts())) == (1, 2)


# reissue


def test_the_next_version_is_made_although_the_content_is_the_same(sent: SenderBench) -> None:
    sent.pass_time(hours=1)

    reissue(sent)
    sent.once()

    second, first = sent.status()
    assert [(each["version"], each["state"]) for each in (first, second)] == [(1, "sent"), (2, "sent")]
    assert first["message_id"] != second["message_id"]
    envelopes = [read(post.body, 20_000_000).envelope for post in sent.posts()]
    reports = [read_report(envelope) for envelope in envelopes if envelope is not None]
    assert [(each.version, each.sender_reference) for each in reports] == [(1, CONSULTATION), (2, CONSULTATION)]
    assert sent.timeline(second["report_id"])[0] == "reissued"


def test_the_present_row_is_what_is_issued(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, f"patient_title = 'Dr', updated_at = '{sender.now().isoformat()}'")

    reissue(sender)
    sender.pass_time(hours=4)
    sender.once()

    envelope = read(sender.posts()[-1].body, 20_000_000).envelope
    assert envelope is not None
    assert (read_report(envelope).patient.name.prefix, len(sender.posts())) == ("Dr", 2)


def test_nothing_is_issued_while_a_version_waits(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    with pytest.raises(CommandFailed, match="is waiting: it goes out by itself"):
        reissue(sender)
    sender.pass_time(hours=4)
    sender.step("send")  # built

    with pytest.raises(CommandFailed, match="is queued: it goes out by itself"):
        reissue(sender)


def test_nothing_is_issued_twice_by_accident(sent: SenderBench) -> None:
    reissue(sent)
    with pytest.raises(CommandFailed, match="it goes out by itself"):
        reissue(sent)
    sent.once()

    with pytest.raises(CommandFailed, match="was reissued at 2026-11-20 22:00 UTC already; --again"):
        reissue(sent)
    reissue(sent, again=True)
    sent.once()

    assert len(sent.posts()) == 3


def test_two_people_at_once_issue_one_version(make_sender: MakeSender) -> None:
    one, other = make_sender(), make_sender()
    one.enqueue(consultation())
    one.pass_time(hours=4)
    one.once()

    failures = together(lambda: reissue(one), lambda: reissue(other))
    one.once()

    assert (len(failures), len(one.posts())) == (1, 2)


def test_a_row_that_cannot_be_sent_is_not_issued(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "patient_family = NULL")

    with pytest.raises(InvalidConsultation, match="family: is required"):
        reissue(sender)


def test_a_row_that_went_back_in_time_is_not_issued(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "updated_at = '2026-11-20T17:10:00+00:00'")

    with pytest.raises(CommandFailed, match="is older than what was sent"):
        reissue(sender)

    assert sender.alerts() == []


def test_without_a_row_there_is_nothing_to_issue(sender: SenderBench) -> None:
    with pytest.raises(CommandFailed, match="the outbox has no row"):
        reissue(sender)


def test_a_deletion_by_mistake_is_taken_back(sent: SenderBench) -> None:
    with sent.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sent.now(), "jane")

    reissue(sent)
    sent.once()

    assert [(each["version"], each["state"]) for each in sent.status()] == [(2, "sent"), (1, "sent")]
    assert sent.alerts() == []
    assert sent.shown(CONSULTATION)["deleted_at"] is None


def test_what_was_not_required_is_looked_at_again(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    sender.pass_time(hours=4)
    sender.once()
    before = sender.only()["reason"]

    reissue(sender)

    assert (before, sender.only()["state"]) == ("not_in_federation", "waiting")


def test_what_was_sent_before_the_consultation_became_confidential_is_not_sent_again(sent: SenderBench) -> None:
    sent.respond("10008")
    sent.once()
    first = sent.only()["report_id"]
    sent.enqueue(consultation(updated_at=sent.now().isoformat(), confidential=True))

    with pytest.raises(CommandFailed, match="became confidential"):
        resend(sent, first)

    assert len(sent.posts()) == 1
    # the clinician took it back
    sent.enqueue(consultation(updated_at=sent.now().isoformat(), notes=[]))
    resend(sent, first)
    sent.step("send")
    assert len(sent.posts()) == 2
