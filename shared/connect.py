"""Opens a MESH client from settings."""

from __future__ import annotations

from typing import Any

from shared.alerts import AlertBook
from shared.clock import Clock
from shared.config import MeshSettings, PracticeSettings
from shared.db import Database
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from shared.mesh_watch import MeshWatch
from shared.outage import Outage


def account_of(settings: MeshSettings) -> MeshAccount:
    """Return the account that the settings describe."""
    return MeshAccount(
        url=settings.mesh_url,
        mailbox_id=MailboxId(settings.mesh_mailbox_id),
        password=settings.mesh_mailbox_password.get_secret_value(),
        shared_key=settings.mesh_shared_key.get_secret_value(),
        client_cert_file=settings.mesh_client_cert_file,
        client_key_file=settings.mesh_client_key_file,
        ca_file=settings.mesh_ca_file,
    )


def open_mesh(
    settings: PracticeSettings, clock: Clock, outage: Outage, database: Database, alerts: AlertBook[Any]
) -> MeshClient:
    """Return the client of a daemon: its answers end ``outage``, and what it observes is logged and alerted."""
    account = account_of(settings)
    watch = MeshWatch(account.mailbox_id, clock, database, alerts, outage.over)
    return MeshClient(account, clock, observer=watch, directory=settings.state_directory)
