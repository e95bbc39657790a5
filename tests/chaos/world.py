"""The world of an experiment: a MESH that misbehaves, two practices with their databases, and their daemons."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from tests.chaos import surgery
from tests.chaos.evidence import Evidence, read_tables
from tests.chaos.files import Exported, read_folder
from tests.chaos.logs import patients_named
from tests.chaos.misbehaviour import UnrulyMesh, UnrulyServer
from tests.chaos.nursery import Nursery, Victim
from tests.chaos.surgery import FEDERATED, REGISTERED, Consultation
from tests.chaos.victim import quick_clock
from tests.fakes.mesh import SHARED_KEY

SENDER, RECEIVER = "federated-sender", "registered-receiver"
MAILBOXES = {SENDER: "ALDERMB1", RECEIVER: "BIRCHMB1"}
SPEED = 60.0


@dataclass
class World:
    """Everything of one experiment, in ``directory``; ``url`` is a SQLAlchemy URL, or empty for two SQLite files."""

    directory: Path
    seed: int
    postgresql: str = ""
    people: int = 400
    broken: str = ""
    restart_database: Callable[[], None] | None = None
    written: dict[str, Consultation] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)
    chance: random.Random = field(init=False)
    nursery: Nursery = field(init=False)
    server: UnrulyServer = field(init=False)
    engines: dict[str, Engine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._epoch = self._began = time.time()
        self._coming = surgery.consultations(self.seed)

    def clock(self) -> datetime:
        """Return what time it is in this world."""
        return quick_clock(self._clock())()

    def _clock(self, off: float = 0.0) -> str:
        return f"{self._epoch + off},{self._began},{SPEED}"

    def pass_time(self, by: timedelta) -> None:
        """Let time pass at once; no process may be running."""
        self._epoch += by.total_seconds()

    @contextmanager
    def open(self, nursery: Nursery | None = None, like: Path | None = None) -> Iterator[World]:
        """Set everything up, and take it down at the end.

        ``nursery`` is one that is running already, ``like`` a directory whose two SQLite files are to be copied.
        """
        with ExitStack() as stack:
            mesh = UnrulyMesh(self.clock, random.Random(self.seed + 1))
            for daemon, code in ((SENDER, FEDERATED), (RECEIVER, REGISTERED)):
                mesh.add_mailbox(MAILBOXES[daemon], ods_code=code)
            self.server = stack.enter_context(UnrulyServer(mesh))
            for each in islice(surgery.consultations(self.seed), self.people):
                if each.kind.name != "untraced":
                    mesh.register(each.nhs_number, each.birth_date, each.family, MAILBOXES[RECEIVER])
            practices = f"ods_code,name,telephone\n{REGISTERED},Birch Surgery,01632 960020\n"
            (self.directory / "federation.csv").write_text(practices)
            self.drop_directory.mkdir()
            self.nursery = nursery or stack.enter_context(Nursery())
            for daemon in (SENDER, RECEIVER):
                if like is not None:
                    shutil.copytree(like / daemon, self.directory / daemon)
                else:
                    self.prepare(daemon, "migrate")
                self.engines[daemon] = stack.enter_context(engine(self.database_url(daemon), daemon))
            if like is None:
                self._import_patients()
            yield self

    @property
    def drop_directory(self) -> Path:
        """Where the receiver lays each task as a folder."""
        return self.directory / "drop"

    def database_url(self, daemon: str) -> str:
        return self.postgresql or f"sqlite:///{self.directory}/{daemon}/{daemon}.sqlite3"

    def _import_patients(self) -> None:
        file = self.directory / "patients.csv"
        people = list(islice(surgery.consultations(self.seed), self.people))
        file.write_text(surgery.patient_index(people, self.clock().date()), encoding="utf-8")
        self.prepare(RECEIVER, "patients", "import", str(file))

    def environ(self, daemon: str) -> dict[str, str]:
        """Return the settings of a daemon, and what its process is told by the experiment."""
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "CHAOS_CLOCK": self._clock(),
            "CHAOS_SEEN": str(self._marks(daemon, "seen")),
            "CHAOS_KILLED": str(self._marks(daemon, "killed")),
            "CHAOS_BROKEN": self.broken,
            "DATABASE_URL": self.database_url(daemon),
            "STATE_DIRECTORY": str(self.directory / daemon),
            "MESH_URL": self.server.url,
            "MESH_MAILBOX_ID": MAILBOXES[daemon],
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": SHARED_KEY,
            "MESH_POLL_INTERVAL": "PT1S",
            "HEARTBEAT_INTERVAL": "PT1H",
            "LOG_LEVEL": "info",
        }
        if daemon == RECEIVER:
            own = {"MATCH_REVIEW": "off", "TASK_DROP_DIR": str(self.drop_directory)}
            return settings | {"PRACTICE_ODS_CODE": REGISTERED} | own
        return settings | {
            "PRACTICE_ODS_CODE": FEDERATED,
            "PRACTICE_NAME": "Alder Medical Centre",
            "PRACTICE_TELEPHONE": "01632 960010",
            "FEDERATION_FILE": str(self.directory / "federation.csv"),
            "OUTBOX_POLL_INTERVAL": "PT1S",
            "SEND_DELAY": "PT0S",
            "INFRASTRUCTURE_RESPONSE_WITHIN": "P90D",
            "BUSINESS_RESPONSE_WITHIN": "P90D",
        }

    def prepare(self, daemon: str, *arguments: str) -> None:
        """Run a command that must work."""
        status = self.run(daemon, *arguments)
        assert status == 0, f"{daemon} {arguments[0]} ended with {status}; its log is in {self.directory}"

    def run(self, daemon: str, *arguments: str, seconds: float = 120) -> int:
        """Run a command to its end and return its exit status."""
        victim = self.start(daemon, *arguments)
        status = self.nursery.wait(victim, seconds)
        if status is None:
            self.nursery.signal(victim)
            self.nursery.wait(victim, 10)
            return -9
        return status

    def start(self, daemon: str, *arguments: str, **more: str) -> Victim:
        """Start a process of a daemon; ``more`` is what it is told besides (``victim``)."""
        log = self.directory / f"{daemon}.log"
        return self.nursery.start(daemon, list(arguments), self.environ(daemon) | more, log)

    def _marks(self, daemon: str, what: str) -> Path:
        return self.directory / f"{daemon}.{what}"

    def boundaries(self, daemon: str) -> Counter[str]:
        """Return every boundary that processes of a daemon reached, with how often one was killed there."""
        names = {what: self._marks(daemon, what) for what in ("seen", "killed")}
        lines = {what: file.read_text().splitlines() if file.exists() else [] for what, file in names.items()}
        found = Counter(dict.fromkeys(lines["seen"], 0))
        found.update(lines["killed"])
        return found

    def handicap(self) -> tuple[str, dict[str, str]]:
        """Return what makes the life of one process hard, by name and as it is told."""
        kinds = ("none", "clock", "worker") if self.postgresql else ("none", "clock", "worker", "bytes", "pages")
        kind = self.chance.choice(kinds)
        told: dict[str, str] = {}
        if kind == "clock":
            told["CHAOS_CLOCK"] = self._clock(self.chance.choice((-600, 600)))
        elif kind == "worker":
            told["CHAOS_WORKER"] = "1"
        elif kind == "bytes":
            # a little more than there is now: the next writes succeed, then no more
            told["CHAOS_BYTES"] = str(max(path.stat().st_size for path in self.directory.glob("*/*.sqlite3")) + 20_000)
        elif kind == "pages":
            told["CHAOS_PAGES"] = str(self.chance.randrange(5, 40))
        return kind, told

    def write(self, number: int) -> None:
        """Let the clinical system write some consultations, and add to some that it wrote before."""
        engine = self.engines[SENDER]
        for consultation in islice(self._coming, number):
            if len(self.written) >= self.people:
                return
            surgery.write(engine, consultation, self.clock(), 1)
            self.written[consultation.consultation_id] = consultation
            self.editions[consultation.consultation_id] = 1
            self._add_to_an_older_one()

    def _add_to_an_older_one(self) -> None:
        updatable = [
            key for key, each in self.written.items() if each.kind.name == "updated" and self.editions[key] < 3
        ]
        if updatable and self.chance.random() < 0.5:
            key = self.chance.choice(updatable)
            self.editions[key] += 1
            surgery.write(self.engines[SENDER], self.written[key], self.clock(), self.editions[key])

    def evidence(self) -> Evidence:
        """Read MESH's record and both databases."""
        mesh = [{name: getattr(each, name) for name in _RECORDED} for each in list(self.server.mesh.messages.values())]
        return Evidence(
            mesh,
            read_tables(self.engines[SENDER], "federated_sender"),
            read_tables(self.engines[RECEIVER], "registered_receiver"),
            dict(self.written),
            dict(self.editions),
        )

    def exported(self, evidence: Evidence, number: int) -> Exported:
        """Let the command lines export some reports and tasks; return that, and all that was laid down for others."""
        sent = [row["report_id"] for row in evidence.sender["report"] if row["version"] is not None]
        filed = [row["task_id"] for row in evidence.receiver["task"]]
        chosen = {
            (SENDER, "export"): self.chance.sample(sent, min(number, len(sent))),
            (RECEIVER, "tasks", "export"): self.chance.sample(filed, min(number, len(filed))),
        }
        for (daemon, *words), keys in chosen.items():
            for key in keys:
                self.run(daemon, *words, key, "--to", str(self.directory / "exported" / key))
        reports, tasks = (
            {key: read_folder(self.directory / "exported" / key) for key in keys} for keys in chosen.values()
        )
        return Exported(reports, tasks, {path.name: read_folder(path) for path in self.drop_directory.iterdir()})

    def patient_data_in_logs(self) -> list[str]:
        """Return the words of patients that stand in a log line."""
        logs = "\n".join(path.read_text(encoding="utf-8") for path in self.directory.glob("*.log"))
        return patients_named(logs, self.written.values())


_RECORDED = ("message_id", "message_type", "workflow_id", "sender", "recipient", "local_id", "status", "code", "body")


@contextmanager
def engine(url: str, daemon: str) -> Iterator[Engine]:
    """Give access to a daemon's tables for as long as the ``with`` lasts."""
    opened = create_engine(url, pool_pre_ping=True)
    if opened.dialect.name == "postgresql":
        schema = daemon.replace("-", "_")

        @event.listens_for(opened, "connect")
        def _into(connection: Any, _record: Any) -> None:
            connection.execute(f"SET search_path TO {schema}")
            connection.commit()

    yield opened
    opened.dispose()
