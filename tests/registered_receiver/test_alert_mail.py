"""The receiver's alerts reach people by mail, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from registered_receiver.__main__ import main
from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from shared.config import load
from tests.fakes.smtp import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


def test_a_round_of_the_receiver_mails_what_is_open_and_its_check_says_where_to(
    tmp_path: Path, server: MailServer
) -> None:
    environ = {
        "STATE_DIRECTORY": f"{tmp_path}/state",
        "PRACTICE_ODS_CODE": "B82002",
        # nothing listens on the discard port
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "BIRCHMB1",
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": "TestKey",
        "ALERT_EMAIL_TO": "manager@birch.example",
        "ALERT_EMAIL_FROM": "alerts@birch.example",
        "SMTP_URL": f"smtp://localhost:{server.port}",
    }
    CliRunner().invoke(main, ["migrate"], env=environ)
    with (
        closing(Receiver(load(ReceiverSettings, environ))) as receiver,
        receiver.database.transaction() as session,
    ):
        receiver.alerts.open(
            session,
            kind="message_parked",
            subject_id="m",
            now=receiver.clock(),
            text="It waits.",
            action="Look.",
            code=None,
        )

    CliRunner().invoke(main, ["once"], env=environ)
    checked = CliRunner().invoke(main, ["check"], env=environ)

    (mail,) = server.mails
    assert mail.message["Subject"] == "registered-receiver at B82002: an alert for a person to look at"
    assert "It waits." in mail.text
    assert "ok  alerts: go to the log, to `alerts` and by mail to manager@birch.example" in checked.stdout
