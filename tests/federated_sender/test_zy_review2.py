from __future__ import annotations

import isodate
import pytest

from federated_sender import deletion, resending, workload
from federated_sender.prune import Prune
from federated_sender.routing import route
from tests.federated_sender.bench import CONSULTATION, WORKFLOW, SenderBench, consultation
from tests.federated_sender.rows import change, write


def test_resend_while_next_is_built(sender: SenderBench, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    first = sender.only()["report_id"]
    sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    sender.pass_time(hours=4)
    send = next(job for job in sender.jobs if job.name == "send").step.__self__
    real = type(send.composer).compose

    def compose(self, *args, **kw):
        built = real(self, *args, **kw)
        with sender.database.transaction() as session:
            resending.resend(session, first, "x", sender.now(), "jane", again=False)
        return built

    monkeypatch.setattr(type(send.composer), "compose", compose)
    assert sender.step("send") == 1
    monkeypatch.undo()
    sender.once()
    sender.pass_time(hours=24)
    sender.once()
    assert [(s["version"], s["state"]) for s in sender.status()] == [(2, "sent"), (1, "sent")]


def test_pruned_not_required_then_update(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registration_type="regular"))
    sender.pass_time(hours=4)
    sender.once()
    sender.pass_time(days=400)
    Prune(sender.database, sender.mesh.clock, isodate.Duration(years=1)).step()
    assert sender.shown(CONSULTATION)["pruned_at"]
    sender.enqueue(consultation(updated_at="2027-12-01T17:30:00+00:00"))
    sender.pass_time(hours=4)
    sender.once()
    assert sender.shown(CONSULTATION)["pruned_at"] is None
    with sender.database.transaction() as session:
        resending.resend(session, CONSULTATION, "x", sender.now(), "jane", again=False)


@pytest.mark.parametrize("form", [CONSULTATION.replace("-", ""), "{" + CONSULTATION + "}", CONSULTATION.title()])
def test_forms(sender: SenderBench, form: str) -> None:
    write(sender, consultation(consultation_id=form))
    sender.step("intake")
    with sender.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sender.now(), "jane")
    change(sender, "patient_title = 'Dr'")
    sender.pass_time(hours=4)
    sender.once()
    assert sender.only()["state"] == "not_required"


def test_long_retention(sender: SenderBench) -> None:
    Prune(sender.database, sender.mesh.clock, isodate.parse_duration("P3000Y")).step()


def test_reenqueue_after_prune(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    for code in ("20013", "30001"):
        sender.respond(code)
        sender.once()
    sender.pass_time(days=400)
    Prune(sender.database, sender.mesh.clock, isodate.Duration(years=1)).step()
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    assert len(sender.posts()) == 1


def test_route_a_pruned_not_required(sender: SenderBench) -> None:
    write(sender, consultation(patient__registered_practice_ods_code="C83003"))
    sender.pass_time(hours=4)
    sender.once()
    sender.pass_time(days=400)
    Prune(sender.database, sender.mesh.clock, isodate.Duration(years=1)).step()
    with sender.database.transaction() as session:
        route(session, CONSULTATION, "B82002", "x", sender.now(), "jane")
    sender.once()
    sender.pass_time(hours=4)
    sender.once()
    assert len(sender.posts()) == 1


def test_restored_but_broken_then_mended(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "deleted = true")
    sender.once()
    change(sender, "deleted = false, patient_family = NULL")
    sender.once()
    change(sender, "patient_family = 'Smith'")
    sender.pass_time(hours=4)
    sender.once()
    assert len(sender.posts()) == 2
