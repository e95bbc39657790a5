"""Two practices over a simulated week: both real daemons in this process, on a clock that is moved on tick by tick."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from shared import log
from shared.config import load
from shared.daemon import Job
from shared.mesh.client import MeshClient
from tests.chaos import surgery
from tests.chaos.surgery import FEDERATED, REGISTERED, Consultation
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import SHARED_KEY
from tests.sandbox.authority import Authority, Files
from tests.soak.door import Door, ForgetfulMesh
from tests.soak.measure import Log

MAILBOXES: Final = {FEDERATED: "ALDERMB1", REGISTERED: "BIRCHMB1"}
_OPEN_FROM, _OPEN_TO = 8, 22
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """What is to be played. Outages are hours since the beginning, from and to; it is measured so many times."""

    length: timedelta
    tick: timedelta
    consultations_a_day: int
    mesh_outages: Sequence[tuple[float, float]]
    database_outages: Sequence[tuple[float, float]]
    new_certificate_after: timedelta
    retention: str
    measurements: int
    seed: int = 11


class Daemon:
    """One wired daemon, whose jobs run at their intervals by the moved clock."""

    def __init__(self, app: Sender | Receiver, database_away: Callable[[], bool]) -> None:
        self.app = app
        app.database.migrate()
        self._rounds, self._jobs = app.rounds(), {job.name: job for job in app.jobs()}
        self._last: dict[str, datetime] = {}

        @event.listens_for(app.database.engine, "checkout")
        def refuse(*_: Any) -> None:
            if database_away():
                raise OperationalError("connect", {}, Exception("the database is away"))

    @property
    def engine(self) -> Engine:
        return self.app.database.engine

    def go_round(self) -> None:
        """Run every job that is due, and whatever it wakes."""
        now = self.app.clock()
        for job in self._jobs.values():
            if now - self._last.get(job.name, datetime.min.replace(tzinfo=UTC)) >= job.every:
                self._last[job.name] = now
                self._run(job)

    def _run(self, job: Job) -> None:
        if self._rounds.drain(job, lambda: False):
            for name in job.wakes:
                self._run(self._jobs[name])

    def settle_alerts(self) -> None:
        """Let a person deal with every alert."""
        with self.app.database.transaction() as session:
            for alert in self.app.alerts.listing(session):
                if alert.closed_at is None:
                    self.app.alerts.close_by_id(
                        session, alert.alert_id, now=self.app.clock(), by="tester", reason="dealt with"
                    )


@dataclass
class Week:
    """The practices, MESH between them, what was written so far, and the log."""

    plan: Plan
    clock: MovableClock
    mesh: ForgetfulMesh
    door: Door
    sender: Daemon
    receiver: Daemon
    log: Log
    renew: Callable[[], None]
    written: dict[str, Consultation] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)
    database_away: bool = False
    _renewed: bool = False
    _ended: date | None = None

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._chance = random.Random(self.plan.seed)
        self._coming = surgery.consultations(self.plan.seed)
        self._owed = 0.0

    @property
    def passed(self) -> timedelta:
        return self.clock() - self.began

    def is_over(self) -> bool:
        return self.passed >= self.plan.length

    def tick(self, *, consulting: bool = True) -> None:
        """Let a tick pass: what goes wrong, who is seen, what the daemons do."""
        self.clock.move(self.plan.tick)
        passed = self.passed / timedelta(hours=1)
        self.door.away = any(begin <= passed < end for begin, end in self.plan.mesh_outages)
        self.database_away = any(begin <= passed < end for begin, end in self.plan.database_outages)
        if not self._renewed and self.passed >= self.plan.new_certificate_after:
            self.renew()
            self._renewed = True
        if consulting and _OPEN_FROM <= self.clock().hour < _OPEN_TO:
            self._owed += self.plan.consultations_a_day * (self.plan.tick / timedelta(hours=_OPEN_TO - _OPEN_FROM))
        if not self.database_away:
            self._write()
        for daemon in (self.sender, self.receiver):
            daemon.go_round()
        if self.clock().hour >= _OPEN_TO and self._ended != self.clock().date():
            self._ended = self.clock().date()
            self.end_the_day()

    def _write(self) -> None:
        engine = self.sender.engine
        while self._owed >= 1:
            self._owed -= 1
            consultation = next(self._coming)
            self._register(consultation)
            surgery.write(engine, consultation, self.clock(), 1)
            self.written[consultation.consultation_id], self.editions[consultation.consultation_id] = consultation, 1
            self._add_to_an_earlier_one()

    def _register(self, consultation: Consultation) -> None:
        """Let MESH and the registered practice know the patient, as far as this one is known."""
        who = consultation
        if who.kind.name != "untraced":
            self.mesh.register(who.nhs_number, who.birth_date, who.family, MAILBOXES[REGISTERED])
        row = surgery.patient_index([who], self.clock().date()).splitlines()[1:]
        if row:
            surgery.register(self.receiver.engine, row[0])

    def _add_to_an_earlier_one(self) -> None:
        newest = list(self.written.values())[-40:]
        chosen = self._chance.choice(newest)
        if chosen.kind.name == "updated" and self.editions[chosen.consultation_id] < 3:
            self.editions[chosen.consultation_id] += 1
            edition = self.editions[chosen.consultation_id]
            surgery.write(self.sender.engine, chosen, self.clock(), edition)

    def end_the_day(self) -> None:
        """Let people finish their work, the log be rotated, and MESH forget."""
        desk = self.receiver.app.desk
        for task, _ in desk.tasks("open", 0):
            desk.complete(task["task_id"])
        for daemon in (self.sender, self.receiver):
            daemon.settle_alerts()
        self.log.rotate()
        self.mesh.forget()


@contextmanager
def play(directory: Path, plan: Plan, database_url: str = "") -> Iterator[Week]:
    """Set both practices up, with certificates that end soon; an empty URL is two SQLite files."""
    clock = MovableClock(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    authority, files = Authority(directory, "authority"), Files(directory / "client.pem", directory / "client.key")
    _install(authority.issue("first", "client", ends_in=16 * _DAY), files)
    mesh = ForgetfulMesh(clock)
    for code, mailbox in MAILBOXES.items():
        mesh.add_mailbox(mailbox, ods_code=code)
    lines = Log(directory / "daemons.log")
    with ExitStack() as stack:
        stack.enter_context(lines.stream)
        stack.enter_context(_without_pauses())
        door = stack.enter_context(Door(mesh, authority.issue("server", "localhost"), authority.file))
        apps = _wire(directory, plan, database_url, clock, door, files, authority)
        for app in apps:
            stack.callback(app.close)
        away: list[Week] = []
        daemons = [Daemon(app, lambda: bool(away) and away[0].database_away) for app in apps]
        log.configure("info", "json", "both", lines.stream)
        week = Week(
            plan, clock, mesh, door, *daemons, lines, lambda: _install(authority.issue("second", "client"), files)
        )
        away.append(week)
        yield week


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Let the MESH client repeat its calls at once: the clock stands still within a tick."""
    usual, MeshClient.__init__.__defaults__ = MeshClient.__init__.__defaults__, (None, lambda _seconds: None)
    try:
        yield
    finally:
        MeshClient.__init__.__defaults__ = usual


