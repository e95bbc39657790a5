"""What ``check`` looks at for the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from federated_sender.layout import missing_libraries
from federated_sender.settings import SenderSettings
from shared.checks import Check, clock_check, database_checks, directory_check, mesh_check
from shared.clock import Clock
from shared.db import Database
from shared.itk3.model import Organization
from shared.mesh.client import MeshClient


def sender_checks(
    settings: SenderSettings,
    database: Database,
    mesh: MeshClient,
    federation: Mapping[str, Organization],
    clock: Clock,
    *,
    online: bool,
) -> Iterable[Check]:
    """Give one line for each thing looked at."""
    yield Check("settings", ok=True, text="all can be used")
    yield directory_check(settings.state_directory)
    yield from database_checks(database, "federated-sender")
    yield clock_check(clock)
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
