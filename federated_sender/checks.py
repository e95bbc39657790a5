"""What ``check`` looks at for the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from federated_sender.layout import missing_libraries
from federated_sender.settings import SenderSettings
from shared.cli import Check, database_checks, directory_check
from shared.db import Database
from shared.errors import MeshError
from shared.itk3.model import Organization
from shared.mesh.client import MeshClient


def sender_checks(
    settings: SenderSettings,
    database: Database,
    mesh: MeshClient,
    federation: Mapping[str, Organization],
    *,
    online: bool,
) -> Iterable[Check]:
    """Give one line for each thing looked at."""
    yield Check("settings", ok=True, text="all can be used")
    yield directory_check(settings.state_directory)
    yield from database_checks(database, "federated-sender")
    yield _federation(settings, federation)
    missing = missing_libraries()
    for library in missing:
        yield Check("PDF libraries", ok=not library.required, text=str(library))
    if not missing:
        yield Check("PDF libraries", ok=True, text="all are there")
    if online:
        yield mesh_check(mesh)


def _federation(settings: SenderSettings, federation: Mapping[str, Organization]) -> Check:
    others = set(federation) - {settings.practice_ods_code}
    if not others:
        return Check("federation", ok=False, text="FEDERATION_FILE names no other practice: no report would be sent")
    return Check("federation", ok=True, text=f"{len(others)} other practices")


def mesh_check(mesh: MeshClient) -> Check:
    """Shake hands with MESH."""
    try:
        mesh.handshake()
    except MeshError as error:
        return Check("MESH", ok=False, text=f"{error}; check mailbox, password, shared key, certificate and clock")
    return Check("MESH", ok=True, text="the handshake succeeded")
