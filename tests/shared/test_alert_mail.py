"""Open alerts are mailed: one digest, never lost, at most once more after a crash."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy.orm import Session

import federated_sender
import registered_receiver
from federated_sender import ledger, tables
from registered_receiver import ledger as receiver_ledger
from registered_receiver import tables as receiver_tables
from shared import log
from shared.alert_mail import AlertMail, Named, Naming
from shared.db import Database
from shared.digest import Letterhead
from shared.mail import Mailer
from shared.outage import Outage
from shared.smtp import smtp_server
from tests.fakes.clock import MovableClock
from tests.fakes.smtp import MailServer

LETTERHEAD = Letterhead(
    "federated-sender", "A81001", "alerts@alder.example", ("manager@alder.example", "gp@alder.example")
)


class Crash(BaseException):
    """The process ends here."""


class CrashingMailer(Mailer):
    """Dies when the server has said 250."""

    def send(self, message: EmailMessage) -> int:
        super().send(message)
        raise Crash


@dataclass
class Post:
    """Alerts of one daemon, and the job that mails them."""

    database: Database
    server: MailServer
    clock: MovableClock = field(default_factory=MovableClock)
    naming: Naming | None = None
    book: Any = ledger.ALERTS
    row: type[Any] = tables.Digest
    _outage: Outage | None = None

    def job(self, mailer: type[Mailer] = Mailer) -> AlertMail:
        self._outage = self._outage or Outage("mail server", self.clock)
        address = mailer(smtp_server(f"smtp://localhost:{self.server.port}"))
        interval, book, row = timedelta(minutes=15), self.book, self.row
        return AlertMail(self.database, self.clock, book, row, address, LETTERHEAD, interval, self._outage, self.naming)

    def open(self, subject_id: str, kind: str = "negative_response") -> None:
        with self.database.transaction() as session:
            text, action = f"What happened to {subject_id}.", "Telephone."
            self.book.open(
                session, kind=kind, subject_id=subject_id, now=self.clock(), text=text, action=action, code="30002"
            )

    def close(self, subject_id: str) -> None:
        with self.database.transaction() as session:
            reason = "settled"
            self.book.close(session, subject_id=subject_id, now=self.clock(), by="tester", reason=reason, kind=None)

    def pass_time(self, **duration: float) -> None:
        self.clock.move(timedelta(**duration))

    def told(self) -> list[list[str]]:
        """Return which subjects each mail told of."""
        subjects = ("first", "second", "third")
        return [[each for each in subjects if f"to {each}." in mail.text] for mail in self.server.mails]


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def post(database_url: str, server: MailServer) -> Iterator[Post]:
    migrations = Path(federated_sender.__file__).parent / "migrations"
    database = Database(database_url, schema="federated_sender", migrations=migrations)
    database.migrate()
    yield Post(database, server)
    database.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure("debug", "json", "federated-sender", stream)
    yield stream
    structlog.reset_defaults()


def events(logged: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in logged.getvalue().splitlines()]


def test_all_that_is_open_goes_in_one_mail_at_once(post: Post) -> None:
    post.open("first")
    post.open("second")

    told = post.job().step()

    assert told == 2
    (mail,) = post.server.mails
    assert post.told() == [["first", "second"]]
    assert mail.recipients == ["manager@alder.example", "gp@alder.example"]
    assert mail.message["Subject"] == "federated-sender at A81001: 2 alerts for a person to look at"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert "What to do: Telephone." in mail.text
    assert "alerts close " in mail.text


def test_an_alert_is_mailed_once(post: Post) -> None:
    post.open("first")
    post.job().step()
    post.pass_time(hours=1)

    assert post.job().step() == 0
    assert post.told() == [["first"]]


def test_the_next_mail_waits_for_the_interval_and_then_tells_of_everything_new(post: Post) -> None:
    post.open("first")
    post.job().step()
    post.open("second")
    post.pass_time(minutes=14)
    post.open("third")
    early = post.job().step()

    post.pass_time(minutes=1)
    post.job().step()

    assert early == 0
    assert post.told() == [["first"], ["second", "third"]]


def test_what_is_closed_before_it_was_mailed_is_left_out(post: Post) -> None:
    post.open("first")
    post.open("second")
    post.close("first")

    post.job().step()

    assert post.told() == [["second"]]


def test_while_the_mail_server_is_away_one_line_says_so_and_nothing_is_lost(post: Post, logged: io.StringIO) -> None:
    post.server.stop()
    post.open("first")
    for _ in range(4):
        assert post.job().step() == 0
        post.pass_time(hours=1)
    away = events(logged)
    post.server.start()

    post.job().step()

    assert away.count("outage.began") == 1
    assert events(logged)[len(away) :] == ["outage.ended", "alerts.mailed"]
    assert post.told() == [["first"]]


def test_a_mail_server_that_is_away_is_asked_less_and_less_often(post: Post) -> None:
    post.server.answers_to_data = ["451 later"] * 3
    post.open("first")
    post.job().step()
    post.job().step()
    in_back_off = len(post.server.answers_to_data)

    post.pass_time(seconds=30)
    post.job().step()
    post.pass_time(seconds=59)
    post.job().step()

    assert (in_back_off, len(post.server.answers_to_data)) == (2, 1)


def test_after_a_crash_behind_the_servers_yes_the_same_mail_goes_once_more_and_can_be_recognised(post: Post) -> None:
    post.open("first")
    with pytest.raises(Crash):
        post.job(CrashingMailer).step()
    at_once = post.job().step()

    post.pass_time(minutes=5)
    post.job().step()
    post.pass_time(hours=1)
    post.job().step()

    assert at_once == 0
    assert post.told() == [["first"], ["first"]]
    assert len({mail.message["Message-ID"] for mail in post.server.mails}) == 1


def test_two_processes_do_not_send_the_same_mail(post: Post) -> None:
    class Overtaken(Mailer):
        """Hands its mail in while another process looks for work."""

        def send(self, message: EmailMessage) -> int:
            others.append(post.job().step())
            return super().send(message)

    others: list[int] = []
    post.open("first")

    told = post.job(Overtaken).step()

    assert (told, others) == (1, [0])
    assert post.told() == [["first"]]


def test_a_recipient_who_is_refused_is_counted_and_the_others_are_told(post: Post, logged: io.StringIO) -> None:
    post.server.refused_recipients = {"gp@alder.example"}
    post.open("first")

    post.job().step()

    line = next(each for each in map(json.loads, logged.getvalue().splitlines()) if each["event"] == "alerts.mailed")
    assert (line["alerts"], line["recipients_refused"]) == (1, 1)
    assert post.told() == [["first"]]


def test_a_clock_that_was_set_back_stops_no_mail(post: Post) -> None:
    post.open("first")
    post.job().step()
    post.pass_time(days=-2)
    post.open("second")

    post.job().step()

    assert post.told() == [["first"], ["second"]]


def test_a_mail_names_a_patient_only_when_it_is_told_to(post: Post) -> None:
    def patient_of(_session: Session, alert: tables.Alert) -> Named | None:
        return Named("Mr Richard Smith", "9690937278") if alert.subject_id == "first" else None

    post.open("first")
    post.job().step()
    post.pass_time(hours=1)
    post.naming = Naming(patient_of, ledger.AUDIT)
    post.open("first", kind="infrastructure_overdue")
    post.open("second")
    post.job().step()

    plain, with_patient = post.server.mails
    assert "9690937278" not in plain.text
    assert with_patient.text.count("Patient: Mr Richard Smith, NHS number 9690937278") == 1
    assert "9690937278" not in str(with_patient.message["Subject"])
    with post.database.snapshot() as session:
        lines = [(line.user_name, line.action, line.nhs_number) for line in ledger.AUDIT.listing(session)]
        (overdue,) = (alert for alert in ledger.ALERTS.listing(session) if alert.kind == "infrastructure_overdue")
        assert [line.subject_id for line in ledger.AUDIT.listing(session)] == [overdue.alert_id]
    assert lines == [(LETTERHEAD.daemon, "patient_mailed", "9690937278")]


def test_the_receiver_mails_its_alerts_in_the_same_way(database_url: str, server: MailServer) -> None:
    migrations = Path(registered_receiver.__file__).parent / "migrations"
    database = Database(database_url, schema="registered_receiver", migrations=migrations)
    database.migrate()
    post = Post(database, server, book=receiver_ledger.ALERTS, row=receiver_tables.Digest)
    post.open("first")

    post.job().step()
    post.job().step()

    assert post.told() == [["first"]]
    database.close()
