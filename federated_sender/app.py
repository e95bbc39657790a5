"""The wired daemon: settings → log → database → MESH → jobs.

What only the jobs need is imported with them: the other commands must not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from federated_sender import NAME, report_list
from federated_sender.settings import SenderSettings, read_federation
from federated_sender.states import State
from shared import log
from shared.clock import Clock, system_clock
from shared.config import make_state_directory
from shared.db import Database
from shared.vitals import Latencies

if TYPE_CHECKING:
    from federated_sender.intake import Intake
    from federated_sender.pdf import PdfRenderer
    from federated_sender.pds import RegisteredPractices
    from federated_sender.send import Send
    from federated_sender.tables import Alert, Audit, Timeline
    from federated_sender.workload import Clocks
    from shared.alert_mail import Naming
    from shared.alerts import AlertBook
    from shared.audit import AuditBook
    from shared.checks import Check
    from shared.daemon import Job, Rounds
    from shared.heartbeat import Backlog
    from shared.mesh.mailbox import MeshMailbox
    from shared.outage import Outage
    from shared.web.tables import Accounts

_CHASE_EVERY = timedelta(minutes=1)
_FOLLOW_EVERY = timedelta(seconds=30)
_PRUNE_EVERY = timedelta(days=1)
_TRACK_EVERY = timedelta(minutes=5)


class Sender:
    """What the commands and the daemon work with; see :class:`shared.cli.App`."""

    def __init__(
        self, settings: SenderSettings, *, clock: Clock = system_clock, mesh: MeshMailbox | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.began_at = clock()
        self.states = tuple(State)
        self.stopping = threading.Event()
        self.latencies = Latencies()
        log.configure(settings.log_level, settings.log_format, NAME)
        make_state_directory(settings.state_directory)
        self.federation = read_federation(settings.federation_file)
        self.database = Database(
            settings.database_url.get_secret_value(),
            schema="federated_sender",
            migrations=Path(__file__).parent / "migrations",
        )
        self._given_mesh = mesh

    @cached_property
    def alerts(self) -> AlertBook[Alert]:
        """What a person must look at."""
        from federated_sender import ledger

        return ledger.ALERTS

    @cached_property
    def audit(self) -> AuditBook[Audit]:
        """Who took patient data out."""
        from federated_sender import ledger

        return ledger.AUDIT

    @cached_property
    def accounts(self) -> Accounts:
        """Who may use the web pages."""
        from federated_sender import ledger

        return ledger.ACCOUNTS

    @cached_property
    def outage(self) -> Outage:
        """Whether MESH is away, or refuses us."""
        return self._outage("MESH", self.settings.mesh_mailbox_id)

    @cached_property
    def pds_outage(self) -> Outage:
        """Whether PDS is away, or refuses us."""
        return self._outage("PDS", "PDS")

    def _outage(self, of: str, subject_id: str) -> Outage:
        from shared.alerts import refusal_teller
        from shared.outage import Outage

        return Outage(of, self.clock, refusal_teller(self.database, self.alerts, self.clock, subject_id, of))

    @cached_property
    def intake(self) -> Intake:
        """What takes rows of the outbox into account."""
        from federated_sender.attachments import under
        from federated_sender.intake import Intake

        settings = self.settings
        return Intake(
            self.database,
            self.clock,
            settings.practice_ods_code,
            settings.send_delay,
            under(settings.outbox_attachment_dir),
            practice_required=settings.pds_mode == "outbox",
        )

    @cached_property
    def mesh(self) -> MeshMailbox:
        """The MESH client, opened when it is first needed: the reports must be seen without certificates, too."""
        from shared.connect import open_mesh

        return self._given_mesh or open_mesh(
            self.settings, self.clock, self.outage, self.database, self.alerts, self.latencies.took
        )

    @cached_property
    def practices(self) -> RegisteredPractices:
        """What says where a patient is registered: the rows, or PDS."""
        from federated_sender.pds import open_practices

        return open_practices(self.settings, self.clock, self.pds_outage.over)

    @cached_property
    def renderer(self) -> PdfRenderer:
        """The worker process that renders PDFs; it starts with the first report."""
        from federated_sender.pdf import PdfRenderer

        return PdfRenderer()

    def jobs(self) -> Sequence[Job]:
        """Return the jobs in the order of ``once`` (decision 38): collect, send, track, chase, mail."""
        from federated_sender.chase import Chase
        from federated_sender.collect import Collect, Follow
        from federated_sender.prune import Prune
        from federated_sender.tables import Digest
        from federated_sender.track import Track
        from shared.alert_mail import mail_jobs
        from shared.daemon import Job

        settings, database, clock = self.settings, self.database, self.clock
        collect = Collect(database, self.mesh, clock, settings.workflows, self.stopping.is_set)
        often = settings.outbox_poll_interval
        return (
            Job("collect", collect.step, settings.mesh_poll_interval, drains=False, wakes=("follow",)),
            Job("follow", Follow(database, clock, self._clocks()).step, _FOLLOW_EVERY),
            Job("intake", self.intake.step, often, wakes=("send",)),
            Job("send", self._send().step, often),
            Job("track", Track(database, self.mesh, clock, settings.track_after).step, _TRACK_EVERY, drains=False),
            Job("chase", Chase(database, clock).step, _CHASE_EVERY),
            Job("prune", Prune(database, clock, settings.retention).step, _PRUNE_EVERY),
            *mail_jobs(settings, database, clock, self.alerts, Digest, self._naming()),
        )

    def _send(self) -> Send:
        from federated_sender.message import Composer
        from federated_sender.report import Practice
        from federated_sender.send import Send
        from shared.itk3.model import Organization
        from shared.itk3.payloads import payload_to_send

        settings = self.settings
        practice = Practice(
            settings.practice_name, settings.practice_town, settings.practice_telephone, settings.practice_email
        )
        sender = Organization(settings.practice_ods_code, settings.practice_name, settings.practice_telephone)
        workflow = settings.mesh_workflow_id
        composer = Composer(
            sender,
            settings.mesh_mailbox_id,
            settings.mesh_routing_date_format,
            settings.max_message_size,
            payload_to_send(settings.payload, workflow),
            workflow,
        )
        return Send(
            self.database,
            self.mesh,
            self.clock,
            self.practices,
            self.federation,
            practice,
            composer,
            self.renderer,
            self._clocks(),
            settings.mesh_workflow_id,
            self.began_at,
        )

    def _clocks(self) -> Clocks:
        from federated_sender.workload import Clocks

        return Clocks(self.settings.infrastructure_response_within, self.settings.business_response_within)

    def _naming(self) -> Naming | None:
        from federated_sender.alert_patient import patient_of
        from shared.alert_mail import Naming

        return Naming(patient_of, self.audit) if self.settings.alert_email_patient == "on" else None

    def rounds(self) -> Rounds:
        """Return what steps the jobs."""
        from shared.daemon import Rounds
        from shared.outage import Outage

        return Rounds(self.outage, Outage("database", self.clock), self.pds_outage)

    def status(
        self, session: Session, *, state: str | None, since: datetime | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the reports in the contract's shape."""
        return report_list.listing(session, self.clock(), state=state, since=since, limit=limit)

    def counts(self, session: Session) -> dict[str, int]:
        """Return how many reports are in each state."""
        return report_list.counts(session)

    def backlog(self, session: Session) -> Backlog:
        """Return what the daemon has before it."""
        from federated_sender.backlog import backlog

        return backlog(session, self.clock())

    def record(self, session: Session, identifier: str) -> tuple[dict[str, Any], Sequence[Timeline]]:
        """Return one report with its timeline."""
        from federated_sender import records

        return records.story(session, identifier, self.clock())

    def retry(self, session: Session, identifier: str, by: str) -> None:
        """Take a parked record back."""
        from federated_sender import records

        records.retry(session, identifier, self.clock(), by)

    def checks(self, *, online: bool) -> Iterable[Check]:
        """Look at what a new installation gets wrong."""
        from federated_sender.checks import sender_checks

        return sender_checks(
            self.settings, self.database, self.mesh, self.federation, self.clock, self.practices, online=online
        )

    def close(self) -> None:
        """Let go of the workers, MESH and the database."""
        if "renderer" in self.__dict__:
            self.renderer.close()
        if "mesh" in self.__dict__:
            self.mesh.close()
        if "practices" in self.__dict__:
            self.practices.close()
        self.database.close()
