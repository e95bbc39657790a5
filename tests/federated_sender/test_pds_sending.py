"""A whole sender that asks PDS where each patient is registered."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from federated_sender.records import retry
from federated_sender.resending import reissue
from federated_sender.routing import route
from shared.itk3.parse import read
from shared.itk3.rules import read_report
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.mesh_faults import connection_refused
from tests.fakes.pds_server import PdsServer, Reply, outcome, patient, practice
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender
from tests.federated_sender.pds_bench import wire_practices

NUMBER, OTHER_NUMBER = "9690937278", "9690937286"
OTHER = "1c6a3d7f-8b4e-4f2c-8d69-3e7f5a9c2b02"


@pytest.fixture
def asking(make_sender: MakeSender, pds: PdsServer, mesh: InMemoryMesh) -> SenderBench:
    """Give a sender at 18:00 with the default delay that asks PDS."""
    return make_sender(practices=partial(wire_practices, pds, mesh.clock))


def send(sender: SenderBench, **changes: Any) -> dict[str, Any]:
    """Let the sender work on one consultation once it is due; return the report's status."""
    sender.enqueue(consultation(**changes))
    sender.pass_time(hours=2, minutes=30)
    sender.once()
    return sender.only()


def alert(sender: SenderBench) -> dict[str, Any]:
    (found,) = sender.alerts()
    return found


def lines(logged: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, logged.getvalue().splitlines()) if line["event"] == event]


@pytest.mark.requirement("GPCM-SD-084")
def test_a_row_without_a_practice_is_delivered_to_the_one_that_pds_names(asking: SenderBench, pds: PdsServer) -> None:
    sent = send(asking, patient__registered_practice_ods_code=None)
    asking.respond("20013")
    asking.respond("30001")
    asking.pass_time(minutes=10)
    asking.once()

    report = read_report(read(asking.posts()[0].body, 20_000_000).envelope)
    assert (sent["state"], sent["recipient_ods_code"]) == ("sent", "B82002")
    assert asking.only()["state"] == "delivered"
    assert report.recipient_ods_code == "B82002"
    assert [asked.headers["x-correlation-id"] for asked in pds.asked] == [sent["report_id"]]
    assert pds.faults == []


def test_pds_wins_over_the_row(asking: SenderBench) -> None:
    assert send(asking, patient__registered_practice_ods_code="A81001")["recipient_ods_code"] == "B82002"


@pytest.mark.requirement("GPCM-SD-085")
@pytest.mark.parametrize(("ods_code", "reason"), [("C83003", "not_in_federation"), ("A81001", "own_practice")])
def test_nothing_is_sent_when_pds_names_a_practice_outside_the_federation_or_our_own(
    asking: SenderBench, pds: PdsServer, ods_code: str, reason: str
) -> None:
    pds.records[NUMBER] = patient(NUMBER, practice(ods_code))

    report = send(asking)

    assert (report["state"], report["reason"], report["recipient_ods_code"]) == ("not_required", reason, ods_code)
    assert (asking.posts(), asking.alerts()) == ([], [])


@pytest.mark.requirement("GPCM-SD-083")
def test_pds_is_not_asked_about_a_patient_who_is_registered_here(asking: SenderBench, pds: PdsServer) -> None:
    report = send(asking, patient__registration_type="regular")

    assert (report["reason"], pds.asked) == ("regular_patient", [])


def test_pds_is_not_asked_again_for_a_version_that_is_built(asking: SenderBench, pds: PdsServer) -> None:
    asking.mesh.fail_next("POST", "outbox", connection_refused)
    send(asking)
    asking.pass_time(minutes=10)
    asking.once()

    assert (asking.only()["state"], len(pds.asked)) == ("sent", 1)


