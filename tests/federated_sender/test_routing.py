"""A person names the registered practice (decision 39)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from federated_sender import deletion, routing, workload
from federated_sender.pds import OutboxPractices
from shared.errors import CommandFailed
from shared.itk3.parse import read
from shared.itk3.rules import read_report
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender
from tests.federated_sender.rows import change, write

REASON = "PDS is behind, the patient says so"
MRS_JONES = "9434765919"
LATER = "2026-11-20T21:30:00+00:00"


def route(sender: SenderBench, practice: str = "B82002") -> bool:
    with sender.database.transaction() as session:
        return routing.route(session, CONSULTATION, practice, REASON, sender.now(), "jane") is not None


def owner(sender: SenderBench, number: int = -1) -> str:
    envelope = read(sender.posts()[number].body, 20_000_000).envelope
    assert envelope is not None
    return read_report(envelope).recipient_ods_code


def pass_and_send(sender: SenderBench) -> None:
    sender.pass_time(hours=4)
    sender.once()


@pytest.mark.requirement("GPCM-SD-023", "GPCM-SD-085")
def test_the_report_goes_to_the_practice_that_a_person_named(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    pass_and_send(sender)
    before = (sender.only()["state"], sender.only()["reason"])

    route(sender)
    sender.once()

    assert before == ("not_required", "not_in_federation")
    assert (sender.only()["state"], sender.only()["recipient_ods_code"], owner(sender)) == ("sent", "B82002", "B82002")


def test_who_named_it_when_and_why_is_kept(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))

    route(sender)

    shown = sender.shown(CONSULTATION)
    assert (shown["routed_to"], shown["routed_by"], shown["routed_because"]) == ("B82002", "jane", REASON)
    assert sender.timeline(CONSULTATION) == ["updated", "routed"]


def test_what_waits_keeps_its_time(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    sender.pass_time(hours=1)

    route(sender)
    sender.once()
    early = sender.only()["state"]
    pass_and_send(sender)

    assert (early, sender.only()["state"], owner(sender)) == ("waiting", "sent", "B82002")


def test_a_version_that_is_just_being_built_is_built_again_for_the_named_practice(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    sender.pass_time(hours=4)
    job = next(job for job in sender.jobs if job.name == "send").step.__self__
    with sender.database.transaction() as session:
        work = workload.claim(session, sender.now(), job.workflow_id)

    route(sender)
    job._build(work)
    sender.once()

    assert (sender.only()["state"], owner(sender)) == ("sent", "B82002")


def test_a_row_that_named_no_practice_is_picked_up_again(sender: SenderBench) -> None:
    write(sender, consultation(), patient_registered_practice_ods_code=None)
    sender.once()
    invalid = sender.only()["state"]

    route(sender)
    pass_and_send(sender)

    assert (invalid, sender.only()["state"], sender.alerts()) == ("invalid", "sent", [])


def test_it_holds_for_later_versions_until_the_row_names_another_practice(sender: SenderBench) -> None:
    write(sender, consultation(patient__registered_practice_ods_code="C83003"))
    sender.once()
    route(sender)
    pass_and_send(sender)

    change(sender, f"notes = '[]', updated_at = '{LATER}'")
    pass_and_send(sender)
    still = owner(sender)
    change(sender, "patient_registered_practice_ods_code = 'D84004', updated_at = '2026-11-21T01:30:00+00:00'")
    pass_and_send(sender)

    assert (still, [post.subject[-1] for post in sender.posts()]) == ("B82002", ["1", "2"])
    assert sender.status()[0]["reason"] == "not_in_federation"
    assert sender.shown(CONSULTATION)["routed_to"] is None


def test_a_practice_that_was_named_for_one_patient_does_not_count_for_another(sender: SenderBench) -> None:
    sender.mesh.register(MRS_JONES, date(1957, 1, 9), "Smith", "BIRCHMB1")
    write(sender, consultation(), patient_registered_practice_ods_code=None)
    sender.once()
    route(sender)
    pass_and_send(sender)
    smiths = owner(sender)

    change(sender, f"patient_nhs_number = '{MRS_JONES}', updated_at = '{LATER}'")
    pass_and_send(sender)
    jones = sender.status()[0]

    assert (smiths, len(sender.posts())) == ("B82002", 1)
    assert (jones["state"], "registered_practice_ods_code: is required" in jones["reason"]) == ("invalid", True)


@pytest.mark.parametrize("said", ["C83003", None], ids=["the same practice as before", "none"])
def test_an_update_about_another_patient_is_not_addressed_to_the_named_practice(
    make_sender: MakeSender, said: str | None
) -> None:
    # as with PDS, where no row need name a practice
    sender = make_sender(practices=lambda _: OutboxPractices())
    write(sender, consultation(), patient_registered_practice_ods_code=said)
    sender.once()
    route(sender)
    waits_for_smith = sender.only()["recipient_ods_code"]

    change(sender, f"patient_nhs_number = '{MRS_JONES}', updated_at = '2026-11-20T17:40:00+00:00'")
    sender.once()

    assert (waits_for_smith, sender.only()["recipient_ods_code"]) == ("B82002", said)
    assert sender.shown(CONSULTATION)["routed_to"] is None


def test_a_practice_that_is_named_for_a_row_that_nobody_looked_at_yet_waits_for_that(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    change(sender, f"patient_nhs_number = '{MRS_JONES}', updated_at = '{LATER}'")

    route(sender)
    sender.pass_time(hours=4)
    sender.step("send")

    assert (sender.only()["state"], sender.only()["reason"]) == ("not_required", "not_in_federation")


def test_a_report_that_is_sent_already_needs_the_next_version(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    pass_and_send(sender)

    assert route(sender) is False

    assert (sender.only()["state"], len(sender.posts())) == ("sent", 1)


def test_a_regular_patient_is_not_reported_all_the_same(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registration_type="regular"))
    pass_and_send(sender)

    route(sender)
    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("not_required", "regular_patient")


@pytest.mark.parametrize(
    ("practice", "words"),
    [
        ("?", "is not an ODS code"),
        ("A81001", "is this practice itself"),
        ("C83003", "is not in FEDERATION_FILE"),
    ],
)
def test_a_practice_that_gets_no_reports_is_refused_with_words(practice: str, words: str) -> None:
    with pytest.raises(CommandFailed, match=words):
        routing.named_practice(practice, "A81001", {"A81001", "B82002"})


def test_a_practice_may_be_named_in_small_letters() -> None:
    assert routing.named_practice(" b82002", "A81001", {"B82002"}) == "B82002"


def test_a_consultation_that_nobody_knows_or_that_was_deleted_cannot_be_routed(sender: SenderBench) -> None:
    with pytest.raises(CommandFailed, match="nothing is kept of a consultation"):
        route(sender)
    sender.enqueue(consultation())
    with sender.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sender.now(), "jane")

    with pytest.raises(CommandFailed, match="was deleted"):
        route(sender)


def test_a_consultation_whose_row_is_gone_can_still_be_routed(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    pass_and_send(sender)
    with sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox"))

    route(sender)
    sender.once()

    assert sender.only()["state"] == "sent"
