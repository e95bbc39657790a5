"""A run of the synthetic sender: from what the command line wishes to its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click

from federated_sender import NAME
from federated_sender.harness import SenderHarness
from federated_sender.harness_catalogue import Entry, catalogue
from federated_sender.harness_exemplars import Exemplar, Workshop
from federated_sender.harness_report import Document, Run, as_document, as_html, as_text
from federated_sender.layout import print_pdf
from federated_sender.message import Composer
from federated_sender.report import Practice
from federated_sender.settings import SenderSettings, read_federation
from shared import log
from shared.cli import environment
from shared.clock import Clock, system_clock
from shared.config import load
from shared.connect import open_quietly
from shared.daemon import stopping_signals_blocked
from shared.errors import CommandFailed, InvalidConsultation
from shared.harness.guard import require_test_environment
from shared.harness.pace import pause
from shared.identifiers import MailboxId
from shared.itk3.codes import RESPONSE_CODES, Level
from shared.itk3.model import Organization
from shared.itk3.payload import Payload
from shared.itk3.payloads import PayloadName, payload_to_send
from shared.mesh.mailbox import MeshMailbox
from shared.presentation import print_json

_NAMING_THE_PATIENT: Final = ("nhs_number", "family")


@dataclass(frozen=True)
class Outside:
    """What the harness needs of the world; a test has one of its own."""

    open_mailbox: Callable[[SenderSettings], MeshMailbox]
    clock: Clock
    print_pdf: Callable[[str], bytes]
    pause: Callable[[float], bool]


@dataclass(frozen=True)
class Wishes:
    """The options of the command line, by their names there."""

    patient: Path | None
    to: str | None
    only: tuple[str, ...]
    every: bool
    listing: bool
    business: str
    within: timedelta
    too_large: int
    html: Path | None
    as_json: bool
    allow_host: str | None
    payload: PayloadName | None


def outside() -> Outside:
    """Return the real world."""
    return Outside(lambda settings: open_quietly(settings, system_clock), system_clock, print_pdf, pause)


def listed(wishes: Wishes) -> list[Entry]:
    """Return the exemplars that are wished for, without any settings."""
    return _chosen(wishes, payload_to_send(wishes.payload or "task", ""))


def run(wishes: Wishes, world: Outside) -> Document:
    """Post, collect and judge; the report as a document."""
    environ, env_file = environment()
    chosen = {} if wishes.payload is None else {"PAYLOAD": wishes.payload}
    settings = load(SenderSettings, {**environ, **chosen}, env_file)
    require_test_environment(settings.mesh_url, settings.mesh_mailbox_id, wishes.allow_host)
    log.configure("warning", settings.log_format, NAME)
    workshop = _workshop(settings, wishes, world)
    exemplars = _exemplars(workshop, [entry.name for entry in _chosen(wishes, workshop.composer.payload)])
    with stopping_signals_blocked(), closing(world.open_mailbox(settings)) as client:
        began = world.clock()
        harness = _harness(settings, wishes, workshop, client, world)
        exchanges = harness.run(exemplars)
        done = Run(
            started_at=began,
            ended_at=world.clock(),
            mailbox_id=settings.mesh_mailbox_id,
            recipient_ods_code=workshop.recipient.ods_code,
            payload=workshop.composer.payload.name,
            within=wishes.within,
            exchanges=exchanges,
            others=sorted(harness.others),
        )
    return as_document(done)


def _chosen(wishes: Wishes, payload: Payload) -> list[Entry]:
    """Return the exemplars that are wished for."""
    entries = catalogue(payload)
    unknown = sorted({*wishes.only} - {entry.name for entry in entries})
    if unknown:
        raise click.UsageError(f"there is no exemplar {', '.join(unknown)}; --list names them all")
    if wishes.only:
        return [entry for entry in entries if entry.name in wishes.only]
    return [entry for entry in entries if entry.usual or wishes.every]


def _patient(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        raise click.UsageError("--patient is needed: a JSON file, since no patient belongs on a command line")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise CommandFailed(f"{file} is not JSON in UTF-8") from None
    if not isinstance(content, dict) or not content.get("registered_practice_ods_code"):
        raise CommandFailed(f"{file} must be a patient as in a consultation, with registered_practice_ods_code")
    return content


def _workshop(settings: SenderSettings, wishes: Wishes, world: Outside) -> Workshop:
    from shared.itk3.model import Organization

    address, patient = _address(wishes), _patient(wishes.patient)
    ours = Organization(settings.practice_ods_code, settings.practice_name, settings.practice_telephone)
    return Workshop(
        Composer(
            ours,
            settings.mesh_mailbox_id,
            settings.mesh_routing_date_format,
            settings.max_message_size,
            payload_to_send(settings.payload, settings.mesh_workflow_id),
            settings.mesh_workflow_id,
        ),
        Practice(settings.practice_name, settings.practice_town, settings.practice_telephone, settings.practice_email),
        _recipient(settings, str(patient["registered_practice_ods_code"])),
        patient,
        world.print_pdf,
        uuid4(),
        world.clock().replace(microsecond=0),
        _business(wishes),
        wishes.too_large,
        address,
    )


def _address(wishes: Wishes) -> MailboxId | None:
    try:
        return MailboxId(wishes.to) if wishes.to else None
    except ValueError as error:
        raise click.UsageError(f"--to {error}") from None


def _business(wishes: Wishes) -> str:

    meaning = RESPONSE_CODES.get(wishes.business)
    if meaning is None or meaning.level is not Level.BUSINESS:
        raise click.UsageError("--business is no business response code")
    return wishes.business


def _recipient(settings: SenderSettings, ods_code: str) -> Organization:
    practice = read_federation(settings.federation_file).get(ods_code.strip().upper())
    if practice is None:
        raise CommandFailed("the patient's registered_practice_ods_code is not in FEDERATION_FILE")
    return practice


def _exemplars(workshop: Workshop, names: Sequence[str]) -> list[Exemplar]:
    try:
        return workshop.make(names)
    except InvalidConsultation as error:
        faults = "\n".join(f"  {fault}" for fault in error.faults)
        raise CommandFailed(f"no report can be made about this patient:\n{faults}") from None


def _harness(
    settings: SenderSettings, wishes: Wishes, workshop: Workshop, client: MeshMailbox, world: Outside
) -> SenderHarness:

    named = (str(workshop.patient.get(key) or "") for key in _NAMING_THE_PATIENT)
    return SenderHarness(
        client,
        world.clock,
        settings.mesh_workflow_id,
        workshop.run,
        wishes.within,
        settings.mesh_poll_interval,
        world.pause,
        lambda text: click.echo(text, err=True),
        frozenset(word for word in named if word),
    )


def show(document: Document, wishes: Wishes) -> None:
    """Print the report, and write its page when that is wished for."""
    if wishes.html is not None:
        try:
            wishes.html.write_text(as_html(document), encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{wishes.html} cannot be written: {error.strerror}") from None
    if wishes.as_json:
        print_json(document)
    else:
        click.echo(as_text(document))
