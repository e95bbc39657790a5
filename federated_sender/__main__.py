"""``federated-sender``: wiring, and the commands of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from federated_sender import ledger, records
from federated_sender.attachments import under
from federated_sender.chase import Chase
from federated_sender.checks import sender_checks
from federated_sender.collect import Collect, Follow
from federated_sender.enqueue import enqueue as put_in_outbox
from federated_sender.intake import Intake
from federated_sender.message import Composer
from federated_sender.pdf import PdfRenderer
from federated_sender.pds import OutboxPractices
from federated_sender.report import Practice
from federated_sender.send import Send
from federated_sender.settings import SenderSettings, read_federation
from federated_sender.tables import Timeline
from federated_sender.workload import Clocks
from shared import log
from shared.cli import Check, Commands, add_common_commands, env_file_option, environment, operator
from shared.clock import system_clock
from shared.config import load
from shared.connect import open_mesh
from shared.daemon import Job, Outage, Rounds
from shared.db import Database
from shared.errors import InvalidConsultation
from shared.itk3.model import Organization

NAME = "federated-sender"
_CHASE_EVERY = timedelta(minutes=1)
_FOLLOW_EVERY = timedelta(seconds=30)


class Sender:
    """The wired daemon: settings → log → database → MESH → jobs."""

    def __init__(self, settings: SenderSettings) -> None:
        self.settings = settings
        self.clock = system_clock
        self.alerts = ledger.ALERTS
        log.configure(settings.log_level, settings.log_format, NAME)
        settings.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.federation = read_federation(settings.federation_file)
        self.database = Database(
            settings.database_url.get_secret_value(),
            schema="federated_sender",
            migrations=Path(__file__).parent / "migrations",
        )
        self.outage = Outage("MESH", self.clock)
        self.mesh = open_mesh(settings, self.clock, self.outage)
        self.intake = Intake(
            self.database,
            self.clock,
            settings.practice_ods_code,
            settings.send_delay,
            under(settings.outbox_attachment_dir),
        )

    @cached_property
    def renderer(self) -> PdfRenderer:
        """The worker process that renders PDFs; it starts with the first report."""
        return PdfRenderer()

    def jobs(self) -> Sequence[Job]:
        """Return the jobs in the order of ``once`` (decision 38): collect, send, chase."""
        settings, database, clock = self.settings, self.database, self.clock
        practice = Practice(
            settings.practice_name, settings.practice_town, settings.practice_telephone, settings.practice_email
        )
        sender = Organization(settings.practice_ods_code, settings.practice_name, settings.practice_telephone)
        composer = Composer(
            sender, settings.mesh_mailbox_id, settings.mesh_routing_date_format, settings.max_message_size
        )
        clocks = Clocks(settings.infrastructure_response_within, settings.business_response_within)
        workflow = settings.mesh_workflow_id
        send = Send(
            database,
            self.mesh,
            clock,
            OutboxPractices(),
            self.federation,
            practice,
            composer,
            self.renderer,
            clocks,
            workflow,
        )
        collect = Collect(database, self.mesh, clock, workflow)
        often = settings.outbox_poll_interval
        return (
            Job("collect", collect.step, settings.mesh_poll_interval, drains=False, wakes=("follow",)),
            Job("follow", Follow(database, clock).step, _FOLLOW_EVERY),
            Job("intake", self.intake.step, often, wakes=("send",)),
            Job("send", send.step, often),
            Job("chase", Chase(database, clock).step, _CHASE_EVERY),
        )

    def rounds(self) -> Rounds:
        """Return what steps the jobs."""
        return Rounds(self.outage, Outage("database", self.clock))

    def status(
        self, session: Session, *, state: str | None, since: datetime | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the reports in the contract's shape."""
        return records.listing(session, self.clock(), state=state, since=since, limit=limit)

    def counts(self, session: Session) -> dict[str, int]:
        """Return how many reports are in each state."""
        return records.counts(session)

    def record(self, session: Session, identifier: str) -> tuple[dict[str, Any], Sequence[Timeline]]:
        """Return one report with its timeline."""
        return records.story(session, identifier, self.clock())

    def retry(self, session: Session, identifier: str, by: str) -> None:
        """Take a parked record back."""
        records.retry(session, identifier, self.clock(), by)

    def checks(self, *, online: bool) -> Iterable[Check]:
        """Look at what a new installation gets wrong."""
        return sender_checks(self.settings, self.database, self.mesh, self.federation, online=online)

    def close(self) -> None:
        """Let go of the workers, MESH and the database."""
        if "renderer" in self.__dict__:
            self.renderer.close()
        self.mesh.close()
        self.database.close()


def open_sender() -> Sender:
    """Wire the daemon from this process's environment."""
    environ, env_file = environment()
    return Sender(load(SenderSettings, environ, env_file))


@click.group(NAME, cls=Commands, params=[env_file_option()])
@click.version_option(package_name="gp-federated-consultation")
def main() -> None:
    """Report consultations of patients of other practices to their registered practice, over NHS MESH.

    \b
    A first start:
      federated-sender --env-file sender.env check      what is wrong with the settings
      federated-sender --env-file sender.env migrate    create the database
      federated-sender --env-file sender.env enqueue consultation.json
      federated-sender --env-file sender.env run        the daemon
    """  # noqa: D301 - click reads the backspace


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def enqueue(files: tuple[Path, ...]) -> None:
    """Put the consultations of JSON FILES in the outbox; a known consultation is updated.

    All of them or none: with any fault nothing is stored, and every fault is named with its path.
    """
    with closing(open_sender()) as sender:
        sender.database.require_schema(NAME)
        try:
            outcomes = put_in_outbox(files, sender.intake, operator())
        except InvalidConsultation as error:
            lines = "\n".join(f"  {fault}" for fault in error.faults)
            raise click.ClickException(f"nothing was stored:\n{lines}") from None
        for identifier, outcome in outcomes:
            click.echo(f"{identifier}: {outcome.value}")


add_common_commands(
    main,
    NAME,
    open_sender,
    {
        "report_id": "report",
        "version": "v",
        "state": "state",
        "reason": "reason",
        "infrastructure_code": "infra",
        "business_code": "business",
        "overdue": "overdue",
    },
)

if __name__ == "__main__":
    main()
