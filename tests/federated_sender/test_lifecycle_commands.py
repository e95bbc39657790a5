"""The commands around a consultation's life: delete, resend, reissue, route, reconcile, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from federated_sender.__main__ import main
from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from shared.config import load
from tests.fakes.mesh import InMemoryMesh
from tests.federated_sender.bench import CONSULTATION, consultation
from tests.federated_sender.command_line import Run, settings, write

OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def sent(migrated: Run, tmp_path: Path, mesh: InMemoryMesh) -> Run:
    """Give the commands of a sender whose report MESH has taken."""
    migrated("enqueue", write(tmp_path, consultation()))
    once(tmp_path, mesh)
    assert only(migrated)["state"] == "sent"
    return migrated


def once(directory: Path, mesh: InMemoryMesh) -> None:
    sender = Sender(load(SenderSettings, settings(directory)), mesh=mesh.client("ALDERMB1"))
    try:
        jobs = {job.name: job for job in sender.jobs()}
        for name in ("collect", "follow", "intake", "send", "send"):
            jobs[name].step()
    finally:
        sender.close()


def only(run: Run) -> dict[str, Any]:
    (record,) = json.loads(run("status", "--json").stdout)
    return record


def test_the_answer_of_enqueue_stands_alone(migrated: Run, tmp_path: Path) -> None:
    result = migrated("enqueue", write(tmp_path, consultation()))

    assert (result.stdout, result.stderr) == (f"{CONSULTATION}: a report will be sent\n", "")


def test_who_sets_the_level_of_the_log_gets_that(migrated: Run, tmp_path: Path) -> None:
    result = migrated("enqueue", write(tmp_path, consultation()), LOG_LEVEL="info")

    assert "report.changed" in result.stderr


def test_what_waits_is_deleted_quietly(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))

    result = migrated("delete", CONSULTATION)

    assert (result.exit_code, result.stdout) == (0, f"{CONSULTATION}: nothing was sent, and nothing will be\n")
    assert (only(migrated)["state"], only(migrated)["reason"]) == ("not_required", "deleted")


def test_a_sent_one_is_deleted_with_a_warning_every_time(sent: Run) -> None:
    first, second = sent("delete", CONSULTATION), sent("delete", CONSULTATION.upper())

    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout
    assert "WARNING" in first.stdout
    for fact in ("Mr Richard John Smith", "969 093 7278", "Birch Surgery, B82002, telephone 01632 960020"):
        assert fact in first.stdout
    assert not any(fact in first.stderr for fact in ("Smith", "969 093 7278", "9690937278"))
    alerts = [alert["kind"] for alert in json.loads(sent("alerts", "--json").stdout)]
    assert alerts == ["deleted_after_sending"]


def test_the_warning_as_json(sent: Run) -> None:
    meant = json.loads(sent("delete", CONSULTATION, "--json").stdout)

    assert list(meant) == ["consultation_id", "sent", "reports", "warnings"]
    assert (meant["consultation_id"], meant["sent"]) == (CONSULTATION, True)
    assert list(meant["warnings"][0]) == ["patient_name", "nhs_number", "consultation_date", "registered_practice"]


def test_who_deleted_and_who_took_out_is_in_the_audit(sent: Run, tmp_path: Path) -> None:
    sent("delete", CONSULTATION)
    sent("export", only(sent)["report_id"], "--to", tmp_path / "out")

    lines = json.loads(sent("audit", "--json").stdout)
    assert [(line["action"], line["subject_id"], line["nhs_number"]) for line in lines] == [
        ("report_exported", only(sent)["report_id"], "9690937278"),
        ("consultation_deleted", CONSULTATION, "9690937278"),
    ]


def test_a_report_is_sent_again_once(sent: Run, tmp_path: Path, mesh: InMemoryMesh) -> None:
    report = only(sent)["report_id"]

    first = sent("resend", report, "--reason", "asked for")
    second = sent("resend", report, "--reason", "asked for")
    once(tmp_path, mesh)
    third = sent("resend", report, "--reason", "asked for")
    again = sent("resend", report, "--reason", "asked for", "--again")

    assert [each.exit_code for each in (first, second, third, again)] == [0, 1, 1, 0]
    assert first.stdout == f"{report} will be sent again, as {report}.2\n"
    assert "--again does it once more all the same" in third.stderr


@pytest.mark.parametrize("words", [("resend", "x"), ("reissue", CONSULTATION), ("route", CONSULTATION)])
def test_a_reason_is_needed(sent: Run, words: tuple[str, ...]) -> None:
    practice = ("--practice", "B82002") if words[0] == "route" else ()

    assert sent(*words, *practice).exit_code == 2
    assert sent(*words, *practice, "--reason", "  ").exit_code == 2


def test_the_next_version_is_made(sent: Run) -> None:
    result = sent("reissue", CONSULTATION, "--reason", "the practice lost it")

    newest = json.loads(sent("status", "--json").stdout)[0]
    assert result.exit_code == 0
    assert (newest["state"], newest["report_id"] in result.stdout) == ("waiting", True)
    by = json.loads(sent("show", newest["report_id"], "--json").stdout)["timeline"][0]
    assert (by["event"], by["detail"]) == ("reissued", "the practice lost it")


def test_a_practice_is_named(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation(patient__registered_practice_ods_code="C83003")))

    wrong = migrated("route", CONSULTATION, "--practice", "C83003", "--reason", "x")
    right = migrated("route", CONSULTATION, "--practice", "b82002", "--reason", "the patient says so")

    assert (wrong.exit_code, "is not in FEDERATION_FILE" in wrong.stderr) == (1, True)
    assert (right.exit_code, only(migrated)["recipient_ods_code"]) == (0, "B82002")


def test_a_practice_named_too_late_says_what_can_still_be_done(sent: Run) -> None:
    result = sent("route", CONSULTATION, "--practice", "B82002", "--reason", "x")

    assert f"`reissue {CONSULTATION}` makes the next one now" in result.stdout


def test_a_day_is_reconciled(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))
    file = tmp_path / "day.csv"
    file.write_text(f"consultation_id\n{CONSULTATION}\n")
    complete = migrated("reconcile", file)
    file.write_text(f"consultation_id\n{CONSULTATION}\n{OTHER}\nx\n")

    lacking, as_json = migrated("reconcile", file), migrated("reconcile", file, "--json")

    assert (complete.exit_code, complete.stdout) == (0, "all 1 reached the outbox\n")
    assert (lacking.exit_code, lacking.stdout) == (1, f"{OTHER}\n")
    assert "line 4: consultation_id must be a UUID" in lacking.stderr
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout) == {
        "checked": 2,
        "missing": [OTHER],
        "faults": ["line 4: consultation_id must be a UUID"],
    }


def test_a_report_is_exported_and_its_files_are_named(sent: Run, tmp_path: Path) -> None:
    result = sent("export", only(sent)["report_id"], "--to", tmp_path / "out")
    again = sent("export", only(sent)["report_id"], "--to", tmp_path / "out")

    assert [Path(line).name for line in result.stdout.splitlines()] == [
        "message.xml", "01-report.pdf", "consultation.json", "report.json",
    ]  # fmt: skip
    assert (again.exit_code, "nothing was written" in again.stderr) == (1, True)
    # each is written down before its files are made
    lines = json.loads(sent("audit", "--json").stdout)
    assert [line["action"] for line in lines].count("report_exported") == 2


def test_nothing_is_known_of_another_consultation(migrated: Run) -> None:
    for words in (("delete", OTHER), ("reissue", OTHER, "--reason", "x"), ("resend", OTHER, "--reason", "x")):
        assert migrated(*words).exit_code == 1


def test_the_daemon_prunes_what_is_older_than_the_setting_says(
    migrated: Run, tmp_path: Path, mesh: InMemoryMesh
) -> None:
    migrated("enqueue", write(tmp_path, consultation(patient__registration_type="regular")))
    once(tmp_path, mesh)
    values = settings(tmp_path) | {"RETENTION": "PT0S"}
    sender = Sender(load(SenderSettings, values), mesh=mesh.client("ALDERMB1"))
    prune = next(job for job in sender.jobs() if job.name == "prune")

    pruned = prune.step()
    sender.close()

    assert (pruned, prune.every.days) == (1, 1)
    assert json.loads(migrated("show", CONSULTATION, "--json").stdout)["record"]["pruned_at"] is not None


def test_every_command_says_what_it_is_for() -> None:
    for command in ("delete", "resend", "reissue", "route", "reconcile", "export"):
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
