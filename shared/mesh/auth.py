"""The token that proves to MESH, once, that a request comes from the mailbox's owner."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from uuid import uuid4

from shared.mesh.account import MeshAccount

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


class Signer:
    """Signs one attempt after the other with a nonce of its own; may be used by many threads.

    ``clock`` gives the present time with its zone.
    """

    def __init__(self, account: MeshAccount, clock: Callable[[], datetime]) -> None:
        self._account = account
        self._clock = clock
        self._lock = Lock()

    def headers(self, *, signed: bool) -> dict[str, str]:
        """Return the header of the next attempt, none for a call that MESH wants unsigned."""
        if not signed:
            return {}
        account = self._account
        # one at a time: tokens are made in the order of their minutes, whatever the threads do
        with self._lock:
            token = authorization(
                account.mailbox_id, account.password, account.shared_key, nonce=str(uuid4()), count=0, at=self._clock()
            )
        return {"Authorization": token}
