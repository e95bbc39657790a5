"""Opens a mailbox on MESH from settings, in whichever way it is reached, and says what `check` says about that way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from shared.alerts import AlertBook
from shared.checks import Check, certificate_checks, mesh_check
from shared.clock import Clock
from shared.config import MeshSettings, PracticeSettings
from shared.db import Database
from shared.errors import ConfigurationError, Fault
from shared.folder_checks import folder_checks
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from shared.mesh.mailbox import MeshMailbox
from shared.mesh_folder.client import FolderClient
from shared.mesh_watch import FolderWatch, MeshWatch
from shared.outage import Outage


def account_of(settings: MeshSettings) -> MeshAccount:
    """Return the account that the settings describe. Raises ConfigurationError when they are not those of the API."""
    password, key = settings.mesh_mailbox_password, settings.mesh_shared_key
    if settings.mesh_url is None or password is None or key is None:
        raise ConfigurationError([Fault("MESH_TRANSPORT", "must be api: this calls MESH itself")])
    return MeshAccount(
        url=settings.mesh_url,
        mailbox_id=MailboxId(settings.mesh_mailbox_id),
        password=password.get_secret_value(),
        shared_key=key.get_secret_value(),
        client_cert_file=settings.mesh_client_cert_file,
        client_key_file=settings.mesh_client_key_file,
        ca_file=settings.mesh_ca_file,
    )


def open_mesh(
    settings: PracticeSettings,
    clock: Clock,
    outage: Outage,
    database: Database,
    alerts: AlertBook[Any],
    took: Callable[[str, timedelta], None],
) -> MeshMailbox:
    """Return the mailbox of a daemon: its answers end ``outage``, and what it observes is logged and alerted.

    ``took`` is told how long MESH took to answer each kind of call.
    """
    mailbox_id, directory = MailboxId(settings.mesh_mailbox_id), settings.state_directory
    if settings.mesh_folder is not None:
        folder_watch = FolderWatch(mailbox_id, clock, database, alerts, outage.over)
        return FolderClient(mailbox_id, settings.mesh_folder, clock, directory=directory, observer=folder_watch)
    watch = MeshWatch(mailbox_id, clock, database, alerts, outage.over, took)
    return MeshClient(account_of(settings), clock, observer=watch, directory=directory)


def open_quietly(settings: PracticeSettings, clock: Clock) -> MeshMailbox:
    """Return the mailbox for a command that keeps nothing in a database; nobody observes it."""
    mailbox_id = MailboxId(settings.mesh_mailbox_id)
    if settings.mesh_folder is not None:
        # receipts must outlive the command, as what was handed over does
        settings.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FolderClient(mailbox_id, settings.mesh_folder, clock, directory=settings.state_directory)
    return MeshClient(account_of(settings), clock)


def transport_checks(settings: MeshSettings, mesh: MeshMailbox, clock: Clock, *, online: bool) -> Iterable[Check]:
    """Look at what the way to MESH needs; ``online`` says that MESH itself may be called."""
    if settings.mesh_folder is not None:
        yield from folder_checks(settings.mesh_folder, settings.mesh_mailbox_id, clock)
        return
    yield from certificate_checks(mesh, clock)
    if online:
        yield mesh_check(mesh)
