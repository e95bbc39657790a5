"""Rows that cannot be sent: every fault at once, one alert, and picked up by themselves when they are corrected."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from federated_sender import ledger
from tests.federated_sender.bench import SenderBench, consultation
from tests.federated_sender.rows import attach, change, columns, write

ECG = b"%PDF-1.7 ecg"
DIGEST = hashlib.sha256(ECG).hexdigest()

# column, what the clinical system wrote there, and the words for it
WRONG = [
    ("started_at", "2026-11-20T17:05:00", "started_at: needs a time zone"),
    ("started_at", "20/11/2026 17:05", "started_at: must be a text such as 2026-11-20T18:05:00+00:00"),
    ("started_at", "2026-11-21T17:05:00+00:00", "started_at: lies in the future"),
    ("started_at", None, "started_at: is required"),
    ("updated_at", "2026-11-20T17:25:00", "updated_at: needs a time zone"),
    ("updated_at", "2027-11-20T17:25:00Z", "updated_at: lies in the future"),
    ("confidential", None, "confidential: is required"),
    ("patient_nhs_number", "9690937279", "patient.nhs_number: is not a valid NHS number"),
    ("patient_nhs_number", "969093727", "patient.nhs_number: is not a valid NHS number"),
    ("patient_nhs_number_verified", None, "patient.nhs_number_verified: is required"),
    ("patient_title", "Mr\nMrs", "patient.title: must stand on one line"),
    ("patient_family", None, "patient.family: is required"),
    ("patient_family", " ", "patient.family: must not be empty"),
    ("patient_family", "Smith\nJones", "patient.family: must stand on one line, without tabs"),
    ("patient_family", "Smith\u2028Jones", "patient.family: must stand on one line"),
    ("patient_family", "Smith\x07", "patient.family: holds control characters"),
    ("patient_given", "Richard", "patient.given: is not JSON"),
    ("patient_given", '["Richard\\r\\nJohn"]', "patient.given[0]: must stand on one line"),
    ("patient_birth_date", "09/01/1957", "patient.birth_date: must be a date such as 1957-01-09"),
    ("patient_birth_date", "1957-02-30", "patient.birth_date: "),
    ("patient_birth_date", "2026-11-21", "consultation: patient.birth_date lies after started_at"),
    ("patient_gender", "M", "patient.gender: input should be 'male', 'female', 'other' or 'unknown'"),
    ("patient_registration_type", None, "patient.registration_type: is required"),
    ("patient_registered_practice_ods_code", "B 82", "patient.registered_practice_ods_code: is not an ODS code"),
    ("patient_registered_practice_ods_code", None, "patient.registered_practice_ods_code: is required"),
    ("patient_telephones", '"01632"', "patient.telephones: must be a list"),
    ("patient_address", '["1 High Street"]', "patient.address: "),
    ("patient_address", '{"street": "1 High Street"}', "patient.address.lines: is required"),
    ("patient_current_telephones", "[1]", "patient.current_telephones[0]: must be a text"),
    ("patient_current_address", "{", "patient.current_address: is not JSON"),
    ("practitioner_sds_user_id", "033 345", "practitioner.sds_user_id: has the wrong form"),
    ("practitioner_title", "Dr\tDr", "practitioner.title: must stand on one line"),
    ("practitioner_family", None, "practitioner.family: is required"),
    ("practitioner_given", "{}", "practitioner.given: must be a list"),
    ("practitioner_role", "", "practitioner.role: must not be empty"),
    ("practitioner_telephone", "1\n2", "practitioner.telephone: must stand on one line"),
    ("notes", '[{"items": []}]', "notes[0].heading: is required"),
    ("notes", '[{"heading": "H", "items": [{"text": "x", "kind": 1}]}]', "notes[0].items[0].kind: is not a known key"),
    ("notes", None, "notes: is required"),
]


def test_each_column_that_is_wrong_is_named_and_the_row_is_sent_once_it_is_right(sender: SenderBench) -> None:
    rows = {str(UUID(int=number + 1)): row for number, row in enumerate(WRONG)}
    for identifier, (column, value, _) in rows.items():
        write(sender, consultation(consultation_id=identifier), **{column: value})
    sender.once()
    invalid = {record["consultation_id"]: record for record in sender.status()}
    told = sorted(alert["subject_id"] for alert in sender.alerts())

    for identifier in rows:
        correct(sender, consultation(consultation_id=identifier))
    sender.once()

    assert {record["state"] for record in invalid.values()} == {"invalid"}
    assert [words for key, (_, _, words) in rows.items() if words not in invalid[key]["reason"]] == []
    assert told == sorted(record["report_id"] for record in invalid.values())
    assert {(record["state"], record["reason"]) for record in sender.status()} == {("waiting", None)}
    assert sender.alerts() == []


def correct(sender: SenderBench, content: dict[str, Any]) -> None:
    row = dict.fromkeys(("patient_current_telephones", "patient_current_address", "practitioner_telephone"))
    row |= columns(content)
    settings = ", ".join(f"{name} = :{name}" for name in row)
    with sender.database.transaction() as session:
        session.execute(text(f"UPDATE outbox SET {settings} WHERE consultation_id = :consultation_id"), row)


def test_all_faults_of_a_row_are_found_in_one_pass(sender: SenderBench) -> None:
    wrong = {column: value for column, value, _ in WRONG if value is None}
    write(sender, consultation(), **wrong, patient_nhs_number="1", patient_birth_date="x", patient_gender="m")

    sender.once()

    assert sender.only()["reason"].count(";") + 1 == len(wrong) + 3
    assert len(sender.alerts()) == 1


@pytest.mark.requirement("FHIR-PDS-02")
def test_an_unverified_number_needs_an_address(sender: SenderBench) -> None:
    write(sender, consultation(), patient_nhs_number_verified=False, patient_address=None)

    sender.once()

    assert sender.only()["reason"].endswith("that is not verified needs address, address.postcode as well")


def test_a_word_for_the_registration_that_nobody_knows_is_sent_like_any_visitor(sender: SenderBench) -> None:
    write(sender, consultation(), patient_registration_type="walk-in")
    sender.pass_time(hours=4)

    sender.once()

    assert sender.only()["state"] == "sent"


def test_a_type_of_document_that_nobody_takes_is_named(sender: SenderBench) -> None:
    (sender.directory / "ecg.pdf").write_bytes(ECG)
    write(sender, consultation())
    attach(sender, "ecg.pdf", DIGEST, content_type="application/x-msdownload")

    sender.once()

    assert sender.only()["reason"] == "attachments[0].content_type: is not a type that may be sent"


@pytest.mark.parametrize("path", ["/etc/shadow", "../../../../etc/shadow", "link.pdf"])
def test_a_path_that_leaves_its_directory_is_refused_and_a_person_is_told(
    sender: SenderBench, logged: io.StringIO, path: str
) -> None:
    (sender.directory / "link.pdf").symlink_to("/etc/shadow")
    write(sender, consultation())
    attach(sender, path, DIGEST)

    sender.pass_time(hours=4)
    sender.once()

    assert sender.only()["reason"] == "attachments[0].path: lies outside OUTBOX_ATTACHMENT_DIR"
    assert ([alert["kind"] for alert in sender.alerts()], sender.posts()) == (["invalid"], [])
    assert "shadow" not in logged.getvalue() + str(sender.alerts())


def test_a_file_that_comes_later_is_noticed_by_itself(sender: SenderBench) -> None:
    write(sender, consultation())
    attach(sender, "ecg.pdf", DIGEST)
    sender.once()
    missing = sender.only()["state"]

    (sender.directory / "ecg.pdf").write_bytes(ECG)
    at_once = sender.step("intake")
    sender.pass_time(minutes=5)
    sender.once()

    assert (missing, at_once) == ("invalid", 0)
    assert (sender.only()["state"], sender.alerts()) == ("waiting", [])


def test_a_file_that_was_changed_is_not_sent_until_it_is_the_one_that_was_meant(sender: SenderBench) -> None:
    (sender.directory / "ecg.pdf").write_bytes(b"%PDF-1.7 another")
    write(sender, consultation())
    attach(sender, "ecg.pdf", DIGEST)
    sender.once()
    changed = sender.only()

    (sender.directory / "ecg.pdf").write_bytes(ECG)
    sender.pass_time(hours=4)
    sender.once()

    assert changed["reason"] == "attachments[0].sha256: differs from the document's: it is not the one that was meant"
    assert sender.only()["state"] == "sent"


def test_a_file_that_stays_away_is_told_once(sender: SenderBench) -> None:
    write(sender, consultation())
    attach(sender, "ecg.pdf", DIGEST)
    for _ in range(5):
        sender.once()
        sender.pass_time(minutes=5)

    assert len(sender.alerts(open_only=False)) == 1
    assert len(sender.timeline(sender.only()["report_id"])) == 1


def test_a_file_that_is_missing_has_no_say_in_a_row_that_is_gone(sender: SenderBench) -> None:
    write(sender, consultation())
    attach(sender, "ecg.pdf", DIGEST)
    sender.once()
    with sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox"))
    sender.pass_time(minutes=5)

    assert sender.step("intake") == 0
    assert sender.only()["state"] == "invalid"


def test_an_alert_that_a_person_closed_stays_closed_while_the_row_says_the_same(sender: SenderBench) -> None:
    write(sender, consultation(), patient_family=None)
    sender.once()
    with sender.database.transaction() as session:
        (alert,) = sender.alerts()
        ledger.ALERTS.close_by_id(session, alert["alert_id"], now=sender.now(), by="jane", reason="we know")

    change(sender, "patient_family = NULL")
    sender.once()

    assert sender.alerts() == []


def test_a_row_that_went_back_to_what_was_sent_may_be_touched_without_a_new_version(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    change(sender, "patient_family = NULL")
    sender.once()
    change(sender, "patient_family = 'Smith'")
    sender.once()

    change(sender, "patient_family = 'Smith'")
    sender.pass_time(hours=4)
    sender.once()

    assert (len(sender.posts()), sorted(record["state"] for record in sender.status())) == (1, ["not_required", "sent"])


@pytest.mark.requirement("GPCM-SD-076", "GPCM-SD-096")
def test_a_row_that_is_written_late_is_late_a_quarter_of_an_hour_after_it_was_seen(sender: SenderBench) -> None:
    sender.pass_time(days=1)
    write(sender, consultation())
    sender.mesh.down()
    sender.once()
    sender.pass_time(minutes=14)
    sender.once()
    early = sender.alerts()

    sender.pass_time(minutes=1)
    sender.once()

    assert ([alert["kind"] for alert in early], [alert["kind"] for alert in sender.alerts()]) == ([], ["not_sent"])


@pytest.mark.requirement("GPCM-SD-076", "GPCM-SD-096")
def test_a_row_is_late_a_quarter_of_an_hour_after_it_became_due_whatever_was_done_with_it(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=2, minutes=25)  # due
    sender.mesh.down()
    sender.pass_time(minutes=14)
    sender.step("send")  # only now it is claimed and built
    sender.step("chase")
    early = sender.alerts()

    sender.pass_time(minutes=1)
    sender.step("chase")

    assert ([alert["kind"] for alert in early], [alert["kind"] for alert in sender.alerts()]) == ([], ["not_sent"])


def test_the_outcome_beside_the_outbox_is_that_of_the_report_at_every_moment(sender: SenderBench) -> None:
    def both() -> list[tuple[Any, ...]]:
        with sender.database.snapshot() as session:
            rows = session.execute(text("SELECT * FROM report_status ORDER BY version")).mappings().all()
        assert all(list(row) == COLUMNS for row in rows)
        return [tuple(row[name] for name in SAME) for row in rows]

    def listed() -> list[tuple[Any, ...]]:
        return [tuple(record[name] for name in SAME) for record in reversed(sender.status())]

    seen = []
    sender.enqueue(consultation())
    seen.append((both(), listed()))
    sender.pass_time(hours=4)
    for _ in range(2):
        sender.step("send")
        seen.append((both(), listed()))
    for code in ("20013", "30001"):
        sender.respond(code)
        sender.once()
        seen.append((both(), listed()))

    assert all(view == record for view, record in seen)
    assert [view[0][2] for view, _ in seen] == ["waiting", "queued", "sent", "accepted", "delivered"]


SAME = ("consultation_id", "version", "state", "infrastructure_code", "business_code")
COLUMNS = [
    "consultation_id",
    "version",
    "state",
    "reason",
    "infrastructure_code",
    "business_code",
    "overdue",
    "updated_at",
]


def test_the_words_of_the_documentation_are_those_of_the_view() -> None:
    guide = (Path(__file__).parents[2] / "docs/outbox.md").read_text(encoding="utf-8")

    assert [name for name in COLUMNS if f"`{name}`" not in guide] == []