@pytest.mark.requirement("FHIR-PDS-03", "FHIR-PDS-01")
@pytest.mark.parametrize(
    ("record", "reason", "kind"),
    [
        (patient(id="9434765919"), "pds_superseded", "pds_superseded"),
        (patient(meta={"security": [{"code": "R"}]}), "pds_restricted", "pds_restricted"),
        (patient(generalPractitioner=None), "pds_no_practice", "pds_no_practice"),
        (patient(birthDate="1958-01-09"), "pds_demographics", "pds_demographics_differ"),
        (patient(name=[{"use": "usual", "family": "Smythe"}]), "pds_demographics", "pds_demographics_differ"),
    ],
)
def test_what_a_person_must_decide_holds_the_report_with_an_alert(
    asking: SenderBench, pds: PdsServer, record: dict[str, Any], reason: str, kind: str
) -> None:
    pds.records[NUMBER] = record

    report = send(asking)

    assert (report["state"], report["reason"], report["recipient_ods_code"]) == ("invalid", reason, None)
    assert (alert(asking)["kind"], alert(asking)["subject_id"]) == (kind, report["report_id"])
    assert asking.posts() == []
    assert not any(value in json.dumps(alert(asking)) for value in (NUMBER, "9434765919", "Smythe", "1958"))


def test_a_report_that_was_held_goes_out_when_the_consultation_is_corrected(
    asking: SenderBench, pds: PdsServer
) -> None:
    send(asking, patient__family="Smythe")

    asking.enqueue(consultation(updated_at="2026-11-20T20:29:00+00:00"))
    asking.pass_time(hours=3)
    asking.once()

    assert (asking.only()["state"], asking.alerts()) == ("sent", [])


def test_a_report_that_was_held_goes_where_a_person_says_without_pds(asking: SenderBench, pds: PdsServer) -> None:
    pds.records[NUMBER] = patient(generalPractitioner=None)
    send(asking)
    with asking.database.transaction() as session:
        route(session, CONSULTATION, "B82002", "the patient says so", asking.now(), "tester")

    asking.once()

    assert (asking.only()["state"], asking.only()["recipient_ods_code"]) == ("sent", "B82002")
    assert (asking.alerts(), len(pds.asked)) == ([], 1)


def test_a_report_that_was_held_is_asked_about_again_when_it_is_reissued(asking: SenderBench, pds: PdsServer) -> None:
    pds.records[NUMBER] = patient(generalPractitioner=None)
    send(asking)
    pds.records[NUMBER] = patient()
    with asking.database.transaction() as session:
        reissue(session, asking.intake, CONSULTATION, "PDS was corrected", "tester", again=False)

    asking.once()

    assert (asking.only()["state"], asking.alerts(), len(pds.asked)) == ("sent", [], 2)


@pytest.mark.requirement("FHIR-PDS-01")
def test_another_gender_opens_an_alert_and_the_report_is_sent(asking: SenderBench, pds: PdsServer) -> None:
    pds.records[NUMBER] = patient(gender="female")

    report = send(asking)

    assert report["state"] == "sent"
    assert (alert(asking)["kind"], "gender" in alert(asking)["text"]) == ("pds_demographics_differ", True)


@pytest.mark.requirement("FHIR-PDS-05", "FHIR-PDS-06")
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_RESOURCE_ID"), (404, "RESOURCE_NOT_FOUND"), (404, "INVALIDATED_RESOURCE")],
)
def test_a_number_that_pds_does_not_know_is_never_sent(
    asking: SenderBench, pds: PdsServer, status: int, code: str
) -> None:
    pds.replies = [Reply(status, outcome(code))]

    report = send(asking)

    assert report["state"] == "invalid"
    assert report["reason"] == f"patient.nhs_number: is none that PDS has a record of ({code})"
    assert (alert(asking)["kind"], asking.posts()) == ("invalid", [])


