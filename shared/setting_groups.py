"""Settings that say something only together: what is missing is named, not guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from shared.errors import Fault

_TOGETHER: Final = (
    ("MESH_CLIENT_CERT_FILE", "MESH_CLIENT_KEY_FILE"),
    ("ALERT_EMAIL_TO", "ALERT_EMAIL_FROM", "SMTP_URL"),
)
_TO_CALL_MESH: Final = ("MESH_URL", "MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY")
_TO_ASK_PDS: Final = ("PDS_URL", "PDS_TOKEN_URL", "PDS_API_KEY", "PDS_KEY_ID", "PDS_PRIVATE_KEY_FILE")


def missing_partners(values: Mapping[str, str], known: frozenset[str]) -> list[Fault]:
    """Return a fault for each setting that is missing beside the others of its group.

    ``known`` are the names that the daemon has; other groups are none of its business.
    """
    groups = [group for group in _TOGETHER if known.issuperset(group)]
    faults = [
        Fault(name, f"is required, since {given[0]} is set")
        for group in groups
        if (given := [each for each in group if each in values])
        for name in group
        if name not in values
    ]
    if "MESH_TRANSPORT" in known:
        faults += _of_mesh(values)
    if "PDS_MODE" in known and values.get("PDS_MODE") == "fhir":
        faults += [Fault(name, "is required with PDS_MODE=fhir") for name in _TO_ASK_PDS if name not in values]
    return [*faults, *_of_login(values)] if "SMTP_URL" in known else faults


def _of_mesh(values: Mapping[str, str]) -> Iterator[Fault]:
    """Give what is missing to reach MESH in the chosen way."""
    if values.get("MESH_TRANSPORT", "").lower() == "folder":
        if "MESH_FOLDER" not in values:
            yield Fault("MESH_FOLDER", "is required with MESH_TRANSPORT=folder")
        return
    yield from (Fault(name, "is required") for name in _TO_CALL_MESH if name not in values)
    if "MESH_FOLDER" in values:
        yield Fault(
            "MESH_FOLDER", "is set, and MESH is reached by its API: set MESH_TRANSPORT=folder or leave it empty"
        )


def _of_login(values: Mapping[str, str]) -> Iterator[Fault]:
    url, password = values.get("SMTP_URL"), "SMTP_PASSWORD" in values
    if url is None:
        if password and "ALERT_EMAIL_TO" not in values and "ALERT_EMAIL_FROM" not in values:
            yield Fault("SMTP_URL", "is required, since SMTP_PASSWORD is set")
        return
    try:
        user = urlsplit(url).username
    except ValueError:
        # what is wrong with the URL is said by its own rule
        return
    if user and not password:
        yield Fault("SMTP_PASSWORD", "is required, since SMTP_URL names a user")
    if password and not user:
        yield Fault("SMTP_URL", "must name the user whom SMTP_PASSWORD belongs to: smtps://user@host")
