"""An update that comes at any moment of sending is neither lost nor mixed with what is being sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from federated_sender import workload
from federated_sender.send import Send
from shared.itk3.parse import read
from shared.itk3.rules import read_report
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender

Update = Callable[[], None]


def the_job(sender: SenderBench) -> Send:
    return next(job for job in sender.jobs if job.name == "send").step.__self__


def claimed(sender: SenderBench, update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    job = the_job(sender)
    with sender.database.transaction() as session:
        work = workload.claim(session, sender.now(), job.workflow_id)
    assert work is not None

    update()
    job._build(work)


def rendered(sender: SenderBench, update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = the_job(sender).renderer
    render = renderer.render

    def render_and_update(html: str) -> Any:
        pdf = render(html)
        monkeypatch.setattr(renderer, "render", render)
        update()
        return pdf

    monkeypatch.setattr(renderer, "render", render_and_update)
    sender.step("send")


def stored(sender: SenderBench, update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.step("send")
    update()


def post_begun(sender: SenderBench, update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.step("send")

    def update_first(request: Any, serve: Any) -> Any:
        update()
        return serve(request)

    sender.mesh.fail_next("POST", "/outbox", update_first)
    sender.step("send")


def posted(sender: SenderBench, update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.step("send")

    def update_afterwards(request: Any, serve: Any) -> Any:
        answer = serve(request)
        update()
        return answer

    sender.mesh.fail_next("POST", "/outbox", update_afterwards)
    sender.step("send")


def taken(sender: SenderBench, update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.step("send")
    sender.step("send")
    update()


BEFORE_STORED = (claimed, rendered)
AFTER_STORED = (stored, post_begun, posted, taken)


def reports_of(sender: SenderBench) -> list[tuple[int | None, str]]:
    """Return the version and the patient's title of each report that MESH has, in the order of sending."""
    found = []
    for post in sender.posts():
        envelope = read(post.body, 20_000_000).envelope
        assert envelope is not None
        report = read_report(envelope)
        assert report.sender_reference == CONSULTATION
        found.append((report.version, report.patient.name.prefix))
    return found


@pytest.mark.requirement("GPCM-SD-097", "GPCM-SD-099", "GPCM-SD-098")
@pytest.mark.parametrize("moment", [*BEFORE_STORED, *AFTER_STORED], ids=lambda moment: moment.__name__)
def test_an_update_at_any_moment_of_sending_is_sent_whole_and_later(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]
) -> None:
    sender, clinic = make_sender(), make_sender()
    sender.enqueue(consultation(patient__title="Mr"))
    sender.pass_time(hours=4)
    later = sender.now().isoformat()

    moment(sender, lambda: clinic.enqueue(consultation(patient__title="Dr", updated_at=later)), monkeypatch)
    sender.once()
    at_once = reports_of(sender)
    sender.pass_time(hours=4)
    sender.once()

    sent_before = [] if moment in BEFORE_STORED else [(1, "Mr")]
    assert at_once == sent_before
    assert reports_of(sender) == [*sent_before, (len(sent_before) + 1, "Dr")]
    assert {record["state"] for record in sender.status()} == {"sent"}
    assert sender.alerts() == []


@pytest.mark.parametrize("moment", [*BEFORE_STORED, *AFTER_STORED], ids=lambda moment: moment.__name__)
def test_a_row_that_becomes_invalid_at_any_moment_changes_nothing_that_is_stored(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]
) -> None:
    from tests.federated_sender.rows import change, write

    sender = make_sender()
    write(sender, consultation())
    sender.step("intake")
    sender.pass_time(hours=4)

    def break_row() -> None:
        change(sender, "patient_family = NULL")
        sender.step("intake")

    moment(sender, break_row, monkeypatch)
    sender.once()

    states = sorted(record["state"] for record in sender.status())
    assert states == (["invalid"] if moment in BEFORE_STORED else ["invalid", "sent"])
    assert len(sender.posts()) == (0 if moment in BEFORE_STORED else 1)


def test_a_slow_process_whose_claim_was_taken_over_stores_nothing(make_sender: MakeSender) -> None:
    slow, other = make_sender(), make_sender()
    slow.enqueue(consultation())
    slow.pass_time(hours=4)
    job = the_job(slow)
    with slow.database.transaction() as session:
        work = workload.claim(session, slow.now(), job.workflow_id)
    assert work is not None
    slow.pass_time(minutes=16)
    with other.database.transaction() as session:
        taken_over = workload.claim(session, other.now(), job.workflow_id)

    job._build(work)

    assert taken_over is not None
    assert slow.only()["version"] is None
    the_job(other)._build(taken_over)
    assert slow.only()["version"] == 1