@pytest.mark.parametrize(
    "away", [Reply(503), Reply(429, b"", {"Retry-After": "90"}), Reply(0), Reply(200, b"<html>maintenance</html>")]
)
def test_while_pds_is_away_reports_stay_queued_with_one_line_and_go_out_afterwards(
    asking: SenderBench, pds: PdsServer, logged: io.StringIO, away: Reply
) -> None:
    pds.always = away
    pds.records[OTHER_NUMBER] = patient(OTHER_NUMBER)
    asking.mesh.register(OTHER_NUMBER, date(1957, 1, 9), "Smith", "BIRCHMB1")
    asking.enqueue(consultation(), consultation(consultation_id=OTHER, patient__nhs_number=OTHER_NUMBER))
    asking.pass_time(hours=2, minutes=30)
    worked = [asking.once()]
    for _ in range(5):
        asking.pass_time(minutes=5)
        worked.append(asking.once())
    meanwhile = {report["state"] for report in asking.status()}

    pds.always = None
    asking.pass_time(minutes=5)
    well = asking.once()

    assert worked == [False] * 6
    assert (meanwhile, well) == ({"queued"}, True)
    assert [report["state"] for report in asking.status()] == ["sent", "sent"]
    assert [line["of"] for line in lines(logged, "outage.began")] == ["PDS"]
    assert [line["of"] for line in lines(logged, "outage.ended")] == ["PDS"]
    assert not any(number in logged.getvalue() for number in (NUMBER, OTHER_NUMBER))


def test_the_three_hour_duty_goes_on_while_pds_is_away(asking: SenderBench, pds: PdsServer) -> None:
    pds.always = Reply(503)
    send(asking)
    asking.pass_time(minutes=20)
    asking.once()
    kinds = [each["kind"] for each in asking.alerts()]

    pds.always = None
    asking.pass_time(minutes=5)
    asking.once()

    assert kinds == ["not_sent"]
    assert (asking.only()["state"], asking.alerts()) == ("sent", [])


def test_what_is_built_already_goes_out_while_pds_is_away(asking: SenderBench, pds: PdsServer) -> None:
    pds.records[OTHER_NUMBER] = patient(OTHER_NUMBER)
    asking.mesh.register(OTHER_NUMBER, date(1957, 1, 9), "Smith", "BIRCHMB1")
    # the one that PDS was not asked about yet has waited longer
    asking.enqueue(consultation(consultation_id=OTHER, patient__nhs_number=OTHER_NUMBER))
    asking.pass_time(minutes=10)
    asking.enqueue(consultation(updated_at="2026-11-20T18:05:00+00:00"))
    asking.pass_time(hours=3)
    _build_only(asking, pds)
    pds.always = Reply(503)

    asking.once()

    states = {report["consultation_id"]: report["state"] for report in asking.status()}
    assert states.pop(OTHER) == "queued"
    assert list(states.values()) == ["sent"]


def _build_only(sender: SenderBench, pds: PdsServer) -> None:
    """Let PDS fail for the report that is due first, and build the other one."""
    pds.replies = [Reply(403)]
    sender.step("send")
    sender.step("send")
    assert [report["version"] for report in sender.status()].count(1) == 1
    sender.pass_time(minutes=1)


def test_a_patient_whom_pds_cannot_answer_for_keeps_nobody_else_waiting(asking: SenderBench, pds: PdsServer) -> None:
    pds.records[NUMBER] = {"resourceType": "Patient"}
    pds.records[OTHER_NUMBER] = patient(OTHER_NUMBER)
    asking.mesh.register(OTHER_NUMBER, date(1957, 1, 9), "Smith", "BIRCHMB1")
    asking.enqueue(consultation())
    asking.enqueue(consultation(consultation_id=OTHER, patient__nhs_number=OTHER_NUMBER))
    asking.pass_time(hours=2, minutes=30)

    asking.once()
    asking.once()

    states = {report["consultation_id"]: report["state"] for report in asking.status()}
    assert states[OTHER] == "sent"
    assert sorted(states.values()) == ["queued", "sent"]


@pytest.mark.parametrize(
    "refuse",
    [
        lambda pds: setattr(pds, "always", Reply(401, outcome("ACCESS_DENIED"))),
        lambda pds: pds.token_replies.extend([Reply(400, {"error": "invalid_request"})] * 9),
    ],
    ids=["question", "token"],
)
def test_a_refusal_of_our_application_fails_no_report_and_opens_one_alert_that_closes_by_itself(
    asking: SenderBench, pds: PdsServer, refuse: Callable[[PdsServer], None]
) -> None:
    refuse(pds)
    send(asking)
    for _ in range(2):
        asking.pass_time(minutes=5)
        asking.once()
    refused = [each["kind"] for each in asking.alerts() if each["subject_id"] == "PDS/send"]
    meanwhile = asking.only()["state"]

    pds.always, pds.token_replies = None, []
    asking.pass_time(minutes=5)
    asking.once()

    assert (refused, meanwhile) == (["pds_refused"], "queued")
    assert (asking.only()["state"], asking.alerts()) == ("sent", [])
    told = [each["kind"] for each in asking.alerts(open_only=False) if each["subject_id"] == "PDS/send"]
    assert told == ["pds_refused"]


