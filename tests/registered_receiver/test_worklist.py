from __future__ import annotations

import hashlib
import json
import re
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest
from fhir.resources.STU3.bundle import Bundle
from sqlalchemy import func, select

from registered_receiver import desk
from registered_receiver.matching import IndexedPatient
from registered_receiver.tables import Blob
from shared.errors import CommandFailed
from shared.export import write_files
from shared.itk3.build import build_report
from shared.itk3.model import Document
from tests.registered_receiver.bench import (
    AUTHORED,
    INDEXED_SMITH,
    JPEG,
    PDF,
    PHOTOGRAPH,
    REPORT,
    SMITH,
    ReceiverBench,
    person,
    report,
    subject_of,
)
from tests.registered_receiver.conftest import MakeReceiver

JONES = IndexedPatient("9690937286", "Jones", "Ann", SMITH.birth_date, "registered")
ABOUT_JONES = person(nhs_number="9690937286", family="Jones")


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099")
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_whatever_the_order_of_arrival_the_highest_version_is_open(
    receiver: ReceiverBench, order: tuple[int, ...]
) -> None:
    for version in order:
        receiver.deliver(report(version))
        receiver.once()

    tasks = {task["version"]: task for task in receiver.tasks()}
    assert {version: task["state"] for version, task in tasks.items()} == {
        1: "superseded",
        2: "superseded",
        3: "open",
    }
    assert tasks[3]["superseded_by"] is None
    assert tasks[2]["superseded_by"] == tasks[3]["task_id"]
    assert receiver.answers() == ["20013", "30001"] * 3


def test_versions_that_are_collected_together_are_filed_alike(receiver: ReceiverBench) -> None:
    for version in (2, 3, 1):
        receiver.deliver(report(version))

    receiver.once()

    assert {task["version"]: task["state"] for task in receiver.tasks()} == {
        1: "superseded",
        2: "superseded",
        3: "open",
    }


def test_a_completed_task_that_is_superseded_keeps_its_completion_and_the_new_one_says_so(
    receiver: ReceiverBench,
) -> None:
    receiver.deliver(report(1))
    receiver.once()
    first = receiver.tasks()[0]["task_id"]
    receiver.command("tasks", "complete", first)
    receiver.pass_time(minutes=5)

    receiver.deliver(report(2))
    receiver.once()

    newer, older = (receiver.json("tasks", "show", task["task_id"], "--json") for task in receiver.tasks())
    assert (older["state"], older["completed_at"] is not None) == ("superseded", True)
    assert newer["supersedes"] == [{"task_id": first, "version": 1, "completed_at": older["completed_at"]}]
    assert "An earlier version was completed already." in receiver.command("tasks").output
    assert [event for event in receiver.timeline(first) if event.startswith("task_")] == [
        "task_made",
        "task_completed",
        "task_superseded",
    ]


def test_versions_about_different_patients_supersede_nothing_and_a_person_is_told(receiver: ReceiverBench) -> None:
    receiver.know(JONES)
    receiver.deliver(report(1))
    receiver.once()
    first = receiver.tasks()[0]["task_id"]

    receiver.deliver(report(2, patient=ABOUT_JONES))
    receiver.once()

    assert {task["state"] for task in receiver.tasks()} == {"open"}
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"]) == ("patient_differs", first)
    assert "names another patient" in receiver.json("tasks", "show", first, "--json")["flag"]
    assert not any(value in str(alert) for value in ("Smith", "Jones", "9690937278", "9690937286"))


def test_consultations_of_two_practices_with_one_reference_are_two_chains(receiver: ReceiverBench) -> None:
    receiver.deliver(report(1))
    receiver.deliver(report(2, sender=replace(report().sender, ods_code="C83003")))

    receiver.once()

    assert {task["state"] for task in receiver.tasks()} == {"open"}


