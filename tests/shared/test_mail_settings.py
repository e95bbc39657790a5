"""Where alerts are mailed to: all of it or nothing, and every fault named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shared.alert_mail import mail_check, open_mailer
from shared.config import PracticeSettings, load
from shared.errors import ConfigurationError
from shared.setting_groups import missing_partners
from tests.fakes.smtp import MailServer


class ExampleSettings(PracticeSettings):
    daemon: ClassVar[str] = "example"


def environment(directory: Path, **changes: str) -> dict[str, str]:
    return {
        "HOME": str(directory),
        "PRACTICE_ODS_CODE": "A81001",
        "MESH_URL": "https://mesh.example.org/",
        "MESH_MAILBOX_ID": "ALDERMB1",
        "MESH_MAILBOX_PASSWORD": "secret-1",
        "MESH_SHARED_KEY": "secret-2",
    } | changes


def mailed(directory: Path, **changes: str) -> dict[str, str]:
    given = {
        "ALERT_EMAIL_TO": "manager@alder.example, gp@alder.example,manager@alder.example",
        "ALERT_EMAIL_FROM": "alerts@alder.example",
        "SMTP_URL": "smtps://alerts@mail.example",
        "SMTP_PASSWORD": "secret-3",
    }
    return {name: value for name, value in (environment(directory) | given | changes).items() if value}


def faults_of(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(ExampleSettings, environ)
    return {fault.where: fault.rule for fault in caught.value.faults}


def test_nothing_is_mailed_unless_the_settings_say_where_to(tmp_path: Path) -> None:
    settings = load(ExampleSettings, environment(tmp_path))

    assert open_mailer(settings) is None
    assert "go to the log and to `alerts`" in mail_check(settings, online=True).text


def test_each_address_is_told_once(tmp_path: Path) -> None:
    settings = load(ExampleSettings, mailed(tmp_path))

    assert settings.alert_email_to == ("manager@alder.example", "gp@alder.example")
    assert settings.alert_email_interval == timedelta(minutes=15)
    assert "secret-3" not in repr(settings) + repr(open_mailer(settings))


@pytest.mark.parametrize(
    ("missing", "faults"),
    [
        (("ALERT_EMAIL_FROM",), {"ALERT_EMAIL_FROM": "is required, since ALERT_EMAIL_TO is set"}),
        (("ALERT_EMAIL_TO",), {"ALERT_EMAIL_TO": "is required, since ALERT_EMAIL_FROM is set"}),
        (("SMTP_URL",), {"SMTP_URL": "is required, since ALERT_EMAIL_TO is set"}),
        (
            ("ALERT_EMAIL_TO", "ALERT_EMAIL_FROM", "SMTP_URL"),
            {"SMTP_URL": "is required, since SMTP_PASSWORD is set"},
        ),
        (("SMTP_PASSWORD",), {"SMTP_PASSWORD": "is required, since SMTP_URL names a user"}),
    ],
)
def test_settings_that_are_not_whole_say_what_is_missing(
    tmp_path: Path, missing: tuple[str, ...], faults: dict[str, str]
) -> None:
    assert faults_of(mailed(tmp_path, **dict.fromkeys(missing, ""))) == faults


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("ALERT_EMAIL_TO", "manager", "must be e-mail addresses"),
        ("ALERT_EMAIL_TO", "manager@alder.example;gp@alder.example", "must be e-mail addresses"),
        ("ALERT_EMAIL_TO", "manager@alder.example\r\nBcc: thief@example.org", "must be e-mail addresses"),
        ("ALERT_EMAIL_TO", " , ", "must be e-mail addresses"),
        ("ALERT_EMAIL_FROM", "Alerts <alerts@alder.example>", "must be e-mail addresses"),
        ("ALERT_EMAIL_FROM", "alerts@alder.example\nSubject: x", "must be e-mail addresses"),
        ("ALERT_EMAIL_INTERVAL", "PT0S", "must be longer than nothing"),
        ("SMTP_URL", "smtp://alerts@mail.example", "plain smtp is for this machine only"),
        ("SMTP_URL", "smtps://alerts:secret-4@mail.example", "must not hold the password"),
        ("SMTP_URL", "smtps://mail.example", "must name the user"),
        ("SMTP_CA_FILE", "/nowhere", "names a file that is not there"),
    ],
)
def test_what_cannot_be_used_is_a_fault(tmp_path: Path, name: str, value: str, rule: str) -> None:
    faults = faults_of(mailed(tmp_path, **{name: value}))

    assert set(faults) == {name}
    assert rule in faults[name]
    assert "secret" not in str(faults)


def test_a_practice_may_have_a_mail_system_that_the_world_does_not_know(tmp_path: Path) -> None:
    settings = load(ExampleSettings, mailed(tmp_path, ALERT_EMAIL_TO="manager@mail.local,root@localhost"))

    assert settings.alert_email_to == ("manager@mail.local", "root@localhost")


def test_a_tool_without_mail_is_not_asked_for_it() -> None:
    assert missing_partners({"ALERT_EMAIL_TO": "x", "SMTP_PASSWORD": "x"}, frozenset({"MESH_URL"})) == []


def test_a_url_that_cannot_be_read_is_named_by_its_own_rule(tmp_path: Path) -> None:
    assert faults_of(mailed(tmp_path, SMTP_URL="smtps://[nonsense")) == {"SMTP_URL": "is not a URL"}


def test_faults_of_several_groups_are_named_at_once(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_text("x")
    more: dict[str, Any] = {"MESH_CLIENT_CERT_FILE": str(certificate), "LOG_LEVEL": "nonsense", "SMTP_URL": ""}

    assert set(faults_of(mailed(tmp_path, **more))) == {"MESH_CLIENT_KEY_FILE", "LOG_LEVEL", "SMTP_URL"}


def test_the_check_says_where_alerts_go_and_asks_the_mail_server_when_it_may(tmp_path: Path) -> None:
    server = MailServer()
    server.start()
    url = f"smtp://localhost:{server.port}"
    settings = load(ExampleSettings, mailed(tmp_path, SMTP_URL=url, SMTP_PASSWORD=""))

    well = mail_check(settings, online=True)
    server.stop()
    away, offline = mail_check(settings, online=True), mail_check(settings, online=False)

    assert (well.ok, away.ok, offline.ok) == (True, False, True)
    assert well.text == offline.text
    assert "by mail to manager@alder.example, gp@alder.example via localhost" in well.text
    assert "cannot be reached" in away.text
    assert server.mails == []
