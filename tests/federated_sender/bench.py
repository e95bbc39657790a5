"""A whole sender over an in-memory MESH: real database, real PDF, moved clock; and a consultation to send."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import federated_sender
from federated_sender import ledger, records, report_list
from federated_sender.attachments import under
from federated_sender.chase import Chase
from federated_sender.collect import Collect, Follow
from federated_sender.enqueue import enqueue
from federated_sender.intake import Intake
from federated_sender.message import Composer
from federated_sender.pdf import PdfRenderer
from federated_sender.pds import OutboxPractices, RegisteredPractices
from federated_sender.report import Practice
from federated_sender.send import Send
from federated_sender.track import Track
from federated_sender.workload import Clocks
from shared.alerts import refusal_teller
from shared.daemon import Job, Rounds, run_once
from shared.db import Database
from shared.itk3.build import build_response
from shared.itk3.codes import find
from shared.itk3.identity import response_id
from shared.itk3.model import Organization, ResponseMessage
from shared.outage import Outage
from shared.presentation import alert_json, timeline_json
from tests.fakes.databases import migrate
from tests.fakes.mesh import InMemoryMesh, Message

WORKFLOW = "GPFED_CONSULT_REPORT"
ALDER = Organization("A81001", "Alder Practice", "01632 960010")
BIRCH = Organization("B82002", "Birch Surgery", "01632 960020")
CONSULTATION = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e01"


def consultation(**changes: Any) -> dict[str, Any]:
    """Return the contract's JSON of a plain consultation; ``patient__family="x"`` reaches into an object."""
    content: dict[str, Any] = {
        "consultation_id": CONSULTATION,
        "started_at": "2026-11-20T17:05:00+00:00",
        "updated_at": "2026-11-20T17:25:00+00:00",
        "confidential": False,
        "patient": {
            "nhs_number": "9690937278",
            "nhs_number_verified": True,
            "title": "Mr",
            "family": "Smith",
            "given": ["Richard", "John"],
            "birth_date": "1957-01-09",
            "gender": "male",
            "registration_type": "temporary",
            "registered_practice_ods_code": "B82002",
            "telephones": ["01632 960001"],
            "address": {"lines": ["1 High Street", "Carlisle"], "postcode": "CA1 1AA"},
        },
        "practitioner": {
            "sds_user_id": "033345750518",
            "title": "Dr",
            "family": "Pritchard",
            "given": ["Gary"],
            "role": "General practitioner",
        },
        "notes": [{"heading": "History", "items": [{"text": "Sore throat for 3 days"}]}],
        "attachments": [],
    }
    for name, value in changes.items():
        group, _, key = name.rpartition("__")
        (content[group] if group else content)[key] = value
    return content


@dataclass
class SenderBench:
    """A sender with everything that a test drives and looks at."""

    mesh: InMemoryMesh
    database: Database
    intake: Intake
    jobs: tuple[Job, ...]
    rounds: Rounds
    directory: Path
    _files: int = field(default=0)

    def now(self) -> datetime:
        return self.mesh.clock()

    def enqueue(self, *contents: dict[str, Any]) -> list[Any]:
        self._files += 1
        file = self.directory / f"consultation-{self._files}.json"
        file.write_text(json.dumps(list(contents)), encoding="utf-8")
        return enqueue([file], self.intake, by="tester")

    def once(self) -> bool:
        return run_once(self.jobs, self.rounds)

    def step(self, name: str) -> int | None:
        return self.rounds.step(next(job for job in self.jobs if job.name == name))

    def pass_time(self, **duration: float) -> None:
        self.mesh.clock.move(timedelta(**duration))

    def status(self, state: str | None = None) -> list[dict[str, Any]]:
        with self.database.snapshot() as session:
            return report_list.listing(session, self.now(), state=state, since=None, limit=0)

    def only(self) -> dict[str, Any]:
        (record,) = self.status()
        return record

    def alerts(self, *, open_only: bool = True) -> list[dict[str, Any]]:
        with self.database.snapshot() as session:
            found = [alert_json(alert) for alert in ledger.ALERTS.listing(session)]
        return [alert for alert in found if not (open_only and alert["closed_at"])]

    def timeline(self, identifier: str) -> list[str]:
        with self.database.snapshot() as session:
            _, lines = records.story(session, identifier, self.now())
            return [timeline_json(line)["event"] for line in lines]

    def shown(self, identifier: str) -> dict[str, Any]:
        with self.database.snapshot() as session:
            record, _ = records.story(session, identifier, self.now())
        return record

    def respond(self, code: str, message_id: str | None = None, **changes: Any) -> str:
        """Put a response to the newest (or the named) report into the sender's mailbox."""
        record = self.status()[0]
        mailbox = changes.pop("mailbox", "BIRCHMB1")
        values: dict[str, Any] = {
            "response_id": response_id(f"{record['report_id']}{code}{len(self.mesh.messages)}", "test"),
            "code": code,
            "issue_type": find(code).issue_type,
            "diagnostics": "for the test",
            "request_message_id": message_id or record["message_id"],
            "sender_reference": record["consultation_id"],
            "responder_ods_code": "B82002",
            "responder_mailbox": mailbox,
            "generated_at": self.now(),
        }
        body = build_response(ResponseMessage(**(values | changes)))
        return self.mesh.put("ALDERMB1", body, sender=mailbox, workflow_id=f"{WORKFLOW}_ACK")

    def posts(self) -> list[Message]:
        return [post for post in self.mesh.posts if post.sender == "ALDERMB1" and not post.workflow_id.endswith("_ACK")]


def wire_sender(
    database_url: str,
    mesh: InMemoryMesh,
    renderer: PdfRenderer,
    directory: Path,
    *,
    delay: timedelta = timedelta(hours=3),
    max_size: int = 20_000_000,
    practices: Callable[[Callable[[], None]], RegisteredPractices] | None = None,
) -> SenderBench:
    """Wire a sender of Alder Practice, as ``__main__`` does, over ``mesh`` and its clock.

    ``practices`` makes what asks PDS, and is given what must be called at each good answer.
    """
    migrations = Path(federated_sender.__file__).parent / "migrations"
    database = Database(database_url, schema="federated_sender", migrations=migrations)
    migrate(database)
    clock, client = mesh.clock, mesh.client("ALDERMB1")
    intake = Intake(database, clock, ALDER.ods_code, delay, under(directory), practice_required=practices is None)
    pds = Outage("PDS", clock, refusal_teller(database, ledger.ALERTS, clock, "PDS", "PDS"))
    send = Send(
        database,
        client,
        clock,
        practices(pds.over) if practices else OutboxPractices(),
        {"A81001": ALDER, "B82002": BIRCH},
        Practice("Alder Practice", "Carlisle", "01632 960010", "alder@example.nhs.uk"),
        Composer(ALDER, "ALDERMB1", "YYYYMMDD", max_size),
        renderer,
        Clocks(timedelta(hours=24), timedelta(days=7)),
        WORKFLOW,
    )
    every = timedelta(minutes=5)
    jobs = (
        Job("collect", Collect(database, client, clock, (WORKFLOW,), lambda: False).step, every, drains=False),
        Job("follow", Follow(database, clock, send.clocks).step, every),
        Job("intake", intake.step, every),
        Job("send", send.step, every),
        Job("track", Track(database, client, clock, timedelta(hours=1)).step, every, drains=False),
        Job("chase", Chase(database, clock).step, every),
    )
    rounds = Rounds(Outage("MESH", clock), Outage("database", clock), pds)
    return SenderBench(mesh, database, intake, jobs, rounds, directory)
