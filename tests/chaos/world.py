"""The world of an experiment: a MESH that misbehaves, two practices with their databases, and their daemons."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, create_engine, event

from tests.chaos import surgery
from tests.chaos.checker import Evidence, read_tables
from tests.chaos.nursery import Nursery, Victim
from tests.chaos.surgery import FEDERATED, REGISTERED, Consultation
from tests.chaos.victim import quick_clock
from tests.fakes import fault_catalogue
from tests.fakes.fault_server import Fault, FaultServer, Received, raw_body, serve
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.fakes.mesh_wire import respond

SENDER, RECEIVER = "federated-sender", "registered-receiver"
MAILBOXES = {SENDER: "ALDERMB1", RECEIVER: "BIRCHMB1"}
SPEED = 60.0

# What the misbehaving MESH does to a request now and then. A stall ends by the server, long before a client's patience.
MISBEHAVIOUR: Mapping[str, Fault] = {
    **fault_catalogue.CUTS,
    **{name: fault for name, fault in fault_catalogue.REFUSALS.items() if name.endswith(("html", "empty"))},
    **fault_catalogue.TAKEN_BUT_REFUSED,
    "forbidden": fault_catalogue.NONSENSE["forbidden"],
    "gzip cut short": fault_catalogue.NONSENSE["gzip cut short"],
    "corrupt gzip": fault_catalogue.NONSENSE["corrupt gzip"],
    "no HTTP": fault_catalogue.NONSENSE["no HTTP"],
}


class UnrulyMesh(InMemoryMesh):
    """A MESH that lists its inbox in another order each time, and some messages twice."""

    def __init__(self, clock: Callable[[], datetime], chance: random.Random) -> None:
        super().__init__(clock, page_size=25)
        self.chance = chance
        self.unruly = True

    def _list(self, mailbox_id: str, query: Mapping[str, str]) -> httpx.Response:
        answer = super()._list(mailbox_id, query)
        if not self.unruly:
            return answer
        page = json.loads(raw_body(answer))
        ids = list(page["messages"])
        ids += self.chance.sample(ids, len(ids) // 4)
        self.chance.shuffle(ids)
        return respond(answer.status_code, {**page, "messages": ids})


class UnrulyServer(FaultServer):
    """Serves that MESH; each request meets a fault with the chance ``share``."""

    share = 0.0
    faults_met = 0

    def _begin(self, received: Received) -> Fault:
        planned = super()._begin(received)
        # the record of what was asked would only grow
        del self.received[:-1000]
        mesh = self.mesh
        if planned is not serve or not isinstance(mesh, UnrulyMesh) or mesh.chance.random() >= self.share:
            return planned
        self.faults_met += 1
        return mesh.chance.choice(list(MISBEHAVIOUR.values()))


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
    clock: Callable[[], datetime] = field(init=False)
    nursery: Nursery = field(init=False)
    server: UnrulyServer = field(init=False)
    engines: dict[str, Engine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._clock = f"{time.time()},{time.time()},{SPEED}"
        self.clock = quick_clock(self._clock)
        self._coming = surgery.consultations(self.seed)

    @contextmanager
    def open(self) -> Iterator[World]:
        """Set everything up, and take it down at the end."""
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
            self.nursery = stack.enter_context(Nursery())
            for daemon in (SENDER, RECEIVER):
                self.run(daemon, "migrate")
                self.engines[daemon] = stack.enter_context(_engine(self.database_url(daemon), daemon))
            self._import_patients()
            yield self

    def database_url(self, daemon: str) -> str:
        return self.postgresql or f"sqlite:///{self.directory}/{daemon}/{daemon}.sqlite3"

    def _import_patients(self) -> None:
        file = self.directory / "patients.csv"
        people = list(islice(surgery.consultations(self.seed), self.people))
        file.write_text(surgery.patient_index(people, self.clock().date()), encoding="utf-8")
        self.run(RECEIVER, "patients", "import", str(file))

    def environ(self, daemon: str) -> dict[str, str]:
        """Return the settings of a daemon, and what its process is told by the experiment."""
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "CHAOS_CLOCK": self._clock,
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
            return settings | {"PRACTICE_ODS_CODE": REGISTERED, "MATCH_REVIEW": "off"}
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

    def run(self, daemon: str, *arguments: str, seconds: float = 120) -> int:
        """Run a command to its end and return its exit status."""
        victim = self.start(daemon, *arguments)
        status = self.nursery.wait(victim, seconds)
        if status is None:
            self.nursery.signal(victim)
            self.nursery.wait(victim, 10)
            return -9
        return status

    def start(self, daemon: str, *arguments: str, kill: str = "", seen: Path | None = None, **more: str) -> Victim:
        """Start a process of a daemon; ``kill`` is where it is to end itself."""
        environ = self.environ(daemon) | {"CHAOS_KILL": kill, "CHAOS_SEEN": str(seen or "")} | more
        log = self.directory / f"{daemon}.log"
        return self.nursery.start(daemon, list(arguments), environ, log)

    def handicap(self) -> dict[str, str]:
        """Return what makes the life of one process hard: now and then a clock that is off, or a disk that is full."""
        kind = self.chance.choice(("none", "clock", "disk"))
        if kind == "clock":
            epoch, began, speed = self._clock.split(",")
            return {"CHAOS_CLOCK": f"{float(epoch) + self.chance.choice((-600, 600))},{began},{speed}"}
        if kind == "disk" and not self.postgresql:
            # a little more than there is now: the next writes succeed, then no more
            sizes = [path.stat().st_size for path in self.directory.glob("*/*.sqlite3")]
            return {"CHAOS_DISK": str(max(sizes) + 20_000)}
        return {}

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

    def patient_data_in_logs(self) -> list[str]:
        """Return the patients whose data stand in a log line."""
        logs = "".join(path.read_text(encoding="utf-8") for path in self.directory.glob("*.log"))
        words = {each.nhs_number for each in self.written.values()} | {each.family for each in self.written.values()}
        return sorted(word for word in words if re.search(rf"\b{re.escape(word)}\b", logs))


_RECORDED = ("message_id", "message_type", "workflow_id", "sender", "recipient", "local_id", "status", "code", "body")


@contextmanager
def _engine(url: str, daemon: str) -> Iterator[Engine]:
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "postgresql":
        schema = daemon.replace("-", "_")

        @event.listens_for(engine, "connect")
        def _into(connection: Any, _record: Any) -> None:
            connection.execute(f"SET search_path TO {schema}")
            connection.commit()

    yield engine
    engine.dispose()
