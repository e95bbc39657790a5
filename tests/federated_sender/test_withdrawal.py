"""A version that is built and not with MESH: what the clinical system says by then decides whether it goes (0031)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from federated_sender import deletion, records, resending, routing, withdrawal, workload
from federated_sender.eligibility import Reason, Said, why_withdrawn
from federated_sender.responses import AlertNeed
from federated_sender.send import Send
from federated_sender.states import State
from federated_sender.tables import Report
from shared.errors import CommandFailed
from shared.mesh.delivery import Delivery
from shared.mesh.messages import LocalIdTracking, Taken
from tests.fakes.mesh_faults import Fault, reset_after, reset_before
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.rows import change

LATER = "2026-11-20T21:40:00+00:00"
MR_SMITH, MRS_JONES = "9690937278", "9434765919"


def delete(sender: SenderBench) -> None:
    with sender.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sender.now(), "tester")


def update(**changes: Any) -> Callable[[SenderBench], None]:
    return lambda sender: sender.enqueue(consultation(updated_at=LATER, **changes)) and None


def spoil(sender: SenderBench) -> None:
    change(sender, f"updated_at = '{LATER}', confidential = true, patient_family = NULL")


def private(text: str = "Sore throat for 3 days") -> list[dict[str, Any]]:
    return [{"heading": "History", "items": [{"text": text, "confidential": True}]}]


@pytest.fixture
def built(sender: SenderBench) -> SenderBench:
    """Give a sender whose report is built and stays while MESH is away."""
    sender.mesh.register(MRS_JONES, date(1957, 1, 9), "Smith", "BIRCHMB1")
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.down()
    sender.once()
    sender.mesh.up()
    return sender


def send_job(sender: SenderBench) -> Send:
    job: Send = next(job for job in sender.jobs if job.name == "send").step.__self__  # type: ignore[attr-defined]
    return job


def details(sender: SenderBench, report_id: str) -> list[str]:
    with sender.database.snapshot() as session:
        return [line.detail for line in records.story(session, report_id, sender.now())[1] if line.detail]


def versions(sender: SenderBench) -> list[tuple[object, ...]]:
    """Return number, state and reason of each version, the first one first."""
    found = sorted(sender.status(), key=lambda record: record["version"] or 99)
    return [(record["version"], record["state"], record["reason"]) for record in found]


@pytest.mark.requirement("GPCM-SD-102")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (update(confidential=True), "confidential"),
        (update(notes=private()), "confidential"),
        (update(patient__nhs_number=MRS_JONES), "other_patient"),
    ],
    ids=["confidential", "a confidential item", "another patient"],
)
def test_what_must_not_be_known_any_more_is_not_posted_and_the_next_version_is(
    built: SenderBench, said: Callable[[SenderBench], None], reason: str
) -> None:
    said(built)
    built.once()
    at_once = versions(built)
    built.pass_time(hours=4)

    built.once()

    assert at_once == [(1, "not_required", reason), (None, "waiting", None)]
    assert versions(built) == [(1, "not_required", reason), (2, "sent", None)]
    (post,) = built.posts()
    assert post.local_id is not None
    assert post.local_id.startswith(built.status("sent")[0]["report_id"])
    assert b"Sore throat" not in post.body
    assert built.alerts() == []


def test_a_deleted_consultation_is_not_posted_and_nobody_need_telephone(built: SenderBench) -> None:
    delete(built)
    before = [alert["kind"] for alert in built.alerts()]

    built.once()
    delete(built)

    assert "deleted_after_sending" in before
    assert versions(built) == [(1, "not_required", "deleted")]
    assert (built.posts(), built.alerts()) == ([], [])
    assert built.timeline(CONSULTATION)[-2:] == ["deleted", "withdrawn"]


def test_an_update_that_cannot_be_sent_but_says_confidential_holds_the_version_back_until_it_is_mended(
    built: SenderBench,
) -> None:
    spoil(built)
    built.once()
    held_back = [row[1:] for row in versions(built)]
    # exactly what was withdrawn: it must go out now, or it would be lost
    change(built, f"updated_at = '{LATER}', confidential = false, patient_family = 'Smith'")
    built.once()
    built.pass_time(hours=4)

    built.once()

    assert [state for state, _ in held_back] == ["not_required", "invalid"]
    assert versions(built) == [(1, "not_required", "confidential"), (2, "sent", None)]
    assert (len(built.posts()), built.alerts()) == (1, [])


def test_a_deletion_that_is_taken_back_sends_the_consultation_after_all(built: SenderBench) -> None:
    change(built, "deleted = true")
    built.once()

    change(built, "deleted = false")
    built.once()

    assert versions(built) == [(1, "not_required", "deleted"), (2, "sent", None)]


@pytest.mark.requirement("GPCM-SD-099")
def test_any_other_correction_follows_the_version_that_was_built(built: SenderBench) -> None:
    update(notes=[], patient__family="Smyth")(built)

    built.once()

    assert versions(built) == [(1, "sent", None), (None, "waiting", None)]


@pytest.mark.parametrize(
    ("fault", "states"),
    [(reset_before, ["not_required", "waiting"]), (reset_after, ["sent", "waiting"])],
    ids=["not taken", "taken"],
)
def test_after_an_uncertain_post_mesh_is_asked_and_what_it_has_is_not_withdrawn(
    sender: SenderBench, fault: Fault, states: list[str]
) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", fault)
    sender.once()
    update(confidential=True)(sender)
    sender.pass_time(minutes=10)

    sender.once()

    assert [row[1] for row in versions(sender)] == states
    assert len(sender.posts()) == states.count("sent")
    # what MESH has already can only be told of
    assert [alert["kind"] for alert in sender.alerts()] == ["sent_after_all"] * states.count("sent")


@pytest.mark.parametrize("restored", [False, True], ids=["a restart", "a restored database"])
def test_a_new_process_asks_mesh_before_it_withdraws(built: SenderBench, restored: bool) -> None:
    job = send_job(built)
    if restored:
        # MESH took it after the backup
        with built.database.transaction() as session:
            work = workload.claim(session, built.now(), job.workflow_id)
        assert work is not None
        assert work.message is not None
        built.mesh.client("ALDERMB1").send(work.message)
        built.pass_time(minutes=20)
    update(confidential=True)(built)

    replace(job, began_at=built.now()).step()

    assert [row[1] for row in versions(built)] == ["sent" if restored else "not_required", "waiting"]


@pytest.mark.parametrize(
    ("known", "state", "alerts"),
    [
        (Taken.ON_ITS_WAY, "queued", ["not_sent"]),
        (Taken.SEVERAL_TIMES, "sent", ["sent_after_all"]),
        (Taken.UNFINISHED, "not_required", []),
    ],
)
def test_whatever_mesh_says_nothing_is_posted_that_must_not_go(
    built: SenderBench, monkeypatch: pytest.MonkeyPatch, known: Taken, state: str, alerts: list[str]
) -> None:
    update(confidential=True)(built)
    job = send_job(built)
    monkeypatch.setattr(job.mesh, "track_local_id", lambda _: LocalIdTracking(known))

    replace(job, began_at=built.now()).step()

    assert (versions(built)[0][1], [alert["kind"] for alert in built.alerts()]) == (state, alerts)
    assert built.posts() == []


def test_a_correction_while_mesh_is_asked_lets_the_version_go(built: SenderBench) -> None:
    update(confidential=True)(built)
    job = send_job(built)
    track = job.mesh.track_local_id

    def meanwhile(local_id: str) -> Any:
        built.enqueue(consultation(updated_at="2026-11-20T21:45:00+00:00"))
        return track(local_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job.mesh, "track_local_id", meanwhile)
        replace(job, began_at=built.now()).step()
    built.once()

    assert versions(built)[0] == (1, "sent", None)


def test_what_was_withdrawn_and_is_answered_all_the_same_is_followed_and_a_person_is_told(built: SenderBench) -> None:
    update(confidential=True)(built)
    built.once()
    first = next(record for record in built.status() if record["version"] == 1)

    built.respond("20013", first["message_id"])
    built.once()
    accepted = versions(built)[0]
    built.pass_time(days=8)
    built.step("chase")
    late = sorted(alert["kind"] for alert in built.alerts() if alert["subject_id"] == first["report_id"])
    built.respond("30001", first["message_id"])
    built.once()

    assert (accepted, late) == ((1, "accepted", None), ["business_overdue", "sent_after_all"])
    assert "it was answered after it had been withdrawn (confidential)" in details(built, first["report_id"])
    assert versions(built)[0] == (1, "delivered", None)
    # somebody must telephone, however well it was answered
    assert [alert["kind"] for alert in built.alerts()] == ["sent_after_all"]


def test_a_mesh_report_about_what_was_withdrawn_is_noted_and_nobody_telephones_what_was_withheld(
    built: SenderBench,
) -> None:
    update(confidential=True)(built)
    built.once()
    first = next(record for record in built.status() if record["version"] == 1)
    message = built.mesh.put("BIRCHMB1", b"x", sender="ALDERMB1", local_id=f"{first['report_id']}.1")
    built.mesh.report(message)

    built.once()

    assert versions(built)[0] == (1, "not_required", "confidential")
    assert (built.timeline(first["report_id"])[-1], built.alerts()) == ("noted", [])
    assert "confidential" in details(built, first["report_id"])


def test_what_another_process_withdrew_while_mesh_took_it_is_followed_as_sent(built: SenderBench) -> None:
    job = send_job(built)
    with built.database.transaction() as session:
        slow = workload.claim(session, built.now(), job.workflow_id)
    assert slow is not None
    assert slow.message is not None
    update(confidential=True)(built)
    built.pass_time(minutes=20)
    built.once()
    withdrawn = versions(built)[0]

    with built.database.transaction() as session:
        withdrawal.taken(session, slow, Delivery("M1", adopted=False), None, built.now(), job.clocks)

    first = next(record for record in built.status() if record["version"] == 1)
    assert withdrawn == (1, "not_required", "confidential")
    assert (first["state"], first["mesh_message_id"]) == ("sent", "M1")
    assert [alert["kind"] for alert in built.alerts()] == ["sent_after_all"]
    with built.database.snapshot() as session:
        assert records.find(session, first["report_id"]).business_due_at == built.now() + job.clocks.business


def test_a_repeat_that_was_not_to_go_and_that_mesh_took_all_the_same_is_on_record(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    job = send_job(sender)
    with sender.database.transaction() as session:
        resending.resend(session, sender.only()["report_id"], "asked for", sender.now(), "jane", again=False)
        slow = workload.claim(session, sender.now(), job.workflow_id)
    assert slow is not None
    update(confidential=True)(sender)
    sender.pass_time(minutes=20)
    sender.once()

    with sender.database.transaction() as session:
        withdrawal.taken(session, slow, Delivery("M2", adopted=False), None, sender.now(), job.clocks)

    first = next(record for record in sender.status() if record["version"] == 1)
    assert (first["state"], first["mesh_message_id"]) == ("failed", "M2")
    assert details(sender, first["report_id"])[-2:] == ["confidential", "MESH took it all the same"]


def test_what_the_clinical_system_wrote_and_nobody_looked_at_yet_counts(built: SenderBench) -> None:
    change(built, f"updated_at = '{LATER}', confidential = true")

    built.step("send")
    waits = versions(built)
    built.step("intake")
    built.pass_time(seconds=6)
    built.step("send")

    assert waits == [(1, "queued", None)]
    assert versions(built) == [(1, "not_required", "confidential"), (None, "waiting", None)]
    assert built.posts() == []


def test_an_update_that_was_taken_back_is_never_sent_by_naming_a_practice(built: SenderBench) -> None:
    patient = "patient_nhs_number = '{}', patient_family = '{}', updated_at = '{}'"
    change(built, patient.format(MRS_JONES, "Smith", "2026-11-20T17:30:00+00:00"))
    built.mesh.down()
    built.step("intake")
    with built.database.transaction() as session:
        update_of_jones = session.scalars(select(Report).where(Report.version.is_(None))).one()
        # as PDS says of a number that another one replaced: it cannot be sent, and what it says is kept
        update_of_jones.state, update_of_jones.reason = State.INVALID, "pds_superseded"
    change(built, patient.format(MR_SMITH, "Smith", "2026-11-20T17:35:00+00:00"))
    built.step("intake")
    taken_back = versions(built)
    with built.database.transaction() as session:
        routed = routing.route(session, CONSULTATION, "B82002", "asked", built.now(), "jane")
        assert session.scalars(select(Report.content).where(Report.version.is_(None))).one() is None
    built.mesh.up()
    built.pass_time(hours=4)

    built.once()

    assert (routed, taken_back) == (None, [(1, "queued", None), (None, "not_required", "unchanged")])
    assert versions(built) == [(1, "sent", None), (None, "not_required", "unchanged")]
    (post,) = built.posts()
    assert MRS_JONES.encode() not in post.body


def test_what_waits_to_be_sent_again_is_not_and_a_person_is_told(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    with sender.database.transaction() as session:
        resending.resend(session, sender.only()["report_id"], "asked for", sender.now(), "jane", again=False)
    update(confidential=True)(sender)

    sender.once()
    before = versions(sender)
    failed = next(record for record in sender.status() if record["version"] == 1)
    for code in ("20013", "30001"):
        sender.respond(code, failed["message_id"])
    sender.once()

    assert before == [(1, "failed", "confidential"), (None, "waiting", None)]
    assert versions(sender)[0] == (1, "delivered", None)
    assert ([alert["kind"] for alert in sender.alerts()], len(sender.posts())) == (["not_resent"], 1)


def test_alerts_of_a_version_that_is_withdrawn_close_with_it(built: SenderBench) -> None:
    with built.database.transaction() as session:
        report = session.scalars(select(Report)).one()
        workload.open_alert(session, report, AlertNeed("pds_demographics_differ", "x", "y"), None, built.now())
    update(patient__nhs_number=MRS_JONES)(built)

    built.once()

    assert (versions(built)[0][1], built.alerts()) == ("not_required", [])


def test_what_was_withdrawn_is_not_sent_again_and_the_refusal_names_the_way(built: SenderBench) -> None:
    update(confidential=True)(built)
    built.once()
    first = next(record for record in built.status() if record["version"] == 1)["report_id"]

    with (
        pytest.raises(CommandFailed, match=r"was withdrawn before MESH had it \(confidential\); `reissue` makes"),
        built.database.transaction() as session,
    ):
        resending.resend(session, first, "asked for", built.now(), "jane", again=False)


def test_what_is_about_another_patient_by_now_is_not_sent_again(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    first = sender.only()["report_id"]
    update(patient__nhs_number=MRS_JONES)(sender)

    with (
        pytest.raises(CommandFailed, match="the consultation is about another patient after"),
        sender.database.transaction() as session,
    ):
        resending.resend(session, first, "asked for", sender.now(), "jane", again=False)


PLAIN = Said(MR_SMITH, confidential=False)


@pytest.mark.parametrize(
    ("built", "later", "reason"),
    [
        (PLAIN, PLAIN, None),
        (PLAIN, replace(PLAIN, nhs_number=None), None),
        (PLAIN, replace(PLAIN, nhs_number=MRS_JONES, confidential=True), Reason.OTHER_PATIENT),
        (PLAIN, replace(PLAIN, confidential=True), Reason.CONFIDENTIAL),
        (PLAIN, replace(PLAIN, items=frozenset("ab")), Reason.CONFIDENTIAL),
        (replace(PLAIN, items=frozenset("ab")), replace(PLAIN, items=frozenset("a")), None),
        (replace(PLAIN, confidential=True), replace(PLAIN, items=frozenset("a")), None),
    ],
)
def test_only_another_patient_or_something_newly_confidential_withdraws(
    built: Said, later: Said, reason: Reason | None
) -> None:
    assert why_withdrawn(built, later) is reason
    assert MR_SMITH not in repr(built)
