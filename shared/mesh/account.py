"""Who we are to MESH and where it is; an account that could leak a message cannot be made."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared.errors import ConfigurationError, Fault
from shared.identifiers import MailboxId

# a label that is empty or too long ends in an error of the resolver's own
_HOST: Final = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True)
class MeshAccount:
    """A mailbox, its secrets and the MESH it lives on.

    ``url`` is scheme, host and port alone. With ``https`` the server is always verified, against ``ca_file`` when
    it is given and the machine's own authorities otherwise. The certificate and its key make TLS mutual and come
    together. Raises ConfigurationError, which names the settings of the contract and never quotes a secret.
    """

    url: str
    mailbox_id: MailboxId
    password: str = field(repr=False)
    shared_key: str = field(repr=False)
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigurationError(faults)
        object.__setattr__(self, "url", self.url.rstrip("/"))

    def _faults(self) -> Iterator[Fault]:
        rule = url_fault(self.url)
        if rule:
            yield Fault("MESH_URL", rule)
        if not self.password:
            yield Fault("MESH_MAILBOX_PASSWORD", "is empty")
        if not self.shared_key:
            yield Fault("MESH_SHARED_KEY", "is empty")
        if self.client_key_file and not self.client_cert_file:
            yield Fault("MESH_CLIENT_CERT_FILE", "is missing though MESH_CLIENT_KEY_FILE is set")
        if self.client_cert_file and not self.client_key_file:
            yield Fault("MESH_CLIENT_KEY_FILE", "is missing though MESH_CLIENT_CERT_FILE is set")


def url_fault(url: str, *, with_path: bool = False) -> str | None:
    """Return the rule that ``url`` breaks as the address of MESH, or None; other services lie below a path."""
    try:
        parts = urlsplit(url)
        port_is_usable = parts.port != 0
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or "") or not port_is_usable:
        return "is not an https URL"
    if parts.username is not None or parts.query or parts.fragment or (not with_path and parts.path not in ("", "/")):
        return "has more than scheme, host and path" if with_path else "has more than scheme, host and port"
    if parts.scheme == "http" and not is_loopback(url):
        return "is plain http to another machine; only https may leave this one"
    return None


def is_loopback(url: str) -> bool:
    """Say whether ``url`` leads to this machine alone."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
