"""What the clinical system writes: JSON by ``enqueue``, or rows straight into the outbox."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from federated_sender import outbox
from federated_sender.attachments import beside
from federated_sender.consultation import Consultation
from federated_sender.drafts import Outcome
from federated_sender.enqueue import enqueue
from federated_sender.outbox_tables import Blob, OutboxAttachment, OutboxRow
from shared.errors import InvalidConsultation
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.rows import attach, write


def faults_of(sender: SenderBench, *contents: Any) -> list[str]:
    with pytest.raises(InvalidConsultation) as caught:
        sender.enqueue(*contents)
    assert sender.status() == []
    return [str(fault).split(": ", 1)[1] for fault in caught.value.faults]


# enqueue


def test_enqueue_says_what_each_consultation_means(sender: SenderBench) -> None:
    first = sender.enqueue(consultation())
    again = sender.enqueue(consultation())
    changed = sender.enqueue(consultation(updated_at="2026-11-20T17:30:00+00:00", notes=[]))

    assert [first, again, changed] == [
        [(CONSULTATION, Outcome.NEW)],
        [(CONSULTATION, Outcome.UNCHANGED)],
        [(CONSULTATION, Outcome.UPDATED)],
    ]


def test_what_enqueue_puts_in_the_outbox_is_what_the_row_says(sender: SenderBench) -> None:
    sender.enqueue(consultation(attachments=[{"title": "X", "content_type": "text/plain", "data": "aGVsbG8="}]))

    with sender.database.snapshot() as session:
        row = session.get_one(OutboxRow, CONSULTATION)
        content, faults = outbox.row_content(row)
        judged = outbox.judge(
            content,
            beside(sender.directory),
            sender.now(),
            written="",
            digest_required=True,
            practice_required=True,
            faults=faults,
        )

    stored = sender.only()
    assert isinstance(judged.consultation, Consultation)
    assert (judged.consultation.attachments[0].size, row.pending) == (5, False)
    assert stored["state"] == "waiting"


@pytest.mark.requirement("FHIR-PDS-05")
def test_every_fault_of_every_file_is_named_with_its_path_and_nothing_is_stored(sender: SenderBench) -> None:
    broken = consultation(
        started_at="2026-11-20T17:05:00",
        patient__nhs_number="9690937279",
        patient__birth_date="09/01/1957",
        patient__unknown="x",
        attachments=[{"title": "ECG", "content_type": "application/pdf", "path": "missing.pdf"}],
    )
    del broken["practitioner"]["family"]

    faults = faults_of(sender, consultation(), broken)

    assert faults == [
        "[1].attachments[0].path: names a file that cannot be read",
        "[1].started_at: needs a time zone",
        "[1].patient.nhs_number: is not a valid NHS number (ten digits, the last a check digit)",
        "[1].patient.birth_date: must be a date such as 1957-01-09",
        "[1].patient.unknown: is not a known key",
        "[1].practitioner.family: is required",
    ]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"updated_at": "2026-11-21T18:00:00+00:00"}, "updated_at: lies in the future"),
        ({"consultation_id": "42"}, "consultation_id: must be a UUID"),
        ({"confidential": "no"}, "confidential: must be true or false"),
        ({"patient__registered_practice_ods_code": None}, "patient.registered_practice_ods_code: is required"),
        ({"patient__gender": "m"}, "patient.gender: input should be 'male', 'female', 'other' or 'unknown'"),
        ({"patient__birth_date": "2026-11-21"}, "consultation: patient.birth_date lies after started_at"),
        ({"patient__family": "   "}, "patient.family: must not be empty"),
        ({"notes": [{"heading": "H", "items": [{"text": "bell \x07"}]}]}, "notes[0].items[0].text: holds control"),
        ({"attachments": [{"title": "X", "content_type": "text/plain", "data": "?"}]}, "attachments[0].data: must be"),
        ({"attachments": [{"title": "X", "content_type": "text/plain"}]}, "attachments[0].path: is required, or data"),
        ({"attachments": "none"}, "attachments: must be a list"),
        ({"attachments": [7]}, "attachments[0]: must be an object"),
        ({"attachments": [{"data": ""}]}, "attachments[0].data: holds an empty document"),
        (
            {"attachments": [{"data": "aGk=", "content_type": "application/x-msdownload"}]},
            "attachments[0].content_type: is not a type",
        ),
        (
            {"attachments": [{"data": "JVBERi0=", "content_type": "image/png"}]},
            "attachments[0].content_type: is not what",
        ),
        ({"notes": "none"}, "notes: must be a list"),
        ({"attachments": [{"data": "aGk=", "name": "x"}]}, "attachments[0].name: is not a known key"),
        ({"attachments": [{"data": "aGk=", "sha256": "0" * 64}]}, "attachments[0].sha256: differs"),
    ],
)
def test_each_kind_of_fault_has_its_words(sender: SenderBench, changes: dict[str, Any], fault: str) -> None:
    faults = faults_of(sender, consultation(**changes))

    assert any(found.startswith(f"[0].{fault}") for found in faults), faults


@pytest.mark.requirement("FHIR-PDS-02")
def test_a_number_that_is_not_verified_needs_the_demographics_to_find_the_patient(sender: SenderBench) -> None:
    content = consultation(patient__nhs_number_verified=False, patient__address={"lines": ["1 High Street"]})
    del content["patient"]["gender"], content["patient"]["given"]

    (fault,) = faults_of(sender, content)

    assert fault.endswith("needs given, gender, address.postcode as well")


def test_faults_never_quote_a_value(sender: SenderBench) -> None:
    content = consultation(patient__nhs_number="1234567890", patient__gender="Featherstonehaugh")

    text_of_all = " ".join(faults_of(sender, content))

    assert "1234567890" not in text_of_all
    assert "Featherstonehaugh" not in text_of_all


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"{", "is not JSON: Expecting property name"),
        (b"\xff\xfe{}", "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"confidential": true, "confidential": false}', "has a key twice in one object"),
        (b"[1]", "must be a consultation, a JSON object"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_consultation_is_named(sender: SenderBench, raw: bytes | None, fault: str) -> None:
    file = sender.directory / "odd.json"
    if raw is not None:
        file.write_bytes(raw)

    with pytest.raises(InvalidConsultation) as caught:
        enqueue([file], sender.intake, by="tester")

    assert "odd.json" in str(caught.value)
    assert fault in str(caught.value)


def test_an_update_that_is_older_than_what_is_known_is_refused(sender: SenderBench) -> None:
    sender.enqueue(consultation())

    with pytest.raises(InvalidConsultation, match="updated_at: is older"):
        sender.enqueue(consultation(updated_at="2026-11-20T17:10:00+00:00", notes=[]))

    assert sender.alerts() == []


def test_the_same_fault_again_opens_no_second_alert_and_another_fault_replaces_the_first(sender: SenderBench) -> None:
    write(sender, consultation(), patient_family=None)
    sender.once()
    write(sender, consultation(), patient_family=None, patient_gender="x")

    sender.once()

    (alert,) = sender.alerts()
    assert alert["subject_id"] == sender.only()["report_id"]


# rows written by the clinical system itself


@pytest.mark.parametrize("notes", ["[" * 100_000, "{}", "7"])
def test_a_column_that_breaks_the_reader_makes_only_its_own_row_invalid(sender: SenderBench, notes: str) -> None:
    other = "ffffffff-2222-4333-8444-555555555555"
    write(sender, consultation(), notes=notes)
    write(sender, consultation(consultation_id=other))

    sender.once()

    states = {record["consultation_id"]: record["state"] for record in sender.status()}
    assert states == {CONSULTATION: "invalid", other: "waiting"}


def test_a_row_that_breaks_off_for_an_unforeseen_reason_is_invalid_and_quotes_nothing(
    sender: SenderBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise KeyError("Smith")

    monkeypatch.setattr(outbox, "row_content", break_off)
    write(sender, consultation())

    sender.once()

    assert sender.only()["state"] == "invalid"
    assert sender.only()["reason"].startswith("consultation: cannot be read: KeyError at ")
    assert "Smith" not in str(sender.alerts())


def test_text_that_is_not_utf_8_is_named_and_stops_nobody(sender: SenderBench) -> None:
    if sender.database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL takes no such text")
    write(sender, consultation())
    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = CAST(x'4dfc6c6c6572' AS TEXT)"))

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("invalid", "patient.family: is not text in UTF-8")


@pytest.mark.parametrize(("ahead", "state"), [("18:04:00", "waiting"), ("18:06:00", "invalid")])
def test_a_row_from_a_machine_whose_clock_is_a_little_ahead_is_taken(
    sender: SenderBench, ahead: str, state: str
) -> None:
    write(sender, consultation(updated_at=f"2026-11-20T{ahead}+00:00"))

    sender.once()

    assert sender.only()["state"] == state


def test_a_row_that_came_while_our_clock_was_behind_goes_out_once_the_clock_is_right(sender: SenderBench) -> None:
    write(sender, consultation(updated_at="2026-11-20T18:06:00+00:00"))
    sender.once()
    wrong = [alert["kind"] for alert in sender.alerts()]

    sender.pass_time(minutes=10)
    sender.once()

    assert wrong == ["invalid"]
    assert (sender.only()["state"], sender.only()["reason"]) == ("waiting", None)
    assert sender.alerts() == []


def test_a_number_is_not_taken_for_a_time(sender: SenderBench) -> None:
    write(sender, consultation(), updated_at="1700000000")

    sender.once()

    assert sender.only()["reason"] == "updated_at: must be a text such as 2026-11-20T18:05:00+00:00"


def test_a_row_with_its_id_in_capitals_is_one_record_before_and_after_its_correction(sender: SenderBench) -> None:
    write(sender, consultation(consultation_id=CONSULTATION.upper()), patient_family=None)
    sender.once()
    invalid = sender.only()

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = 'Smith'"))
    sender.once()

    assert (invalid["consultation_id"], invalid["state"]) == (CONSULTATION, "invalid")
    assert (sender.only()["consultation_id"], sender.only()["state"]) == (CONSULTATION, "waiting")
    assert sender.alerts() == []


@pytest.mark.parametrize("column", ["confidential", "patient_nhs_number_verified", "deleted"])
def test_a_boolean_that_is_none_is_refused_by_the_database(sender: SenderBench, column: str) -> None:
    with pytest.raises(DBAPIError):
        write(sender, consultation(), **{column: "perhaps"})


def test_a_row_put_back_to_what_was_sent_leaves_nothing_to_send(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = NULL"))
    sender.once()

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = 'Smith'"))
    sender.pass_time(hours=4)
    sender.once()

    assert {record["state"] for record in sender.status()} == {"sent", "not_required"}
    assert [record["reason"] for record in sender.status("not_required")] == ["unchanged"]
    assert (sender.alerts(), len(sender.posts())) == ([], 1)


def test_an_id_that_is_no_uuid_might_be_patient_data_and_reaches_no_alert_and_no_log(
    sender: SenderBench, logged: io.StringIO
) -> None:
    write(sender, consultation(consultation_id="9690937278-20261120"))

    sender.once()

    assert sender.only()["state"] == "invalid"
    assert "9690937278" not in logged.getvalue() + str(sender.alerts())


def test_a_row_written_directly_is_reported_like_any_other(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.once()
    waiting = sender.only()

    sender.pass_time(hours=4)
    sender.once()

    assert (waiting["state"], sender.only()["state"]) == ("waiting", "sent")


def test_a_row_that_the_clinical_system_updates_is_noticed_by_itself(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET notes = '[]', updated_at = '2026-11-20T21:30:00+00:00'"))
    sender.pass_time(hours=4)
    sender.once()

    assert [(r["version"], r["state"]) for r in sender.status()] == [(2, "sent"), (1, "sent")]


def test_an_invalid_row_is_kept_with_every_fault_and_the_others_go_on(sender: SenderBench) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    write(sender, consultation(), patient_nhs_number="123", notes="no json", patient_family=None)
    write(sender, consultation(consultation_id=other))
    sender.pass_time(hours=4)

    sender.once()

    by_id = {record["consultation_id"]: record for record in sender.status()}
    assert by_id[other]["state"] == "sent"
    assert by_id[CONSULTATION]["state"] == "invalid"
    assert by_id[CONSULTATION]["reason"] == (
        "notes: is not JSON; patient.nhs_number: is not a valid NHS number (ten digits, the last a check digit);"
        " patient.family: is required"
    )
    assert [(alert["kind"], alert["subject_id"]) for alert in sender.alerts()] == [
        ("invalid", by_id[CONSULTATION]["report_id"])
    ]


def test_a_corrected_row_is_picked_up_again_and_its_alert_closes(sender: SenderBench) -> None:
    write(sender, consultation(), patient_family=None)
    sender.once()

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = 'Smith'"))
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["state"], sender.only()["reason"], sender.alerts()) == ("sent", None, [])


def test_a_row_that_becomes_invalid_before_it_is_sent_is_not_sent_as_it_was(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.once()

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = NULL"))
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["state"], sender.posts()) == ("invalid", [])


def test_a_row_that_goes_back_in_time_changes_nothing_and_a_person_is_told(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.once()

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET notes = '[]', updated_at = '2026-11-20T17:10:00+00:00'"))
    sender.once()

    assert (sender.only()["state"], [a["kind"] for a in sender.alerts()]) == ("waiting", ["older_update"])


def test_a_directly_written_attachment_is_read_from_the_attachment_directory(sender: SenderBench) -> None:
    data = b"%PDF-1.7 ecg"
    (sender.directory / "ecg.pdf").write_bytes(data)
    write(sender, consultation())
    attach(sender, "ecg.pdf", hashlib.sha256(data).hexdigest())
    sender.once()

    with sender.database.snapshot() as session:
        assert session.get_one(Blob, hashlib.sha256(data).hexdigest()).data == data
    assert sender.only()["state"] == "waiting"


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/etc/passwd", "lies outside OUTBOX_ATTACHMENT_DIR"),
        ("../outside.pdf", "lies outside OUTBOX_ATTACHMENT_DIR"),
        ("link.pdf", "lies outside OUTBOX_ATTACHMENT_DIR"),
        ("missing.pdf", "names a file that cannot be read"),
        (".", "names something that is not a plain file"),
        ("pipe.pdf", "names something that is not a plain file"),
    ],
)
def test_a_row_can_never_mail_out_another_file_of_the_machine(sender: SenderBench, path: str, fault: str) -> None:
    (sender.directory.parent / "outside.pdf").write_bytes(b"%PDF-1.7")
    (sender.directory / "link.pdf").symlink_to("/etc/passwd")
    os.mkfifo(sender.directory / "pipe.pdf")
    digest = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
    write(sender, consultation())
    attach(sender, path, digest)

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("invalid", f"attachments[0].path: {fault}")


def test_a_directly_written_path_needs_its_digest_and_the_file_must_be_the_one_meant(sender: SenderBench) -> None:
    (sender.directory / "ecg.pdf").write_bytes(b"%PDF-1.7 ecg")
    write(sender, consultation())
    attach(sender, "ecg.pdf", None)
    sender.once()
    without = sender.only()["reason"]

    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox_attachment SET sha256 = :other"), {"other": "0" * 64})
        session.execute(text("UPDATE outbox SET updated_at = '2026-11-20T17:26:00+00:00'"))
    sender.once()

    assert without == "attachments[0].sha256: is required with a path"
    assert sender.only()["reason"] == (
        "attachments[0].sha256: differs from the document's: it is not the one that was meant"
    )


def test_the_sql_of_the_documentation_makes_a_report(sender: SenderBench) -> None:
    guide = (Path(__file__).parents[2] / "docs/outbox.md").read_text(encoding="utf-8")
    statement = guide.split("```sql\n")[1].split("```")[0]

    with sender.database.transaction() as session:
        session.connection().exec_driver_sql(statement)
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["consultation_id"], sender.only()["state"]) == (CONSULTATION, "sent")


def test_the_documentation_names_every_column(sender: SenderBench) -> None:
    guide = (Path(__file__).parents[2] / "docs/outbox.md").read_text(encoding="utf-8")
    columns_there = {column.name for column in OutboxRow.__table__.columns}
    columns_there |= {column.name for column in OutboxAttachment.__table__.columns}

    assert [name for name in sorted(columns_there) if f"`{name}`" not in guide] == []


def test_a_consultation_that_stands_twice_in_one_call_is_a_fault(sender: SenderBench) -> None:
    faults = faults_of(sender, consultation(), consultation(notes=[]))

    assert faults == ["[1].consultation_id: stands twice in this call"]


def test_an_attachment_that_comes_after_its_row_makes_a_version_with_it(sender: SenderBench) -> None:
    data = b"%PDF-1.7 ecg"
    (sender.directory / "ecg.pdf").write_bytes(data)
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()

    attach(sender, "ecg.pdf", hashlib.sha256(data).hexdigest().upper())
    sender.once()

    assert [(r["version"], r["state"]) for r in sender.status()] == [(2, "sent"), (1, "sent")]


def test_a_row_cannot_be_deleted_while_its_report_waits(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.once()

    with pytest.raises(DBAPIError, match="waits to be sent"), sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox"))
    sender.pass_time(hours=4)
    sender.once()
    with sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox"))

    assert sender.only()["state"] == "sent"


def test_the_json_of_the_documentation_is_taken(sender: SenderBench) -> None:
    guide = (Path(__file__).parents[2] / "docs/outbox.md").read_text(encoding="utf-8")
    example = next(part for part in guide.split("```json\n")[1:] if '"practitioner"' in part).split("```")[0]

    sender.pass_time(days=1)
    sender.enqueue(json.loads(example))

    assert sender.only()["state"] == "waiting"
