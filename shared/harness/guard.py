"""Where a harness may work: on this machine and in NHS England's test environments, and elsewhere only when told so."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from shared.errors import CommandFailed
from shared.mesh.account import is_loopback

_TEST_ENVIRONMENTS: Final = (".intspineservices.nhs.uk", ".depspineservices.nhs.uk")


def require_test_environment(url: str | None, mailbox_id: str, allowed: str | None) -> None:
    """Raise CommandFailed when the MESH at ``url`` is live, or may be, unless ``allowed`` names just that host.

    What is not known to be a test environment counts as live: a gateway's name does not tell what lies behind it, and
    folders (no ``url``) do not tell where their MESH client sends to. For these ``allowed`` must name the mailbox.
    """
    host = mailbox_id.lower() if url is None else (urlsplit(url).hostname or "").lower().removesuffix(".")
    is_known = url is not None and (is_loopback(url) or host.endswith(_TEST_ENVIRONMENTS))
    if is_known or (allowed or "").strip().lower() == host:
        return
    where = f"where the MESH client of {mailbox_id} sends to cannot be seen" if url is None else f"{host} is not known"
    name = mailbox_id if url is None else host
    raise CommandFailed(
        f"{where}: it may be the live MESH, and nothing that a harness does there is for patients; when you are sure"
        f" that nobody is harmed, give --allow-host {name}"
    )
