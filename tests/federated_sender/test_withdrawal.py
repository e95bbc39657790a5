"""A version that is built and not with MESH: what the clinical system says by then decides whether it goes (0031)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from federated_sender import deletion, resending
from federated_sender.eligibility import Reason, Said, why_withdrawn
from federated_sender.send import Send
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


@pytest.mark.parametrize("restored", [False, True], ids=["a restart", "a restored database"])
def test_a_new_process_asks_mesh_before_it_withdraws(built: SenderBench, restored: bool) -> None:
    job: Send = next(job for job in built.jobs if job.name == "send").step.__self__  # type: ignore[attr-defined]
    if restored:
        # MESH took it after the backup
        with built.database.transaction() as session:
            from federated_sender import workload

            work = workload.claim(session, built.now(), job.workflow_id)
        assert work is not None
        assert work.message is not None
        built.mesh.client("ALDERMB1").send(work.message)
        built.pass_time(minutes=20)
    update(confidential=True)(built)

    replace(job, began_at=built.now()).step()

    assert [row[1] for row in versions(built)] == ["sent" if restored else "not_required", "waiting"]


def test_a_correction_while_mesh_is_asked_lets_the_version_go(built: SenderBench) -> None:
    update(confidential=True)(built)
    job: Send = next(job for job in built.jobs if job.name == "send").step.__self__  # type: ignore[attr-defined]
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

    assert versions(built)[0] == (1, "accepted", None)
    assert [alert["kind"] for alert in built.alerts()] == ["sent_after_all"]


def test_what_waits_to_be_sent_again_is_not_and_a_person_is_told(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    with sender.database.transaction() as session:
        resending.resend(session, sender.only()["report_id"], "asked for", sender.now(), "jane", again=False)
    update(confidential=True)(sender)

    sender.once()

    assert versions(sender) == [(1, "failed", "confidential"), (None, "waiting", None)]
    assert ([alert["kind"] for alert in sender.alerts()], len(sender.posts())) == (["not_resent"], 1)


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
