"""A sender and a receiver that a path of events is driven through, with the net spread around each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event, text

from federated_sender.__main__ import main as sender_command
from federated_sender.app import Sender
from federated_sender.pdf import PdfRenderer
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from shared.config import load
from shared.daemon import run_once
from shared.db import Database
from tests.canary import words
from tests.canary.net import Net
from tests.fakes.clock import MovableClock
from tests.fakes.databases import migrate
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.fakes.pds_server import PdsServer
from tests.fakes.smtp import MailServer
from tests.federated_sender.bench import SenderBench
from tests.federated_sender.pds_bench import wire_practices
from tests.flow.bench import FEDERATION
from tests.registered_receiver.bench import ReceiverBench

WORKFLOW = "GPFED_CONSULT_REPORT"
MANAGER = "manager@alder.example"
_OURS = {"sender": ("A81001", "ALDERMB1"), "receiver": ("B82002", "BIRCHMB1")}


def mesh_of_today() -> InMemoryMesh:
    """Return a MESH that knows the canary patient; the commands, by the machine's clock, come before what it does."""
    mesh = InMemoryMesh(MovableClock(datetime.now(UTC) + timedelta(minutes=2)))
    mesh.add_mailbox("ALDERMB1", ods_code="A81001")
    mesh.add_mailbox("BIRCHMB1", ods_code="B82002")
    mesh.register(words.NUMBER, words.BIRTH_DATE, words.FAMILY, "BIRCHMB1")
    return mesh


@dataclass
class World:
    """What both daemons have: a directory, a MESH, a mail server, and the net."""

    net: Net
    directory: Path
    database_url: str
    renderer: PdfRenderer
    mesh: InMemoryMesh = field(default_factory=mesh_of_today)
    mail: MailServer = field(default_factory=MailServer)

    def environment(self, daemon: str, **changes: str) -> dict[str, str]:
        ods_code, mailbox = _OURS[daemon]
        return {
            "STATE_DIRECTORY": f"{self.directory}/{daemon}",
            "DATABASE_URL": self.database_url,
            "PRACTICE_ODS_CODE": ods_code,
            "MESH_URL": "http://127.0.0.1:9",
            "MESH_MAILBOX_ID": mailbox,
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": SHARED_KEY,
            "ALERT_EMAIL_TO": MANAGER,
            "ALERT_EMAIL_FROM": "alerts@alder.example",
            "SMTP_URL": f"smtp://127.0.0.1:{self.mail.port}",
            "LOG_LEVEL": "debug",
        } | changes

    def sender(self, pds: PdsServer | None = None, **changes: str) -> SenderWorld:
        federation = self.directory / "federation.csv"
        federation.write_text(FEDERATION)
        environment = self.environment("sender", SEND_DELAY="PT0S", **changes) | {
            "PRACTICE_NAME": "Alder Practice",
            "PRACTICE_TELEPHONE": "01632 960010",
            "FEDERATION_FILE": str(federation),
            "OUTBOX_ATTACHMENT_DIR": str(self.directory),
        }
        app = Sender(load(SenderSettings, environment), clock=self.mesh.clock, mesh=self.mesh.client("ALDERMB1"))
        app.renderer = self.renderer
        if pds is not None:
            app.intake = replace(app.intake, practice_required=False)
            app.practices = wire_practices(pds, self.mesh.clock, app.pds_outage.over)
        migrate(app.database)
        bench = SenderBench(self.mesh, app.database, app.intake, (), app.rounds(), self.directory)
        bench.jobs = tuple(self.net.watch(job) for job in app.jobs())
        self.net.listen("federated-sender")
        return SenderWorld(self, environment, app, bench)

    def receiver(self, **changes: str) -> ReceiverWorld:
        environment = self.environment("receiver", **changes)
        app = Receiver(load(ReceiverSettings, environment), clock=self.mesh.clock, mesh=self.mesh.client("BIRCHMB1"))
        migrate(app.database)
        bench = ReceiverBench(self.mesh, app, environment)
        self.net.listen("registered-receiver")
        world = ReceiverWorld(self, environment, app, bench)
        bench.know(words.INDEXED)
        return world

    def run(self, command: click.Group, arguments: tuple[str, ...], environment: dict[str, str], **more: Any) -> Result:
        """Run a command; its errors go into the net, and what it prints unless it ``shows`` a patient by its nature."""
        shows, stdin = more.pop("shows", False), more.pop("stdin", None)
        result = CliRunner().invoke(command, list(arguments), env=environment, input=stdin, **more)
        words_of_it = " ".join(arguments[:2])
        self.net.listen(str(command.name))
        self.net.see(f"stderr of {words_of_it}", result.stderr)
        if not shows:
            # a reason that somebody typed is shown with its record
            self.net.see(f"stdout of {words_of_it}", result.stdout.replace(words.WHY, ""))
        return result

    def mailed(self) -> list[str]:
        """Return every mail as it went out, and as it is read."""
        return [each for mail in self.mail.mails for each in (mail.content.decode("latin-1"), mail.text)]


