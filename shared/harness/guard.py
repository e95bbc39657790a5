"""Where a harness may work: on this machine and in NHS England's test environments, and elsewhere only when told so."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from shared.errors import CommandFailed
from shared.mesh.account import is_loopback

_TEST_ENVIRONMENTS: Final = (".intspineservices.nhs.uk", ".depspineservices.nhs.uk")


def require_test_environment(url: str | None, allowed: str | None) -> None:
    """Raise CommandFailed when the MESH at ``url`` is live, or may be, unless ``allowed`` names just that host.

    What is not known to be a test environment counts as live: a gateway's name does not tell what lies behind it.
    """
    if url is None:
        raise CommandFailed("a harness calls MESH itself: MESH_TRANSPORT must be api")
    host = (urlsplit(url).hostname or "").lower().removesuffix(".")
    if is_loopback(url) or host.endswith(_TEST_ENVIRONMENTS) or (allowed or "").strip().lower() == host:
        return
    raise CommandFailed(
        f"{host} is the live MESH, or not known to be a test environment, and nothing that a harness does there is"
        f" for patients; when you are sure that nobody is harmed, give --allow-host {host}"
    )