def _wire(
    directory: Path, plan: Plan, database_url: str, clock: MovableClock, door: Door, files: Files, authority: Authority
) -> tuple[Sender, Receiver]:
    common = {
        "MESH_URL": door.url,
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
        "MESH_CLIENT_CERT_FILE": str(files.certificate),
        "MESH_CLIENT_KEY_FILE": str(files.key),
        "MESH_CA_FILE": str(authority.file),
        "RETENTION": plan.retention,
    }

    def of(name: str, code: str) -> dict[str, str]:
        state = directory / name
        state.mkdir()
        url = database_url or f"sqlite:///{state}/{name}.sqlite3"
        own = {"STATE_DIRECTORY": str(state), "DATABASE_URL": url, "PRACTICE_ODS_CODE": code}
        return common | own | {"MESH_MAILBOX_ID": MAILBOXES[code]}

    federation = directory / "federation.csv"
    federation.write_text(f"ods_code,name,telephone\n{REGISTERED},Birch Surgery,01632 960020\n")
    sender = of("federated-sender", FEDERATED) | {
        "PRACTICE_NAME": "Alder Medical Centre",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
    }
    receiver = of("registered-receiver", REGISTERED) | {"MATCH_REVIEW": "off"}
    return (
        Sender(load(SenderSettings, sender), clock=clock),
        Receiver(load(ReceiverSettings, receiver), clock=clock),
    )


def _install(new: Files, files: Files) -> None:
    shutil.copy(new.certificate, files.certificate)
    shutil.copy(new.key, files.key)