@dataclass
class _Daemon:
    world: World
    environment: dict[str, str]
    app: Any
    bench: Any

    @property
    def mesh(self) -> InMemoryMesh:
        return self.world.mesh

    @property
    def database(self) -> Database:
        return self.app.database  # type: ignore[no-any-return]

    def pass_time(self, **duration: float) -> None:
        self.bench.pass_time(**duration)

    def execute(self, statement: str, **values: object) -> None:
        with self.database.transaction() as session:
            session.execute(text(statement), values)

    def forbid(self, table: str, column: str) -> None:
        """Let the database refuse every row of ``table``, and name the row's values as far as it ever does."""
        if self.database.engine.dialect.name == "sqlite":
            self.execute(f"CREATE TRIGGER canary BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'constraint'); END")
        else:
            self.execute(f"ALTER TABLE {table} ADD CONSTRAINT canary CHECK ({column} IS NULL) NOT VALID")

    def fill_disk(self) -> None:
        """Let the database (SQLite) grow no more."""
        self.database.close()

        def full(connection: Any, _: object) -> None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")

        event.listen(self.database.engine, "connect", full)


@dataclass
class SenderWorld(_Daemon):
    """The sender."""

    bench: SenderBench

    def once(self) -> bool:
        return self.bench.once()

    def command(self, *arguments: str, **more: Any) -> Result:
        return self.world.run(sender_command, arguments, self.environment, **more)

    def enqueue(self, **changes: Any) -> None:
        self.bench.enqueue(words.consultation(**changes))

    def send(self, **changes: Any) -> dict[str, Any]:
        self.enqueue(**changes)
        self.once()
        return self.bench.status()[0]

    def finish(self, *, shows: bool = False) -> None:
        """Look at everything that a person looks at without looking at a patient."""
        self.once()
        for record in self.bench.status()[:1]:
            self.command("show", record["report_id"], shows=shows)
        for words_of_it in (("status",), ("status", "--json"), ("alerts",), ("alerts", "--json")):
            self.command(*words_of_it, shows=shows)
        self.world.net.beat(self.app, self.bench.rounds.vitals, self.world.directory)


@dataclass
class ReceiverWorld(_Daemon):
    """The receiver."""

    bench: ReceiverBench

    def __post_init__(self) -> None:
        self.rounds = self.app.rounds()

    def once(self) -> bool:
        return run_once([self.world.net.watch(job) for job in self.app.jobs()], self.rounds)

    def command(self, *arguments: str, **more: Any) -> Result:
        return self.world.run(receiver_command, arguments, self.environment, **more)

    def deliver(self, message: Any = None, **more: Any) -> str:
        return self.bench.deliver(words.report() if message is None else message, **more)

    def finish(self) -> None:
        self.once()
        for record in self.bench.messages()[:1]:
            self.command("show", record["mesh_message_id"])
            self.command("show", record["mesh_message_id"], "--json")
        for words_of_it in (("status",), ("status", "--json"), ("alerts",), ("alerts", "--json")):
            self.command(*words_of_it)
        self.world.net.beat(self.app, self.rounds.vitals, self.world.directory)


@contextmanager
def world(directory: Path, database_url: str, renderer: PdfRenderer) -> Iterator[World]:
    """Give a world whose net is spread until the end of the ``with``."""
    net = Net()
    made = World(net, directory, database_url, renderer)
    made.mail.start()
    with pytest.MonkeyPatch.context() as patch:
        try:
            with net.spread(directory, patch):
                yield made
                net.see("a mail", *made.mailed())
        finally:
            made.mail.stop()