def test_a_refusal_that_begins_within_an_outage_is_told_all_the_same(asking: SenderBench, pds: PdsServer) -> None:
    pds.always = Reply(503)
    send(asking)
    pds.always = Reply(403)
    asking.pass_time(minutes=5)
    asking.once()

    assert alert(asking)["kind"] == "pds_refused"


def test_a_report_is_dated_when_pds_let_it_go_and_not_when_pds_was_away(asking: SenderBench, pds: PdsServer) -> None:
    pds.always = Reply(503)
    send(asking)
    pds.always = None
    asking.pass_time(hours=1)
    asking.once()

    report = read_report(read(asking.posts()[0].body, 20_000_000).envelope)
    assert report.authored_on == asking.now().replace(microsecond=0)


def unreadable_for(sender: SenderBench, pds: PdsServer, minutes: int) -> list[bool]:
    """Let PDS give a record that cannot be read, every minute for so long."""
    pds.records[NUMBER] = {"resourceType": "Patient", "id": NUMBER, "birthDate": "yesterday"}
    sender.enqueue(consultation())
    sender.pass_time(hours=2, minutes=30)
    worked = [sender.once()]
    for _ in range(minutes):
        sender.pass_time(minutes=1)
        worked.append(sender.once())
    return worked


def test_a_report_whose_patients_record_cannot_be_read_is_set_aside_with_an_alert_that_says_so(
    asking: SenderBench, pds: PdsServer, logged: io.StringIO
) -> None:
    worked = unreadable_for(asking, pds, minutes=30)

    assert (alert(asking)["kind"], alert(asking)["subject_id"]) == ("parked", asking.only()["report_id"])
    assert "PDS's record of the patient cannot be read" in alert(asking)["text"]
    assert "`route" in alert(asking)["action"]
    assert f"`retry {asking.only()['report_id']}`" in alert(asking)["action"]
    assert (len(pds.asked), asking.only()["state"]) == (5, "queued")
    # it is no outage: PDS answers
    assert worked == [True] * 31
    assert lines(logged, "outage.began") == []
    assert "yesterday" not in logged.getvalue()


def test_a_report_that_was_set_aside_for_its_patients_record_goes_where_a_person_says(
    asking: SenderBench, pds: PdsServer
) -> None:
    unreadable_for(asking, pds, minutes=10)
    with asking.database.transaction() as session:
        route(session, CONSULTATION, "B82002", "the patient says so", asking.now(), "tester")

    asking.once()

    assert (asking.only()["state"], asking.alerts(), len(pds.asked)) == ("sent", [], 5)


def test_a_report_that_was_set_aside_for_its_patients_record_is_asked_about_again_after_retry(
    asking: SenderBench, pds: PdsServer
) -> None:
    unreadable_for(asking, pds, minutes=10)
    pds.records[NUMBER] = patient()
    with asking.database.transaction() as session:
        retry(session, asking.only()["report_id"], asking.now(), "tester")

    asking.once()

    assert (asking.only()["state"], asking.alerts(), len(pds.asked)) == ("sent", [], 6)


def test_however_long_pds_is_away_one_record_that_cannot_be_read_afterwards_sets_nothing_aside(
    asking: SenderBench, pds: PdsServer
) -> None:
    pds.always = Reply(503)
    send(asking)
    for _ in range(30):
        asking.pass_time(minutes=5)
        asking.once()
    pds.always = Reply(200, {"resourceType": "Patient"})
    asking.pass_time(minutes=5)
    asking.once()
    pds.always = None
    asking.pass_time(minutes=5)

    asking.once()

    assert (asking.only()["state"], asking.alerts()) == ("sent", [])
