"""The mail job: tells people of open alerts by e-mail, in one digest rather than a flood (decision 0015)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.alerts import AlertBook
from shared.audit import Actor, AuditBook
from shared.checks import Check
from shared.clock import Clock
from shared.config import PracticeSettings
from shared.daemon import Job
from shared.db import Database
from shared.digest import MOST_IN_FULL, Item, Letterhead, compose
from shared.errors import MailFailed
from shared.inserts import insert_once
from shared.log import Event, emit
from shared.mail import Mailer
from shared.outage import Outage
from shared.smtp import smtp_server
from shared.tables import AlertColumns, DigestColumns

ALERTS_MAILED = Event(
    "alerts.mailed",
    "info",
    ("alerts", "recipients_refused", "mail_id"),
    "The mail server took a mail about `alerts` open alerts; `mail_id` is its Message-ID.",
    "When `recipients_refused` is there, correct ALERT_EMAIL_TO: that many addresses got nothing.",
)
EVENTS = (ALERTS_MAILED,)

EVERY = timedelta(seconds=30)
# longer than handing in a mail may take
_LEASE = timedelta(minutes=5)
_ROW = 1


@dataclass(frozen=True, slots=True)
class Named:
    """The patient whom an alert is about, as a mail may say it."""

    name: str = field(repr=False)
    nhs_number: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name}, NHS number {self.nhs_number}"


@dataclass(frozen=True, slots=True)
class Naming:
    """How mails name the patient of an alert, which they do only when a setting says so, and where that is kept.

    What a mail says of a patient goes to people who never sign in here, so each one stands in the ``audit``.
    """

    patient_of: Callable[[Session, Any], Named | None]
    audit: AuditBook[Any]


@dataclass(frozen=True)
class _Digest:
    message: EmailMessage
    alert_ids: tuple[str, ...]
    named: Mapping[str, Named]
    lease_until: datetime | None


@dataclass(frozen=True)
class AlertMail:
    """The job. ``row`` is the table whose one row says when mail went last and whose turn it is."""

    database: Database
    clock: Clock
    book: AlertBook[Any]
    row: type[DigestColumns]
    mailer: Mailer
    letterhead: Letterhead
    interval: timedelta
    outage: Outage
    naming: Naming | None = None

    def step(self) -> int:
        """Mail what is open and not yet told of; return how many alerts the mail server took.

        What the server does not take is tried again later and later; the first failure of an outage is logged.
        """
        with self.database.snapshot() as session:
            if not self.book.unmailed(session):
                return 0
        with self.database.transaction() as session:
            digest = self._claim(session, self.clock())
        if digest is None:
            return 0
        try:
            refused = self.mailer.send(digest.message)
        except MailFailed as error:
            self._back_off(digest)
            self.outage.begins(error, "mail")
            return 0
        self._keep(digest)
        self.outage.over()
        number, mail_id = len(digest.alert_ids), digest.message["Message-ID"]
        emit(ALERTS_MAILED, alerts=number, recipients_refused=refused or None, mail_id=mail_id)
        return number

    def _claim(self, session: Session, now: datetime) -> _Digest | None:
        insert_once(session, self.row, id=_ROW, attempts=0)
        free = select(self.row).where(self.row.claimable(now))
        row = session.scalars(free.with_for_update(skip_locked=True)).one_or_none()
        if row is None or (row.sent_at is not None and timedelta(0) <= now - row.sent_at < self.interval):
            return None
        alerts = self.book.unmailed(session)
        if not alerts:
            return None
        row.lease(now, _LEASE)
        named = self._named(session, alerts)
        items = [_item(alert, named.get(alert.alert_id)) for alert in alerts]
        message = compose(self.letterhead, items, now)
        return _Digest(message, tuple(item.alert_id for item in items), named, row.lease_until)

    def _named(self, session: Session, alerts: Sequence[AlertColumns]) -> dict[str, Named]:
        if self.naming is None:
            return {}
        found = {alert.alert_id: self.naming.patient_of(session, alert) for alert in alerts[:MOST_IN_FULL]}
        return {alert_id: named for alert_id, named in found.items() if named is not None}

    def _keep(self, digest: _Digest) -> None:
        now = self.clock()
        with self.database.transaction() as session:
            row = session.get_one(self.row, _ROW, with_for_update=True)
            row.sent_at = now
            if row.lease_until == digest.lease_until:
                row.release()
            self.book.mark_mailed(session, digest.alert_ids, now)
            if self.naming is not None:
                daemon = Actor(self.letterhead.daemon, None, None)
                for alert_id, named in digest.named.items():
                    self.naming.audit.record(
                        session, daemon, "patient_mailed", now, subject_id=alert_id, nhs_number=named.nhs_number
                    )

    def _back_off(self, digest: _Digest) -> None:
        with self.database.transaction() as session:
            row = session.get_one(self.row, _ROW, with_for_update=True)
            if row.lease_until == digest.lease_until:
                row.back_off(self.clock())


def _item(alert: AlertColumns, named: Named | None) -> Item:
    patient = None if named is None else str(named)
    return Item(alert.alert_id, alert.kind, alert.opened_at, alert.text, alert.action, patient)


def open_mailer(settings: PracticeSettings) -> Mailer | None:
    """Return where the settings hand mail in, None when they name nobody to mail to."""
    if settings.smtp_url is None:
        return None
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    return Mailer(smtp_server(settings.smtp_url), password, settings.smtp_ca_file)


def mail_jobs(
    settings: PracticeSettings,
    database: Database,
    clock: Clock,
    book: AlertBook[Any],
    row: type[DigestColumns],
    naming: Naming | None = None,
) -> tuple[Job, ...]:
    """Return the job when the settings say where alerts are mailed to, nothing otherwise."""
    mailer = open_mailer(settings)
    if mailer is None:
        return ()
    letterhead = Letterhead(
        settings.daemon, settings.practice_ods_code, settings.alert_email_from or "", settings.alert_email_to
    )
    outage, interval = Outage("mail server", clock), settings.alert_email_interval
    job = AlertMail(database, clock, book, row, mailer, letterhead, interval, outage, naming)
    return (Job("mail", job.step, EVERY, drains=False),)


def mail_check(settings: PracticeSettings, *, online: bool) -> Check:
    """Say where alerts go; with ``online`` ask the mail server as far as a mail would begin."""
    mailer = open_mailer(settings)
    if mailer is None:
        return Check("alerts", ok=True, text="go to the log and to `alerts`; ALERT_EMAIL_TO would mail them, too")
    where = f"go to the log, to `alerts` and by mail to {', '.join(settings.alert_email_to)} via {mailer.server}"
    if online:
        try:
            mailer.probe()
        except MailFailed as error:
            return Check("alerts", ok=False, text=f"{error}; see SMTP_URL, SMTP_PASSWORD and SMTP_CA_FILE")
    return Check("alerts", ok=True, text=where)
