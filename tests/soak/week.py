"""Two practices over a simulated week: each daemon is a process of its own, on a clock that is moved by ticks."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from tests.chaos import surgery
from tests.chaos.surgery import FEDERATED, REGISTERED, Consultation
from tests.chaos.world import MAILBOXES, RECEIVER, SENDER, engine
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import SHARED_KEY
from tests.sandbox.authority import Authority, Files
from tests.soak.door import Door, ForgetfulMesh
from tests.soak.measure import Log, vacuum
from tests.soak.processes import DaemonProcess

PRACTICES: Final = {SENDER: FEDERATED, RECEIVER: REGISTERED}
_OPEN_FROM, _OPEN_TO = 8, 22
ENDS_IN: Final = timedelta(days=16)


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


@dataclass
class Week:
    """The practices, MESH between them, what was written so far, and the log."""

    plan: Plan
    clock: MovableClock
    mesh: ForgetfulMesh
    door: Door
    sender: DaemonProcess
    receiver: DaemonProcess
    engines: Mapping[str, Engine]
    log: Log
    renew: Callable[[], None]
    written: dict[str, Consultation] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)
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
        database_away = any(begin <= passed < end for begin, end in self.plan.database_outages)
        if not self._renewed and self.passed >= self.plan.new_certificate_after:
            self.renew()
            self._renewed = True
        if consulting and _OPEN_FROM <= self.clock().hour < _OPEN_TO:
            self._owed += self.plan.consultations_a_day * (self.plan.tick / timedelta(hours=_OPEN_TO - _OPEN_FROM))
        if not database_away:
            self._write()
        for daemon in (self.sender, self.receiver):
            daemon.tick(self.clock(), database_away=database_away)
        if self.clock().hour >= _OPEN_TO and self._ended != self.clock().date():
            self._ended = self.clock().date()
            self.end_the_day()

    def _write(self) -> None:
        outbox = self.engines[SENDER]
        while self._owed >= 1:
            self._owed -= 1
            consultation = next(self._coming)
            self._register(consultation)
            surgery.write(outbox, consultation, self.clock(), 1)
            self.written[consultation.consultation_id], self.editions[consultation.consultation_id] = consultation, 1
            self._add_to_an_earlier_one()

    def _register(self, consultation: Consultation) -> None:
        """Let MESH and the registered practice know the patient, as far as this one is known."""
        who = consultation
        if who.kind.name != "untraced":
            self.mesh.register(who.nhs_number, who.birth_date, who.family, MAILBOXES[RECEIVER])
        row = surgery.patient_index([who], self.clock().date()).splitlines()[1:]
        if row:
            surgery.register(self.engines[RECEIVER], row[0])

    def _add_to_an_earlier_one(self) -> None:
        newest = list(self.written.values())[-40:]
        chosen = self._chance.choice(newest)
        if chosen.kind.name == "updated" and self.editions[chosen.consultation_id] < 3:
            self.editions[chosen.consultation_id] += 1
            edition = self.editions[chosen.consultation_id]
            surgery.write(self.engines[SENDER], chosen, self.clock(), edition)

    def end_the_day(self) -> None:
        """Let people finish their work, the log be rotated, the databases be tidied, and MESH forget."""
        for daemon in (self.sender, self.receiver):
            daemon.end_the_day()
        self.log.rotate()
        for database in self.engines.values():
            vacuum(database)
        self.mesh.forget()


@contextmanager
def play(directory: Path, plan: Plan, database_url: str = "") -> Iterator[Week]:
    """Set both practices up, with certificates that end soon; an empty URL is two SQLite files."""
    clock = MovableClock(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    authority, files = Authority(directory, "authority"), Files(directory / "client.pem", directory / "client.key")
    _install(authority.issue("first", "client", ends_in=ENDS_IN), files)
    mesh = ForgetfulMesh(clock)
    for daemon, code in PRACTICES.items():
        mesh.add_mailbox(MAILBOXES[daemon], ods_code=code)
    lines = Log(directory / "daemons.log")
    with ExitStack() as stack:
        stack.enter_context(lines.stream)
        door = stack.enter_context(Door(mesh, authority.issue("server", "localhost"), authority.file))
        settings = _settings(directory, plan, database_url, door, files, authority)
        daemons = [
            stack.enter_context(DaemonProcess(name, own, clock(), lines.stream)) for name, own in settings.items()
        ]
        # the first answer says that the database is there
        for daemon in daemons:
            daemon.vitals()
        engines = {name: stack.enter_context(engine(own["DATABASE_URL"], name)) for name, own in settings.items()}
        yield Week(
            plan,
            clock,
            mesh,
            door,
            *daemons,
            engines,
            lines,
            lambda: _install(authority.issue("second", "client"), files),
        )


def _settings(
    directory: Path, plan: Plan, database_url: str, door: Door, files: Files, authority: Authority
) -> dict[str, dict[str, str]]:
    """Return the settings of each daemon."""
    common = {
        "MESH_URL": door.url,
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
        "MESH_CLIENT_CERT_FILE": str(files.certificate),
        "MESH_CLIENT_KEY_FILE": str(files.key),
        "MESH_CA_FILE": str(authority.file),
        "RETENTION": plan.retention,
    }

    def of(daemon: str) -> dict[str, str]:
        state = directory / daemon
        url = database_url or f"sqlite:///{state}/{daemon}.sqlite3"
        own = {"STATE_DIRECTORY": str(state), "DATABASE_URL": url, "PRACTICE_ODS_CODE": PRACTICES[daemon]}
        return common | own | {"MESH_MAILBOX_ID": MAILBOXES[daemon]}

    federation = directory / "federation.csv"
    federation.write_text(f"ods_code,name,telephone\n{REGISTERED},Birch Surgery,01632 960020\n")
    sender = of(SENDER) | {
        "PRACTICE_NAME": "Alder Medical Centre",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
    }
    return {SENDER: sender, RECEIVER: of(RECEIVER) | {"MATCH_REVIEW": "off"}}


def _install(new: Files, files: Files) -> None:
    shutil.copy(new.certificate, files.certificate)
    shutil.copy(new.key, files.key)
