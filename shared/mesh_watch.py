"""What a daemon makes of what its MESH client observes: log lines, and alerts that close by themselves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

from sqlalchemy.orm import Session

from shared.alerts import AlertBook
from shared.clock import Clock
from shared.db import NOT_READY, Database
from shared.log import Event, emit
from shared.mesh.answers import CLOCK_MAY_BE_OFF
from shared.mesh.certificates import ALERT_BEFORE, WARN_BEFORE, Expiry
from shared.mesh.observer import Observer
from shared.mesh_folder.observer import FolderObserver

CLOCK_OFF = Event(
    "mesh.clock_off",
    "warning",
    ("seconds",),
    "This machine's clock is off by MESH's: ahead of it by `seconds`, behind it when negative. Once until it is right.",
    "Start time synchronisation. MESH lets nobody in whose clock is two hours off.",
)
CLOCK_RIGHT = Event("mesh.clock_right", "info", (), "This machine's clock agrees with MESH's again.")
CERTIFICATE_EXPIRES = Event(
    "mesh.certificate_expires",
    "warning",
    ("setting", "expires_at", "days_left"),
    "The certificate in the file of `setting` ends soon, or has ended. Once a day from 30 days before.",
    "Order the new one now and put it into the same file. It is read by itself; as a service of systemd or in a"
    " container, restart the daemon then: it has a copy.",
)
CERTIFICATES_READ = Event("mesh.certificates_read", "info", (), "Changed certificate files were read and are in use.")
CERTIFICATES_UNUSABLE = Event(
    "mesh.certificates_unusable",
    "warning",
    ("error",),
    "Changed certificate files cannot be used; the former certificate stays in use and the files are tried again.",
    "Mend the file that `error` names. After a restart the former certificate is gone.",
)
HANDED_OVER = Event(
    "mesh.handed_over",
    "info",
    ("local_id",),
    "A message lies in the folder OUT; MESH has it when the MESH client has sent it (`MESH_TRANSPORT=folder`).",
)
CLIENT_STOPPED = Event(
    "mesh.client_stopped",
    "warning",
    ("since",),
    "A message has lain in the folder OUT since `since`, for more than an hour: the MESH client does not take it. Once"
    " until OUT is empty.",
    "Start NHS England's MESH client, and see its own log. The alert `mesh_client_stopped` is open meanwhile.",
)
CLIENT_WORKS = Event("mesh.client_works", "info", (), "The MESH client takes messages from the folder OUT again.")
EVENTS = (
    CLOCK_OFF,
    CLOCK_RIGHT,
    CERTIFICATE_EXPIRES,
    CERTIFICATES_READ,
    CERTIFICATES_UNUSABLE,
    HANDED_OVER,
    CLIENT_STOPPED,
    CLIENT_WORKS,
)

# half of what is off: a clock at the limit must not go to and fro
_RIGHT_AGAIN: Final = CLOCK_MAY_BE_OFF / 2
_FAR_OFF: Final = timedelta(minutes=30)
_DAY: Final = timedelta(days=1)
_FILES: Final = ("MESH_CLIENT_CERT_FILE", "MESH_CA_FILE")
# the MESH client looks into OUT every few minutes
_TAKEN_WITHIN: Final = timedelta(hours=1)


class MeshWatch(Observer):
    """Observes the client of one mailbox for a daemon.

    ``answered`` is told of every good answer, ``took`` how long each call took.
    """

    def __init__(
        self,
        mailbox_id: str,
        clock: Clock,
        database: Database,
        book: AlertBook[Any],
        answered: Callable[[], None],
        took: Callable[[str, timedelta], None],
    ) -> None:
        self._clock = clock
        self._answered = answered
        self._took = took
        self._clock_alert = _Standing("clock_off", mailbox_id, clock, database, book)
        self._file_alerts = {file: _Standing("certificate_expires", file, clock, database, book) for file in _FILES}
        self._lock = Lock()
        self._is_off = False
        self._warned: dict[Expiry, datetime] = {}

    def answered(self) -> None:
        """End the outage, if there is one."""
        self._answered()

    def took(self, call: str, duration: timedelta) -> None:
        """Pass on how long MESH took."""
        self._took(call, duration)

    def clock_compared(self, ahead: timedelta) -> None:
        """Say once that the clock is off, open an alert when it is far off, and take both back when it is right."""
        off = abs(ahead)
        with self._lock:
            was_off = self._is_off
            is_off = self._is_off = off > (_RIGHT_AGAIN if was_off else CLOCK_MAY_BE_OFF)
        if is_off and not was_off:
            emit(CLOCK_OFF, seconds=round(ahead.total_seconds()))
        if was_off and not is_off:
            emit(CLOCK_RIGHT)
        if off > _FAR_OFF:
            self._clock_alert.open(
                True,
                text=f"This machine's clock is {round(off / timedelta(minutes=1))} minutes"
                f" {'ahead of' if ahead > timedelta(0) else 'behind'} MESH's.",
                action="Set it and start time synchronisation: MESH lets nobody in whose clock is two hours off.",
            )
        elif not is_off:
            self._clock_alert.close("the clock agrees with MESH's again")

    def certificates_expire(self, expiries: Sequence[Expiry]) -> None:
        """Warn daily of what ends within 30 days, and open an alert for what ends within 14."""
        now = self._clock()
        by_file = {expiry.setting: expiry for expiry in expiries}
        for file, alert in self._file_alerts.items():
            expiry = by_file.get(file)
            if expiry is None or expiry.at - now > WARN_BEFORE:
                alert.close("the certificate was renewed")
                continue
            self._warn(expiry, now)
            if expiry.at - now <= ALERT_BEFORE:
                alert.open(
                    expiry,
                    text=f"The certificate in {file} ends on {expiry.at:%Y-%m-%d %H:%M} UTC.",
                    action="Order a new one from NHS England and put it into the same file. As a service of systemd or"
                    " in a container, restart the daemon then: it has a copy.",
                )

    def _warn(self, expiry: Expiry, now: datetime) -> None:
        with self._lock:
            last = self._warned.get(expiry)
            if last is not None and now - last < _DAY:
                return
            self._warned[expiry] = now
        at = expiry.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        emit(CERTIFICATE_EXPIRES, setting=expiry.setting, expires_at=at, days_left=expiry.days_left(now))

    def certificates_changed(self) -> None:
        """Say that new files are in use."""
        emit(CERTIFICATES_READ)

    def certificates_unusable(self, error: str) -> None:
        """Say what is wrong with the new files."""
        emit(CERTIFICATES_UNUSABLE, error=error)


class FolderWatch(FolderObserver):
    """Observes the folders of one mailbox for a daemon; ``answered`` is told whenever they could be used."""

    def __init__(
        self, mailbox_id: str, clock: Clock, database: Database, book: AlertBook[Any], answered: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._answered = answered
        self._alert = _Standing("mesh_client_stopped", mailbox_id, clock, database, book)
        self._stands_still = False

    def answered(self) -> None:
        """End the outage, if there is one."""
        self._answered()

    def handed_over(self, local_id: str) -> None:
        """Say which message the MESH client has to take."""
        emit(HANDED_OVER, local_id=local_id)

    def waiting_since(self, at: datetime | None) -> None:
        """Say and alert once that the MESH client takes nothing, and take both back when it does."""
        was, self._stands_still = self._stands_still, at is not None and self._clock() - at > _TAKEN_WITHIN
        if at is None or not self._stands_still:
            if was:
                emit(CLIENT_WORKS)
            self._alert.close("the MESH client takes messages again")
            return
        if not was:
            emit(CLIENT_STOPPED, since=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._alert.open(
            True,
            text=f"The MESH client takes nothing from the folder OUT: the oldest message lies there since"
            f" {at:%Y-%m-%d %H:%M} UTC.",
            action="Start NHS England's MESH client on its machine and read its log; leave the files in OUT alone.",
        )


@dataclass
class _Standing:
    """One alert that follows a condition; the database is asked only when that changes, and again if it was away."""

    kind: str
    subject_id: str
    clock: Clock
    database: Database
    book: AlertBook[Any]
    _told: Hashable = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def open(self, state: Hashable, *, text: str, action: str) -> None:
        self._tell(
            state,
            lambda session, now: self.book.open(
                session, kind=self.kind, subject_id=self.subject_id, now=now, code=None, text=text, action=action
            ),
        )

    def close(self, reason: str) -> None:
        self._tell(
            False,
            lambda session, now: self.book.close(
                session, subject_id=self.subject_id, kind=self.kind, now=now, by="MESH", reason=reason
            ),
        )

    def _tell(self, state: Hashable, change: Callable[[Session, datetime], object]) -> None:
        with self._lock:
            if self._told == state:
                return
            try:
                with self.database.transaction() as session:
                    change(session, self.clock())
            except NOT_READY:
                # it is told at the next answer
                return
            self._told = state