@pytest.mark.requirement("GPCM-SD-027", "GPCM-SD-093", "FHIR-DOC-04")
def test_an_export_has_the_report_and_every_attachment_byte_for_byte(receiver: ReceiverBench, tmp_path: Path) -> None:
    odd = Document("../../etc/passwd of Mr Smith", "text/plain", b"plain \xc3\xa9", AUTHORED)
    receiver.deliver(report(documents=(REPORT, PHOTOGRAPH, odd)))
    receiver.once()
    (task,) = receiver.tasks()

    result = receiver.command("tasks", "export", task["task_id"], "--to", str(tmp_path / "out"))

    assert result.exit_code == 0, result.output
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    described = json.loads(written.pop("task.json"))
    assert written == {"01-report.pdf": PDF, "02-attachment.jpg": JPEG, "03-attachment.txt": b"plain \xc3\xa9"}
    assert [document["file"] for document in described["documents"]] == sorted(written)
    assert [document["sha256"] for document in described["documents"]] == [
        hashlib.sha256(data).hexdigest() for _, data in sorted(written.items())
    ]


LABELS = [
    "../../../../etc/cron.d/evil",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    "CON",
    "aux.txt",
    ".",
    "..",
    "a\nb\tc",
    "x" * 10_000,
    "photo\u202egpj.exe",
    "\x9b2Jcleared",
    "~root $(reboot) `id` ; rm -rf *",
    "Smith 9690937278",
    "NUL\u2400",
]


def test_an_export_has_safe_names_whatever_the_sender_called_its_documents(
    receiver: ReceiverBench, tmp_path: Path
) -> None:
    odd = [Document(label, "text/plain", f"{number}".encode(), AUTHORED) for number, label in enumerate(LABELS)]
    receiver.deliver(report(documents=(REPORT, *odd)))
    receiver.once()
    out = tmp_path / "out"

    result = receiver.command("tasks", "export", receiver.tasks()[0]["task_id"], "--to", str(out))

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.rglob("*") if path.parent == out) == [
        "01-report.pdf",
        *(f"{number:02}-attachment.txt" for number in range(2, len(LABELS) + 2)),
        "task.json",
    ]
    described = json.loads((out / "task.json").read_text())["documents"][1:]
    assert [document["description"] for document in described] == [label.strip() for label in LABELS]
    assert [(out / document["file"]).read_text() for document in described] == [str(n) for n in range(len(LABELS))]
    shown = receiver.command("tasks", "show", receiver.tasks()[0]["task_id"]).output
    assert all(character not in shown for character in "\u202e\x9b")


@pytest.mark.parametrize("label", [r"\u0000", r"a\u0000b", r"\ud800", r"\u001b[2J"])
def test_a_label_that_no_database_or_terminal_takes_is_refused_or_kept_and_holds_nothing_up(
    receiver: ReceiverBench, label: str
) -> None:
    body = Bundle.model_validate_xml(build_report(report())).model_dump_json().replace("Rash on the left arm", label)
    odd = receiver.deliver(re.sub(r':(\d\d)Z"', r':\1+00:00"', body).encode(), subject="")
    receiver.deliver(report(2))

    receiver.once()

    by_id = {message["mesh_message_id"]: message["state"] for message in receiver.messages()}
    assert by_id.pop(odd) in ("rejected", "filed")
    assert set(by_id.values()) == {"filed"}
    assert receiver.alerts() == []


SUBJECTS = {
    "utf-8": (
        "Report for Zoë  Brontë , NHS Number 9690937278".encode(),
        "Report for Zoë  Brontë , NHS Number 9690937278",
    ),
    "latin-1": ("Zoë Brontë".encode("latin-1"), "Zoë Brontë"),
    "encoded words": (b"=?utf-8?B?Wm/Dqw==?= report", "=?utf-8?B?Wm/Dqw==?= report"),
    "neither": (b"\xff\xfe\x81 report", "\xff\xfe\x81 report"),
    "escapes": (b"\x1b[2J\x07 report", "\x1b[2J\x07 report"),
}


