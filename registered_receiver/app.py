"""The wired daemon: settings → log → database → MESH → jobs.

What only the jobs need is imported with them: the other commands must not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from registered_receiver import NAME, message_list
from registered_receiver.settings import ReceiverSettings
from registered_receiver.states import MessageState
from shared import log
from shared.clock import Clock, system_clock
from shared.config import make_state_directory
from shared.db import Database
from shared.errors import DatabaseUnusable
from shared.vitals import Latencies

if TYPE_CHECKING:
    from registered_receiver.desk import Desk
    from registered_receiver.practice import Practice
    from registered_receiver.tables import Alert, Audit, Timeline
    from shared.alerts import AlertBook
    from shared.audit import AuditBook
    from shared.checks import Check
    from shared.daemon import Job, Rounds
    from shared.heartbeat import Backlog
    from shared.mesh.mailbox import MeshMailbox
    from shared.outage import Outage
    from shared.web.tables import Accounts

SCHEMA: Final = "registered_receiver"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_OFTEN: Final = timedelta(seconds=30)


class Receiver:
    """What the commands and the daemon work with; see :class:`shared.cli.App`."""

    def __init__(
        self, settings: ReceiverSettings, *, clock: Clock = system_clock, mesh: MeshMailbox | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.states = tuple(MessageState)
        self.stopping = threading.Event()
        self.latencies = Latencies()
        log.configure(settings.log_level, settings.log_format, NAME)
        make_state_directory(settings.state_directory)
        self.database = Database(settings.database_url.get_secret_value(), schema=SCHEMA, migrations=MIGRATIONS)
        self._given_mesh = mesh

    @cached_property
    def alerts(self) -> AlertBook[Alert]:
        """What a person must look at."""
        from registered_receiver import ledger

        return ledger.ALERTS

    @cached_property
    def audit(self) -> AuditBook[Audit]:
        """Who or what looked at, took out, completed, decided or closed something."""
        from registered_receiver import ledger

        return ledger.AUDIT

    @cached_property
    def accounts(self) -> Accounts:
        """Who may use the web pages."""
        from registered_receiver import ledger

        return ledger.ACCOUNTS

    @cached_property
    def outage(self) -> Outage:
        """Whether MESH is away, or refuses us."""
        from shared.alerts import refusal_teller
        from shared.outage import Outage

        tell = refusal_teller(self.database, self.alerts, self.clock, self.settings.mesh_mailbox_id)
        return Outage("MESH", self.clock, tell)

    @cached_property
    def practice(self) -> Practice:
        """This practice, as the jobs need to know it."""
        from registered_receiver.practice import Practice

        settings = self.settings
        return Practice(
            settings.practice_ods_code,
            settings.mesh_mailbox_id,
            settings.max_message_size,
            settings.match_review == "on",
            settings.task_drop_dir is not None,
        )

    @property
    def desk(self) -> Desk:
        """Where whoever runs this process works on the worklist."""
        from registered_receiver.desk import Desk
        from shared.audit import actor

        return Desk(self.database, self.clock, self.practice, actor())

    @cached_property
    def mesh(self) -> MeshMailbox:
        """The MESH client, opened when it is first needed: the worklist must be seen without certificates, too."""
        from shared.connect import open_mesh

        return self._given_mesh or open_mesh(
            self.settings, self.clock, self.outage, self.database, self.alerts, self.latencies.took
        )

    def jobs(self) -> Sequence[Job]:
        """Return the jobs in the order of ``once`` (decision 38): collect, process, reply, chase; then the rest."""
        from registered_receiver.chase import Chase
        from registered_receiver.collect import Collect
        from registered_receiver.drop import Drop
        from registered_receiver.process import Process
        from registered_receiver.prune import Prune
        from registered_receiver.reply import Reply
        from registered_receiver.tables import Digest
        from shared.alert_mail import mail_jobs
        from shared.daemon import Bell, Job
        from shared.itk3 import stu3

        stu3.load()
        settings, database, clock = self.settings, self.database, self.clock
        workflows, largest = settings.workflows, settings.max_message_size
        bell = Bell()
        collect = Collect(database, clock, self.mesh, workflows, largest, self.stopping.is_set, bell.ring)
        process = Process(database, clock, self.practice, self.stopping.is_set)
        reply = Reply(database, clock, self.mesh, self.stopping.is_set)
        chase = Chase(database, clock, settings.review_within)
        prune = Prune(database, clock, settings.retention)
        directory = settings.task_drop_dir
        drop = [Job("drop", Drop(database, clock, directory).step, _OFTEN)] if directory else []
        return (
            Job("collect", collect.step, settings.mesh_poll_interval, drains=False, wakes=("process",), bell=bell),
            Job("process", process.step, _OFTEN, wakes=("reply", *(job.name for job in drop))),
            Job("reply", reply.step, _OFTEN),
            Job("chase", chase.step, timedelta(minutes=1)),
            *mail_jobs(settings, database, clock, self.alerts, Digest),
            *drop,
            Job("prune", prune.step, timedelta(days=1)),
        )

    def rounds(self) -> Rounds:
        """Return what steps the jobs."""
        from shared.daemon import Rounds
        from shared.outage import Outage

        return Rounds(self.outage, Outage("database", self.clock))

    def status(
        self, session: Session, *, state: str | None, since: datetime | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the messages in the contract's shape."""
        return message_list.listing(session, state=state, since=since, limit=limit)

    def counts(self, session: Session) -> dict[str, int]:
        """Return how many messages are in each state."""
        return message_list.counts(session)

    def backlog(self, session: Session) -> Backlog:
        """Return what the daemon has before it."""
        from registered_receiver.backlog import backlog

        return backlog(session)

    def record(self, session: Session, identifier: str) -> tuple[dict[str, Any], Sequence[Timeline]]:
        """Return one message with its timeline."""
        from registered_receiver import records

        return records.story(session, identifier)

    def retry(self, session: Session, identifier: str, by: str) -> None:
        """Take a parked message, or the parked responses to it, back."""
        from registered_receiver import records

        records.retry(session, identifier, self.clock(), by)

    def checks(self, *, online: bool) -> Iterable[Check]:
        """Look at what a new installation gets wrong."""
        from shared.alert_mail import mail_check
        from shared.checks import (
            Check,
            clock_check,
            database_checks,
            directory_check,
        )
        from shared.connect import transport_checks

        mesh = self.mesh
        yield Check("settings", ok=True, text="all can be used")
        yield directory_check(self.settings.state_directory)
        yield from database_checks(self.database, NAME)
        yield from self._patient_index()
        yield from self._drop_directory()
        yield clock_check(self.clock)
        yield from transport_checks(self.settings, mesh, self.clock, online=online)
        yield mail_check(self.settings, online=online)

    def close(self) -> None:
        """Let go of MESH and the database."""
        if "mesh" in self.__dict__:
            self.mesh.close()
        self.database.close()

    def _drop_directory(self) -> Iterable[Check]:
        from registered_receiver import drop_folder
        from shared.checks import Check

        directory = self.settings.task_drop_dir
        if directory is not None:
            fault = drop_folder.fault(directory)
            text = str(directory) if fault is None else f"no folder can be made in {directory}: {fault}"
            yield Check("drop directory", ok=fault is None, text=text)

    def _patient_index(self) -> Iterable[Check]:
        from registered_receiver import patients
        from shared.checks import Check

        try:
            self.database.require_schema(NAME)
        except DatabaseUnusable:
            return
        with self.database.snapshot() as session:
            known = patients.count(session)
        empty = "it is empty, and every report is answered 30002: run `patients import FILE`"
        yield Check("patient index", ok=True, text=f"{known} patients" if known else empty)
