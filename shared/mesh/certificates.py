"""The certificate files of an account: whether they changed, and when they expire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from shared.mesh.account import MeshAccount

WARN_BEFORE: Final = timedelta(days=30)
"""How long before a certificate expires somebody ought to hear of it: a new one takes MESH weeks."""

ALERT_BEFORE: Final = timedelta(days=14)
"""How long before a certificate expires somebody must look."""

Version: TypeAlias = tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Expiry:
    """When the file that ``setting`` names stops being of use."""

    setting: str
    at: datetime

    def days_left(self, now: datetime) -> int:
        """Return the whole days until then, negative afterwards."""
        return (self.at - now) // timedelta(days=1)


def version(account: MeshAccount) -> Version:
    """Return a value that is another one as soon as one of the files is another one; it reads none of them."""
    files = (account.client_cert_file, account.client_key_file, account.ca_file)
    return tuple(_state(file) for file in files if file)


def _state(file: Path) -> tuple[int, ...] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def expiries(account: MeshAccount) -> list[Expiry]:
    """Return the end of the client certificate and of the CA file; a file that cannot be read has none.

    A CA file ends with the last of its authorities: NHS England's holds branches that ended years ago.
    """
    found = []
    if account.client_cert_file:
        found += [Expiry("MESH_CLIENT_CERT_FILE", at) for at in list(_ends(account.client_cert_file))[:1]]
    if account.ca_file:
        found += [Expiry("MESH_CA_FILE", at) for at in sorted(_ends(account.ca_file))[-1:]]
    return found


def _ends(file: Path) -> Iterator[datetime]:
    # imported here: it takes a while, and most commands need no dates
    from cryptography.x509 import load_pem_x509_certificates

    try:
        certificates = load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return
    for certificate in certificates:
        yield certificate.not_valid_after_utc
