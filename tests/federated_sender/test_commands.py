"""The command line as people and clinical systems use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from federated_sender.__main__ import main
from federated_sender.app import Sender
from federated_sender.settings import SenderSettings, read_federation
from shared.config import load
from shared.errors import ConfigurationError
from tests.federated_sender.bench import CONSULTATION, consultation
from tests.federated_sender.command_line import FEDERATION, Run, settings, write


def test_help_teaches_how_to_begin(run: Run) -> None:
    result = run("--help")

    assert result.exit_code == 0
    assert "federated-sender --env-file sender.env migrate" in result.output


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    assert run("frobnicate").exit_code == 2


def test_unusable_settings_are_all_named_at_once_with_exit_code_78(run: Run) -> None:
    result = run("status", SEND_DELAY="soon", MESH_URL="http://mesh.example.org", PRACTICE_ODS_CODE="?", MESH_URLS="x")

    assert result.exit_code == 78
    named = {line.split(":")[0].strip() for line in result.output.splitlines() if line.startswith("  ")}
    assert named == {"SEND_DELAY", "MESH_URL", "PRACTICE_ODS_CODE", "MESH_URLS"}


def test_the_env_file_may_stand_behind_the_command(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "sender.env"

    result = CliRunner().invoke(main, ["migrate", "--env-file", str(file)])

    assert result.exit_code == 0


def test_an_env_file_that_is_not_there_is_unusable(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["status", "--env-file", str(tmp_path / "none.env")])

    assert result.exit_code == 78


@pytest.mark.parametrize("command", ["run", "once"])
def test_a_database_of_another_version_is_refused_with_the_command_to_run(run: Run, command: str) -> None:
    result = run(command)

    assert result.exit_code == 1
    assert "run `federated-sender migrate`" in result.output


def test_a_consultation_is_enqueued_and_shown(migrated: Run, tmp_path: Path) -> None:
    enqueued = migrated("enqueue", write(tmp_path, consultation()))
    (record,) = json.loads(migrated("status", "--json").stdout)
    shown = json.loads(migrated("show", record["report_id"], "--json").stdout)

    assert enqueued.exit_code == 0
    assert list(record) == [
        "report_id", "consultation_id", "version", "state", "reason", "recipient_ods_code", "message_id",
        "mesh_message_id", "infrastructure_code", "business_code", "overdue", "sent_at", "updated_at",
    ]  # fmt: skip
    assert (record["state"], record["consultation_id"]) == ("waiting", CONSULTATION)
    assert shown["record"] | record == shown["record"]
    assert [set(line) for line in shown["timeline"]] == [{"at", "from", "to", "event", "code", "by"}]


def test_status_and_show_read_well_without_json(migrated: Run, tmp_path: Path) -> None:
    empty = migrated("status").output
    migrated("enqueue", write(tmp_path, consultation()))

    listed, shown = migrated("status").output, migrated("show", CONSULTATION).output

    assert empty == "no records\n"
    assert listed.startswith("1 waiting\n")
    assert "updated" in shown
    assert "waiting" in shown


def test_status_can_be_narrowed(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))

    def count(*options: str) -> int:
        return len(json.loads(migrated("status", "--json", *options).stdout))

    assert count("--state", "waiting") == 1
    assert count("--state", "sent") == 0
    assert count("--since", "2999-01-01") == 0
    assert count("--since", "2020-01-01T00:00:00+0000") == 1
    assert count("--limit", "0") == 1
    assert migrated("status", "--state", "lost").exit_code == 2


def test_faulty_json_names_every_fault_and_ends_with_one(migrated: Run, tmp_path: Path) -> None:
    file = write(tmp_path, consultation(patient__nhs_number="1", patient__family=""))

    result = migrated("enqueue", file)

    assert result.exit_code == 1
    assert "[0].patient.nhs_number: is not a valid NHS number" in result.output
    assert "[0].patient.family: must not be empty" in result.output
    assert json.loads(migrated("status", "--json").stdout) == []


def test_once_with_mesh_away_builds_what_it_can_and_ends_with_one(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))

    result = migrated("once")

    (record,) = json.loads(migrated("status", "--json").stdout)
    outages = [line for line in result.stderr.splitlines() if "outage.began" in line]
    assert result.exit_code == 1
    assert (record["state"], record["version"]) == ("queued", 1)
    assert len(outages) == 1
    assert not any(word in result.stderr for word in ("9690937278", "Smith", "Sore throat", "High Street"))


def test_alerts_are_listed_and_closed_with_a_reason(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))
    sender = Sender(load(SenderSettings, settings(tmp_path)))
    with sender.database.transaction() as session:
        session.execute(text("UPDATE outbox SET patient_family = NULL"))
    sender.intake.step()
    sender.close()

    (alert,) = json.loads(migrated("alerts", "--json").stdout)
    listed = migrated("alerts").output
    closed = migrated("alerts", "close", alert["alert_id"], "--reason", "telephoned")
    again = migrated("alerts", "close", alert["alert_id"], "--reason", "telephoned")

    assert list(alert) == ["alert_id", "kind", "subject_id", "opened_at", "closed_at", "code", "text", "action"]
    assert "OPEN invalid" in listed
    assert (closed.exit_code, again.exit_code) == (0, 1)
    (alert,) = json.loads(migrated("alerts", "--json").stdout)
    assert alert["closed_at"] is not None
    assert migrated("alerts", "close", "none", "--reason", "x").exit_code == 1
    assert migrated("alerts", "close", alert["alert_id"]).exit_code == 2


def test_no_alerts_is_said(migrated: Run) -> None:
    assert migrated("alerts").output == "no alerts\n"
    assert migrated("alerts", "--json").stdout == "[]\n"


def test_what_is_not_there_or_not_parked_is_said(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))

    unknown, not_parked = migrated("show", "nothing"), migrated("retry", CONSULTATION)

    assert (unknown.exit_code, "there is no report nothing" in unknown.output) == (1, True)
    assert (not_parked.exit_code, "is not parked" in not_parked.output) == (1, True)


def test_a_parked_report_is_taken_back(migrated: Run, tmp_path: Path) -> None:
    migrated("enqueue", write(tmp_path, consultation()))
    sender = Sender(load(SenderSettings, settings(tmp_path)))
    with sender.database.transaction() as session:
        session.execute(text("UPDATE report SET parked_at = '2026-11-20 18:00:00'"))
    sender.close()

    result = migrated("retry", CONSULTATION)

    assert result.exit_code == 0
    assert migrated("retry", CONSULTATION).exit_code == 1


def test_check_says_what_is_right_and_what_to_do(run: Run) -> None:
    before = run("check")
    run("migrate")
    after = run("check")
    online = run("check", "--online")

    assert before.exit_code == 1
    assert "BAD database: the database is at schema none" in before.output
    assert (after.exit_code, "BAD" in after.output) == (0, False)
    assert online.exit_code == 1
    assert "BAD MESH: MESH cannot be reached" in online.output


def test_check_warns_of_a_directory_that_others_can_read_and_of_an_empty_federation(
    migrated: Run, tmp_path: Path
) -> None:
    (tmp_path / "state").chmod(0o755)
    (tmp_path / "federation.csv").write_text("ods_code,name,telephone\nA81001,Alder,01632 960010\n", encoding="utf-8")

    output = migrated("check").output

    # the fixture writes the settings' files anew for each command, so only the directory is wrong then
    assert "BAD state directory: others can look into it" in output


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("ods,name\n", "FEDERATION_FILE: must begin with the line ods_code,name,telephone"),
        ("ods_code,name,telephone\n?,X,1\n", "line 2: ods_code is not an ODS code"),
        ("ods_code,name,telephone\nA81001,,\n", "line 2: name is empty; FEDERATION_FILE line 2: telephone is empty"),
        ("ods_code,name,telephone\nA81001,X,1\nA81001,Y,2\n", "line 3: names a practice that an earlier line names"),
        ("ods_code,name,telephone\nA81001\n", "line 2: name is empty"),
    ],
)
def test_every_bad_line_of_the_federation_is_named(tmp_path: Path, content: str, fault: str) -> None:
    file = tmp_path / "federation.csv"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        read_federation(file)

    assert fault in str(caught.value)


def test_the_federation_may_be_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "federation.csv"
    file.write_bytes(b"\xef\xbb\xbf" + FEDERATION.replace("\n", "\r\n").encode())

    assert set(read_federation(file)) == {"A81001", "B82002"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_ends_cleanly_at_a_signal(migrated: Run, tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "federated_sender", "--env-file", str(tmp_path / "sender.env"), "run"]
    environment = {name: value for name, value in os.environ.items() if name not in settings(tmp_path)}

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as daemon:
        assert daemon.stderr is not None
        started = next(line for line in daemon.stderr if "daemon.started" in line)
        daemon.send_signal(number)
        _, rest = daemon.communicate(timeout=60)

    assert daemon.returncode == 0
    assert json.loads(started)["daemon"] == "federated-sender"
    assert "daemon.stopped" in rest


def test_a_reader_that_has_seen_enough_is_no_fault(migrated: Run, tmp_path: Path) -> None:
    command = f"{sys.executable} -m federated_sender --env-file {tmp_path}/sender.env status | true"

    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)

    assert result.stderr == ""


def test_an_unforeseen_error_is_named_without_a_traceback_and_quotes_nothing(
    migrated: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise KeyError("Smith")

    monkeypatch.setattr(Sender, "status", break_off)

    result = migrated("status")

    assert result.exit_code == 1
    assert "an unforeseen error, please report it: KeyError at test_commands.py" in result.output
    assert "Smith" not in result.output
