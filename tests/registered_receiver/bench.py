"""A whole receiver over an in-memory MESH: real database, real wiring, moved clock; and reports to send it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from click.testing import CliRunner, Result

from registered_receiver import message_list, patients, records, reviews, worklist
from registered_receiver.__main__ import main
from registered_receiver.app import Receiver
from registered_receiver.matching import IndexedPatient
from registered_receiver.practice import local_date
from registered_receiver.settings import ReceiverSettings
from shared import log
from shared.config import load
from shared.daemon import run_once
from shared.db import Database
from shared.itk3.build import build_report
from shared.itk3.identity import report_id
from shared.itk3.model import Document, Organization, Patient, PersonName, Practitioner, ReportMessage
from shared.itk3.parse import parse
from shared.itk3.responses import read_response
from shared.itk3.rules import read_report
from shared.presentation import alert_json, timeline_json
from tests.fakes.databases import migrate
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh, Message

WORKFLOW = "GPFED_CONSULT_REPORT"
US = "BIRCHMB1"
THEM = "ALDERMB1"
ALDER = Organization("A81001", "Alder Practice", "01632 960010")
BIRCH = Organization("B82002", "Birch Surgery", "01632 960020")
CONSULTATION = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e01"
AUTHORED = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
PDF = b"%PDF-1.7\nsynthetic report"
JPEG = b"\xff\xd8\xff\xe0synthetic photograph"
SMITH = Patient(
    nhs_number="9690937278",
    nhs_number_verified=True,
    name=PersonName("Smith", ("Richard", "John"), "Mr"),
    birth_date=date(1957, 1, 9),
    gender="male",
)
INDEXED_SMITH = IndexedPatient("9690937278", "Smith", "Richard John", date(1957, 1, 9), "registered")
REPORT = Document("Federated Consultation Report", "application/pdf", PDF, AUTHORED)
PHOTOGRAPH = Document("Rash on the left arm", "image/jpeg", JPEG, AUTHORED)


def report(
    version: int = 1,
    *,
    patient: Patient = SMITH,
    documents: tuple[Document, ...] = (REPORT, PHOTOGRAPH),
    **changes: Any,
) -> ReportMessage:
    """Return a report of Alder Practice for Birch Surgery; each version is written ten minutes after the last."""
    content = f"{version}{patient.nhs_number}{patient.name.family}{sorted(changes.items())}"
    message = ReportMessage(
        report_id=report_id(ALDER.ods_code, CONSULTATION, version, content.encode().hex()),
        consultation_id=CONSULTATION,
        version=version,
        confidential=False,
        generated_at=AUTHORED + timedelta(minutes=10 * version),
        sender_mailbox=THEM,
        sender=ALDER,
        recipient=BIRCH,
        patient=patient,
        practitioner=Practitioner("033345750518", PersonName("Pritchard", ("Gary",), "Dr")),
        documents=documents,
    )
    return replace(message, **changes)


def person(**changes: Any) -> Patient:
    """Return the patient of the reports with another number, birth date or ``family`` name."""
    family = changes.pop("family", None)
    if family is not None:
        changes["name"] = replace(SMITH.name, family=family)
    return replace(SMITH, **changes)


@dataclass
class ReceiverBench:
    """A receiver with everything that a test drives and looks at."""

    mesh: InMemoryMesh
    receiver: Receiver
    environment: dict[str, str]
    logged: io.StringIO = field(default_factory=io.StringIO)

    @property
    def database(self) -> Database:
        return self.receiver.database

    def now(self) -> datetime:
        return self.mesh.clock()

    def pass_time(self, **duration: float) -> None:
        self.mesh.clock.move(timedelta(**duration))

    def know(self, *known: IndexedPatient) -> None:
        """Put patients into the index."""
        with self.database.transaction() as session:
            patients.store(session, known, local_date(self.now()), replace=False)

    def deliver(self, message: ReportMessage | bytes, **more: Any) -> str:
        """Lay a report into our mailbox; returns its MESH message id."""
        body = message if isinstance(message, bytes) else build_report(message)
        if "subject" not in more:
            more["subject"] = subject_of(body)
        return self.mesh.put(US, body, **({"sender": THEM} | more))

    def once(self) -> bool:
        return run_once(self.receiver.jobs(), self.receiver.rounds())

    def step(self, name: str) -> int:
        """Do one step of a job; what goes wrong in it is raised."""
        return next(job for job in self.receiver.jobs() if job.name == name).step()

    def messages(self, state: str | None = None) -> list[dict[str, Any]]:
        with self.database.snapshot() as session:
            return message_list.listing(session, state=state, since=None, limit=0)

    def only(self) -> dict[str, Any]:
        (record,) = self.messages()
        return record

    def tasks(self) -> list[dict[str, Any]]:
        with self.database.snapshot() as session:
            return [records.task_json(task) for task in worklist.listing(session)]

    def reviews(self) -> list[dict[str, Any]]:
        with self.database.snapshot() as session:
            return [records.review_json(review) for review in reviews.listing(session)]

    def alerts(self, *, open_only: bool = True) -> list[dict[str, Any]]:
        with self.database.snapshot() as session:
            found = [alert_json(alert) for alert in self.receiver.alerts.listing(session)]
        return [alert for alert in found if not (open_only and alert["closed_at"])]

    def timeline(self, identifier: str) -> list[str]:
        with self.database.snapshot() as session:
            _, lines = records.story(session, identifier)
            return [timeline_json(line)["event"] for line in lines]

    def answers(self) -> list[str]:
        """Return the codes of the responses that MESH took from us, in order."""
        return [str(read_response(post.body).code) for post in self.posts()]

    def posts(self) -> list[Message]:
        return [post for post in self.mesh.posts if post.sender == US]

    def command(self, *arguments: str, stdin: str | IO[bytes] | None = None) -> Result:
        """Run a command of the command line on the same database."""
        result = CliRunner().invoke(main, list(arguments), env=self.environment, input=stdin)
        self._log_here()
        return result

    def json(self, *arguments: str) -> Any:
        result = self.command(*arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]

    def _log_here(self) -> None:
        log.configure("debug", "json", "registered-receiver", self.logged)


def subject_of(body: bytes) -> str:
    """Return the MESH subject that goes with a report: its Task.description, or the line of a document."""
    envelope = parse(body, len(body))
    assert envelope.payload is not None
    tasks = envelope.payload.of_type("Task")
    return (tasks[0].text("description") or "") if tasks else read_report(envelope).description


def wire_receiver(database_url: str, mesh: InMemoryMesh, directory: Path, **changes: str) -> ReceiverBench:
    """Wire a receiver of Birch Surgery as the command line does, over ``mesh`` and its clock."""
    environment = {
        "STATE_DIRECTORY": str(directory),
        "DATABASE_URL": database_url,
        "PRACTICE_ODS_CODE": BIRCH.ods_code,
        "MESH_URL": "https://mesh.example",
        "MESH_MAILBOX_ID": US,
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
    } | changes
    receiver = Receiver(load(ReceiverSettings, environment), clock=mesh.clock, mesh=mesh.client(US))
    migrate(receiver.database)
    bench = ReceiverBench(mesh, receiver, environment)
    bench._log_here()
    return bench