@pytest.mark.requirement("GPCM-SD-092")
@pytest.mark.parametrize("kind", SUBJECTS)
def test_the_subject_of_a_task_is_that_of_the_mesh_message_exactly_as_it_came(
    receiver: ReceiverBench, kind: str
) -> None:
    raw, expected = SUBJECTS[kind]
    receiver.deliver(report(), subject="", extra_headers={"mex-subject": raw})

    receiver.once()

    (task,) = receiver.json("tasks", "--json")
    assert task["subject"] == expected
    assert receiver.command("tasks").exit_code == 0
    assert "\x1b" not in receiver.command("tasks").output


CONFIDENTIAL = report(confidential=True, documents=(REPORT,))


@pytest.mark.requirement("GPCM-SD-092", "GPCM-SD-102")
@pytest.mark.parametrize("mesh_subject", [None, subject_of(build_report(report()))], ids=["its own", "one that tells"])
def test_a_confidential_report_shows_no_practitioner_and_no_practice_in_the_task(
    make_receiver: MakeReceiver, tmp_path: Path, mesh_subject: str | None
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    receiver = make_receiver(TASK_DROP_DIR=str(drop))
    receiver.know(INDEXED_SMITH)
    receiver.deliver(CONFIDENTIAL, **({} if mesh_subject is None else {"subject": mesh_subject}))

    receiver.once()

    task_id = receiver.tasks()[0]["task_id"]
    receiver.command("tasks", "export", task_id, "--to", str(tmp_path / "out"))
    shown = [
        receiver.command("tasks").output,
        receiver.command("tasks", "--json").output,
        receiver.command("tasks", "show", task_id).output,
        receiver.command("tasks", "show", task_id, "--json").output,
        (tmp_path / "out" / "task.json").read_text(),
        (drop / task_id / "task.json").read_text(),
    ]
    for secret in ("Alder", "A81001", "ALDERMB1", "Pritchard", "033345750518", "seen at", "01632"):
        assert not any(secret in text for text in shown), secret
    assert all("Federated consultation report for" in text for text in shown)


def test_a_task_that_is_not_confidential_names_its_practice(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.once()

    shown = receiver.json("tasks", "show", receiver.tasks()[0]["task_id"], "--json")

    assert (shown["confidential"], shown["sender_ods_code"]) == (False, "A81001")


def test_the_list_of_tasks_may_be_narrowed(receiver: ReceiverBench) -> None:
    for version in (1, 2):
        receiver.deliver(report(version))
        receiver.once()
        receiver.pass_time(minutes=1)
    newest, oldest = (task["task_id"] for task in receiver.json("tasks", "--json"))

    assert [task["task_id"] for task in receiver.json("tasks", "--json", "--state", "open")] == [newest]
    assert [task["task_id"] for task in receiver.json("tasks", "--json", "--state", "superseded")] == [oldest]
    assert [task["task_id"] for task in receiver.json("tasks", "--json", "--limit", "1")] == [newest]
    assert receiver.json("tasks", "--json", "--state", "completed") == []
    assert receiver.command("tasks", "--state", "lost").exit_code == 2


def test_every_task_of_every_state_is_listed_page_by_page_whatever_came_at_the_same_moment(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_A_PAGE", 2)
    for number in range(5):
        consultation = str(uuid5(NAMESPACE_URL, str(number)))
        receiver.deliver(replace(report(), report_id=consultation, consultation_id=consultation))
        receiver.once()
        receiver.pass_time(minutes=number % 2)
    inserted = [task["task_id"] for task in receiver.tasks()]
    for task_id in inserted[1:4]:
        receiver.command("tasks", "complete", task_id)

    listed = {limit: receiver.json("tasks", "--json", "--limit", str(limit)) for limit in (0, 1, 2, 3, 4, 5, 9)}
    table = receiver.command("tasks").output

    assert receiver.json("tasks", "--json") == listed[0] == receiver.tasks()
    assert {limit: [task["task_id"] for task in found] for limit, found in listed.items()} == {
        limit: inserted[: limit or 5] for limit in listed
    }
    assert [table.count(task_id) for task_id in inserted] == [1] * 5


def test_an_export_never_writes_over_anything(receiver: ReceiverBench, tmp_path: Path) -> None:
    receiver.deliver(report())
    receiver.once()
    task_id = receiver.tasks()[0]["task_id"]
    (tmp_path / "02-attachment.jpg").write_bytes(b"mine")

    result = receiver.command("tasks", "export", task_id, "--to", str(tmp_path))

    assert result.exit_code == 1
    assert "02-attachment.jpg already" in result.output
    assert (tmp_path / "02-attachment.jpg").read_bytes() == b"mine"
    assert not (tmp_path / "01-report.pdf").exists()


@pytest.fixture
def nearly_full_disk() -> Iterator[None]:
    """Let no file grow beyond a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def large(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver that has filed a report with a small document and a large one."""
    photograph = replace(PHOTOGRAPH, data=JPEG + b"x" * 2_000_000)
    receiver.deliver(report(documents=(REPORT, photograph)))
    receiver.once()
    return receiver


@pytest.mark.parametrize("is_there", [False, True], ids=["new directory", "directory with a file"])
def test_an_export_that_the_disk_has_no_room_for_writes_no_file_at_all(
    large: ReceiverBench, tmp_path: Path, nearly_full_disk: None, is_there: bool
) -> None:
    directory = tmp_path / "out"
    if is_there:
        directory.mkdir()
        (directory / "mine.txt").write_bytes(b"mine")

    with pytest.raises(CommandFailed, match="nothing was written"):
        write_files(directory, large.receiver.desk.task_files(large.tasks()[0]["task_id"]))

    assert [path.name for path in directory.glob("**/*")] == ["mine.txt"] * is_there


def test_an_export_leaves_what_is_beside_it_alone(receiver: ReceiverBench, tmp_path: Path) -> None:
    receiver.deliver(report())
    receiver.once()
    (tmp_path / "mine.txt").write_bytes(b"mine")

    result = receiver.command("tasks", "export", receiver.tasks()[0]["task_id"], "--to", str(tmp_path))

    assert result.exit_code == 0, result.output
    written = {path.name: oct(path.stat().st_mode & 0o777) for path in map(Path, result.stdout.splitlines())}
    assert written == dict.fromkeys(("01-report.pdf", "02-attachment.jpg", "task.json"), "0o600")
    assert (tmp_path / "mine.txt").read_bytes() == b"mine"
    assert list(tmp_path.glob(".partial-*")) == []


def test_an_export_to_where_nothing_can_be_written_says_so(receiver: ReceiverBench, tmp_path: Path) -> None:
    receiver.deliver(report())
    receiver.once()
    (tmp_path / "file").write_bytes(b"")

    result = receiver.command("tasks", "export", receiver.tasks()[0]["task_id"], "--to", str(tmp_path / "file"))

    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_a_document_that_comes_again_is_stored_once(receiver: ReceiverBench) -> None:
    receiver.deliver(report(1))
    receiver.deliver(report(2))

    receiver.once()

    with receiver.database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(Blob)) == 2


def test_only_an_open_task_can_be_completed(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.once()
    task_id = receiver.tasks()[0]["task_id"]

    done = receiver.command("tasks", "complete", task_id)
    again = receiver.command("tasks", "complete", task_id)
    unknown = receiver.command("tasks", "complete", "no-such-task")

    assert (done.exit_code, again.exit_code, unknown.exit_code) == (0, 1, 1)
    assert receiver.tasks()[0]["state"] == "completed"
    assert "is completed, not open" in again.output
    assert "there is no task" in unknown.output
