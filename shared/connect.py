"""Opens the MESH client of a daemon from its settings."""

from __future__ import annotations

from shared.clock import Clock
from shared.config import PracticeSettings
from shared.daemon import Outage
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient


def open_mesh(settings: PracticeSettings, clock: Clock, outage: Outage) -> MeshClient:
    """Return a client for the settings' mailbox; its answers end ``outage``."""
    account = MeshAccount(
        url=settings.mesh_url,
        mailbox_id=MailboxId(settings.mesh_mailbox_id),
        password=settings.mesh_mailbox_password.get_secret_value(),
        shared_key=settings.mesh_shared_key.get_secret_value(),
        client_cert_file=settings.mesh_client_cert_file,
        client_key_file=settings.mesh_client_key_file,
        ca_file=settings.mesh_ca_file,
    )
    return MeshClient(account, clock, answered=outage.over)
