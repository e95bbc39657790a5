"""Alerts as people meet them: by mail, in `alerts`, `show` and `check`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text

from federated_sender.__main__ import main
from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from federated_sender.tables import Report
from shared.config import load
from shared.meanings.catalogue import meaning_of
from tests.fakes.smtp import MailServer
from tests.federated_sender.bench import CONSULTATION, consultation

Run = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def environ(tmp_path: Path, server: MailServer) -> dict[str, str]:
    federation = tmp_path / "federation.csv"
    federation.write_text("ods_code,name,telephone\nB82002,Birch Surgery,01632 960020\n", encoding="utf-8")
    return {
        "STATE_DIRECTORY": f"{tmp_path}/state",
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        # nothing listens on the discard port
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "ALDERMB1",
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": "TestKey",
        "FEDERATION_FILE": str(federation),
        "ALERT_EMAIL_TO": "manager@alder.example",
        "ALERT_EMAIL_FROM": "alerts@alder.example",
        "SMTP_URL": f"smtp://localhost:{server.port}",
    }


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    """Give a runner of commands, and a report that the registered practice refused, with its alert."""

    def run(*words: str, **changes: str) -> Result:
        return CliRunner().invoke(main, words, env=environ | changes)

    assert run("migrate").exit_code == 0
    moment = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    file = tmp_path / "consultation.json"
    file.write_text(json.dumps(consultation(started_at=moment, updated_at=moment)), encoding="utf-8")
    assert run("enqueue", str(file)).exit_code == 0
    with closing(Sender(load(SenderSettings, environ))) as sender:
        sender.intake.step()
        with sender.database.transaction() as session:
            session.execute(text("UPDATE report SET business_code = '30002'"))
            report_id = session.scalars(select(Report.report_id)).one()
            sender.alerts.open(
                session,
                kind="negative_response",
                subject_id=report_id,
                now=sender.clock(),
                text=f"Report {report_id}. {meaning_of('30002')}",
                action=meaning_of("30002").action,
                code="30002",
            )
    return run


@pytest.mark.requirement("GPCM-SD-094")
def test_a_round_mails_what_is_open_without_naming_the_patient(run: Run, server: MailServer) -> None:
    run("once")
    run("once")

    (mail,) = server.mails
    assert mail.recipients == ["manager@alder.example"]
    assert "30002: The registered practice does not know this patient" in " ".join(mail.text.split())
    assert not [each for each in ("9690937278", "Smith") if each in mail.content.decode()]


def test_a_mail_names_the_patient_when_a_setting_says_so(run: Run, server: MailServer) -> None:
    run("once", ALERT_EMAIL_PATIENT="on")

    (mail,) = server.mails
    assert "Patient: Mr Richard John Smith, NHS number 9690937278" in mail.text


def test_a_mail_server_that_is_away_stops_no_other_job(run: Run, server: MailServer) -> None:
    server.stop()

    result = run("once")

    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [line["of"] for line in lines if line["event"] == "outage.began"] == ["MESH", "mail server"]


def test_the_check_says_where_alerts_go(run: Run, server: MailServer) -> None:
    offline = run("check").stdout
    server.stop()
    online = run("check", "--online").stdout
    nowhere = run("check", ALERT_EMAIL_TO="", ALERT_EMAIL_FROM="", SMTP_URL="").stdout

    assert "ok  alerts: go to the log, to `alerts` and by mail to manager@alder.example via localhost" in offline
    assert "BAD alerts: mail server localhost" in online
    assert "ok  alerts: go to the log and to `alerts`" in nowhere


def test_half_of_the_settings_is_a_fault_that_names_the_rest(run: Run) -> None:
    result = run("check", SMTP_URL="", ALERT_EMAIL_FROM="")

    assert result.exit_code == 78
    named = [line.split(":")[0].strip() for line in result.stderr.splitlines() if line.startswith("  ")]
    assert named == ["ALERT_EMAIL_FROM", "SMTP_URL"]


def test_alerts_have_the_keys_of_the_contract_and_no_other(run: Run) -> None:
    rows = json.loads(run("alerts", "--json").stdout)

    assert [set(row) for row in rows] == [
        {"alert_id", "kind", "subject_id", "opened_at", "closed_at", "code", "text", "action"}
    ]


def test_show_explains_each_code_in_the_words_of_the_alert(run: Run) -> None:
    shown = run("show", CONSULTATION).stdout
    record = json.loads(run("show", CONSULTATION, "--json").stdout)["record"]

    meaning = meaning_of("30002")
    assert str(meaning) in shown
    assert f"who usually acts: {meaning.who}" in shown
    assert f"next step: {meaning.next_step}" in shown
    assert [each["code"] for each in record["codes"]] == ["30002"]
    assert {"tracking", "tracked_at"} <= set(record)


def test_status_keeps_the_keys_of_the_contract(run: Run) -> None:
    (row,) = json.loads(run("status", "--json").stdout)

    assert list(row) == [
        *("report_id", "consultation_id", "version", "state", "reason", "recipient_ods_code", "message_id"),
        *("mesh_message_id", "infrastructure_code", "business_code", "overdue", "sent_at", "updated_at"),
    ]
