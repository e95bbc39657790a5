"""The token that proves to MESH, once, that a request comes from the mailbox's owner."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

SCHEME = "NHSMESH"


def authorization(mailbox_id: str, password: str, shared_key: str, *, nonce: str, count: int, at: datetime) -> str:
    """Return the value of the Authorization header for one attempt.

    ``nonce`` and ``count`` together may never be used twice: MESH answers 403 to a token that it has seen, and to
    one that is more than two hours off. ``at`` has a zone.
    """
    stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M")
    signed = ":".join((mailbox_id, nonce, str(count), password, stamp))
    digest = hmac.new(shared_key.encode(), signed.encode(), "sha256").hexdigest()
    return f"{SCHEME} {mailbox_id}:{nonce}:{count}:{stamp}:{digest}"
