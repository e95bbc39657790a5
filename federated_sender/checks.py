"""What ``check`` looks at for the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from federated_sender.layout import missing_libraries
from federated_sender.pds import RegisteredPractices
from federated_sender.settings import SenderSettings
from shared.alert_mail import mail_check
from shared.checks import Check, clock_check, database_checks, directory_check
from shared.clock import Clock
from shared.connect import transport_checks
from shared.db import Database
from shared.errors import PdsError
from shared.itk3.model import Organization
from shared.mesh.mailbox import MeshMailbox


def sender_checks(
    settings: SenderSettings,
    database: Database,
    mesh: MeshMailbox,
    federation: Mapping[str, Organization],
    clock: Clock,
    practices: RegisteredPractices,
    *,
    online: bool,
) -> Iterable[Check]:
    """Give one line for each thing looked at."""
    yield Check("settings", ok=True, text="all can be used")
    yield directory_check(settings.state_directory)
    yield from database_checks(database, "federated-sender")
    yield clock_check(clock)
    yield from transport_checks(settings, mesh, clock, online=online)
    yield mail_check(settings, online=online)
    yield _federation(settings, federation)
    yield from _pds_ignored(settings)
    missing = missing_libraries()
    for library in missing:
        yield Check("PDF libraries", ok=not library.required, text=str(library))
    if not missing:
        yield Check("PDF libraries", ok=True, text="all are there")
    if online and settings.pds_mode == "fhir":
        yield _pds(practices)


def _pds(practices: RegisteredPractices) -> Check:
    try:
        practices.probe()
    except PdsError as error:
        what = "check PDS_URL, PDS_TOKEN_URL, PDS_API_KEY, PDS_KEY_ID, the private key and the clock"
        return Check("PDS", ok=False, text=f"{error}; {what}")
    return Check("PDS", ok=True, text="it gave a token and answers")


def _pds_ignored(settings: SenderSettings) -> Iterable[Check]:
    given = settings.model_fields_set & {"pds_url", "pds_token_url", "pds_api_key", "pds_key_id"}
    if given and settings.pds_mode == "outbox":
        names = ", ".join(sorted(name.upper() for name in given))
        text = f"it is not asked, although {names} is set: set PDS_MODE=fhir, or leave the others empty"
        yield Check("PDS", ok=False, text=text)


def _federation(settings: SenderSettings, federation: Mapping[str, Organization]) -> Check:
    others = set(federation) - {settings.practice_ods_code}
    if not others:
        return Check("federation", ok=False, text="FEDERATION_FILE names no other practice: no report would be sent")
    return Check("federation", ok=True, text=f"{len(others)} other practices")
