"""The clinical system deletes a consultation: what waits is not sent, what was sent must be told by telephone."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from federated_sender import deletion
from federated_sender.deletion_warning import deletion_json, in_words
from shared.errors import CommandFailed, InvalidConsultation
from tests.fakes.mesh_faults import answer
from tests.federated_sender.bench import ALDER, BIRCH, CONSULTATION, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender
from tests.federated_sender.rows import change, write

FEDERATION = {"A81001": ALDER, "B82002": BIRCH}


def delete(sender: SenderBench, identifier: str = CONSULTATION) -> dict[str, Any]:
    with sender.database.transaction() as session:
        stored = deletion.delete(session, identifier, sender.now(), "tester")
        return deletion_json(identifier, stored, FEDERATION)


def kinds(sender: SenderBench) -> list[str]:
    return [alert["kind"] for alert in sender.alerts()]


def send(sender: SenderBench, **changes: Any) -> None:
    sender.enqueue(consultation(**changes))
    sender.pass_time(hours=4)
    sender.once()


@pytest.mark.parametrize("hours", [0, 4], ids=["waiting", "due"])
def test_what_waits_is_not_sent_any_more(sender: SenderBench, hours: int) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=hours)

    meant = delete(sender)
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("not_required", "deleted")
    assert sender.timeline(CONSULTATION) == ["updated", "withdrawn"]
    assert (meant["sent"], meant["warnings"], sender.posts(), sender.alerts()) == (False, [], [], [])


def test_an_invalid_row_that_is_deleted_needs_nobody_any_more(sender: SenderBench) -> None:
    write(sender, consultation(), patient_family=None)
    sender.once()

    delete(sender)

    assert (sender.only()["state"], sender.only()["reason"], sender.alerts()) == ("not_required", "deleted", [])


@pytest.mark.parametrize("code", [None, "20013", "30002"], ids=["sent", "accepted", "failed"])
def test_who_has_the_report_must_be_told_and_about_whom(sender: SenderBench, code: str | None) -> None:
    send(sender)
    if code is not None:
        sender.respond(code)
        sender.once()

    meant = delete(sender)

    assert meant["warnings"] == [
        {
            "patient_name": "Mr Richard John Smith",
            "nhs_number": "969 093 7278",
            "consultation_date": "2026-11-20",
            "registered_practice": {"ods_code": "B82002", "name": "Birch Surgery", "telephone": "01632 960020"},
        }
    ]
    words = "\n".join(in_words(meant))
    assert all(fact in words for fact in ("Mr Richard John Smith", "969 093 7278", "2026-11-20", "01632 960020"))
    assert "deleted_after_sending" in kinds(sender)


def test_the_alert_names_the_report_and_what_to_do_and_no_patient(sender: SenderBench, logged: io.StringIO) -> None:
    send(sender)

    delete(sender)

    (alert,) = [alert for alert in sender.alerts() if alert["kind"] == "deleted_after_sending"]
    assert sender.only()["report_id"] in alert["text"]
    assert "Telephone the registered practice" in alert["action"]
    said = f"{alert}{logged.getvalue()}"
    assert not any(fact in said for fact in ("Smith", "9690937278", "969 093", "1957"))


def test_the_alert_stays_open_when_the_report_is_delivered(sender: SenderBench) -> None:
    send(sender)
    delete(sender)

    for code in ("20013", "30001"):
        sender.respond(code)
        sender.once()

    assert (sender.only()["state"], kinds(sender)) == ("delivered", ["deleted_after_sending"])


def test_deleting_twice_is_deleting_once(sender: SenderBench) -> None:
    send(sender)
    first = delete(sender)
    (alert,) = sender.alerts()

    second = delete(sender)

    assert first == second
    assert sender.alerts() == [alert]
    assert sender.timeline(CONSULTATION).count("deleted") == 1


def test_a_version_that_is_just_being_built_is_not_sent(sender: SenderBench) -> None:
    from federated_sender import workload

    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    send_job = next(job for job in sender.jobs if job.name == "send").step.__self__
    with sender.database.transaction() as session:
        work = workload.claim(session, sender.now(), send_job.workflow_id)

    delete(sender)
    send_job._build(work)
    sender.once()

    assert (sender.only()["state"], sender.posts()) == ("not_required", [])


def test_an_update_that_waits_goes_nowhere_and_the_version_before_it_is_told(sender: SenderBench) -> None:
    send(sender)
    sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))

    meant = delete(sender)
    sender.pass_time(hours=4)
    sender.once()

    assert sorted(record["state"] for record in sender.status()) == ["not_required", "sent"]
    assert ([each["version"] for each in meant["reports"]], len(sender.posts())) == ([1], 1)


def test_each_practice_and_patient_that_got_a_version_is_told(sender: SenderBench) -> None:
    sender.mesh.register("9434765919", date(1957, 1, 9), "Smith", "BIRCHMB1")
    send(sender)
    # it had been written into the wrong record
    send(sender, updated_at="2026-11-20T21:30:00+00:00", patient__nhs_number="9434765919")

    meant = delete(sender)

    assert [warning["nhs_number"] for warning in meant["warnings"]] == ["943 476 5919", "969 093 7278"]


def test_a_message_that_mesh_refused_is_told_as_well(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", answer(417, b'{"detail":[{"event":"SEND","code":"12","msg":"x"}]}'))
    sender.once()

    assert len(delete(sender)["warnings"]) == 1


def test_what_nobody_knows_cannot_be_deleted(sender: SenderBench) -> None:
    with pytest.raises(CommandFailed, match="there is no consultation"):
        delete(sender, "11111111-2222-4333-8444-555555555555")


# a clinical system that writes the table itself


def test_a_row_that_is_marked_deleted_is_noticed_by_itself(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.step("intake")

    change(sender, "deleted = true")
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["state"], sender.only()["reason"], sender.posts()) == ("not_required", "deleted", [])


def test_a_row_that_is_marked_deleted_after_it_was_sent_opens_the_alert(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()

    change(sender, "deleted = true")
    sender.once()

    assert kinds(sender) == ["deleted_after_sending"]
    assert sender.shown(CONSULTATION)["deleted_by"] == "federated-sender"


def test_a_row_that_was_written_and_deleted_at_once_is_no_report(sender: SenderBench) -> None:
    write(sender, consultation(), deleted=True)

    sender.pass_time(hours=4)
    sender.once()

    assert (sender.status(), sender.posts(), sender.alerts()) == ([], [], [])


def test_a_deleted_row_may_be_removed(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.step("intake")
    change(sender, "deleted = true")
    sender.step("intake")

    with sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox"))

    assert sender.only()["reason"] == "deleted"


# what comes after a deletion


def test_an_update_of_a_deleted_consultation_is_refused_by_enqueue(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    delete(sender)

    with pytest.raises(InvalidConsultation, match="consultation_id: was deleted; `reissue` takes that back"):
        sender.enqueue(consultation(updated_at="2026-11-20T17:50:00+00:00", notes=[]))


def test_a_deletion_outlives_the_row(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    delete(sender)
    with sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox"))

    with pytest.raises(InvalidConsultation, match="was deleted"):
        sender.enqueue(consultation())


def test_enqueue_does_not_overlook_a_deletion_that_the_daemon_has_not_seen_yet(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.step("intake")
    change(sender, "deleted = true")

    with pytest.raises(InvalidConsultation, match="was deleted"):
        sender.enqueue(consultation(updated_at="2026-11-20T17:50:00+00:00", notes=[]))
    sender.once()

    assert sender.only()["reason"] == "deleted"


def test_a_row_that_is_changed_after_its_deletion_is_not_sent_and_a_person_is_asked(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    delete(sender)
    sender.pass_time(hours=1)

    change(sender, f"notes = '[]', updated_at = '{sender.now().isoformat()}'")
    sender.pass_time(hours=4)
    sender.once()

    assert (len(sender.posts()), sorted(kinds(sender))) == (1, ["deleted_after_sending", "updated_after_deletion"])


def test_a_row_that_the_clinical_system_tidies_up_after_deleting_it_alarms_nobody(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.step("intake")
    change(sender, "deleted = true")
    sender.step("intake")

    change(sender, "notes = '[]', updated_at = 'never'")
    sender.once()

    assert sender.alerts() == []


def test_a_row_that_is_deleted_no_more_is_sent_as_if_nothing_had_been(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.step("intake")
    change(sender, "deleted = true")
    sender.step("intake")

    change(sender, "deleted = false")
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["state"], sender.only()["version"]) == ("sent", 1)


def test_a_sent_row_that_is_deleted_no_more_makes_the_next_version_and_closes_the_alert(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "deleted = true")
    sender.once()

    change(sender, "deleted = false")
    sender.once()

    assert [(record["version"], record["state"]) for record in sender.status()] == [(2, "sent"), (1, "sent")]
    assert sender.alerts() == []


@pytest.mark.parametrize("spelt", [CONSULTATION.upper(), CONSULTATION.replace("-", ""), f"{{{CONSULTATION}}}"])
def test_a_deletion_holds_however_the_clinical_system_spells_the_id(sender: SenderBench, spelt: str) -> None:
    write(sender, consultation(consultation_id=spelt))
    sender.once()
    delete(sender)
    change(sender, "patient_title = 'Dr'")
    sender.pass_time(hours=4)

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"], sender.posts()) == ("not_required", "deleted", [])


def test_a_row_that_is_deleted_no_more_but_faulty_is_still_owed_its_next_version(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "deleted = true")
    sender.once()

    change(sender, "deleted = false, patient_family = NULL")
    sender.once()
    faulty = kinds(sender)
    change(sender, "patient_family = 'Smith'")
    sender.once()

    assert sorted(faulty) == ["deleted_after_sending", "invalid"]
    assert [(each["version"], each["state"]) for each in sender.status()] == [(2, "sent"), (1, "sent")]
    assert kinds(sender) == []


def test_a_faulty_row_that_is_deleted_again_needs_nobody_but_who_was_told(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "deleted = true")
    sender.once()
    change(sender, "deleted = false, patient_family = NULL")
    sender.once()

    change(sender, "deleted = true")
    sender.once()

    assert (sender.status("invalid"), kinds(sender)) == ([], ["deleted_after_sending"])


def test_a_deletion_while_another_process_stores_the_version_is_never_silent(make_sender: MakeSender) -> None:
    sender, other = make_sender(), make_sender()
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    renderer = next(job for job in sender.jobs if job.name == "send").step.__self__.renderer
    render = renderer.render
    try:
        renderer.render = lambda html: (delete(other), render(html))[1]
        sender.step("send")
    finally:
        del renderer.render
    sender.once()

    assert (sender.only()["state"], sender.posts(), sender.alerts()) == ("not_required", [], [])


def test_the_warning_names_the_day_of_the_consultation_in_london(sender: SenderBench) -> None:
    moment = "2026-07-14T23:30:00+00:00"
    send(sender, started_at=moment, updated_at=moment)

    (warning,) = delete(sender)["warnings"]

    assert warning["consultation_date"] == "2026-07-15"
