"""What a request to MESH is for, in a word that figures can carry: paths hold ids, and there is no end of those."""

from __future__ import annotations

import re
from typing import Final

_MAILBOX: Final = "/messageexchange/[^/]+"
_CALLS: Final = {
    f"POST {_MAILBOX}": "handshake",
    f"GET {_MAILBOX}/inbox": "list",
    f"HEAD {_MAILBOX}/inbox/[^/]+": "headers",
    f"GET {_MAILBOX}/inbox/[^/]+": "download",
    f"GET {_MAILBOX}/inbox/[^/]+/[0-9]+": "chunk_download",
    f"PUT {_MAILBOX}/inbox/[^/]+/status/acknowledged": "acknowledge",
    f"POST {_MAILBOX}/outbox": "send",
    f"POST {_MAILBOX}/outbox/[^/]+/[0-9]+": "chunk_send",
    f"GET {_MAILBOX}/outbox/tracking": "track",
    f"GET {_MAILBOX}/outbox/tracking/[^/]+": "track_local_id",
    "GET /messageexchange/endpointlookup/[^/]+/[^/]+": "lookup",
}


def kind_of(method: str, path: str) -> str:
    """Return what a request is for; ``other`` when it is none that the client makes."""
    request = f"{method} {path.partition('?')[0]}"
    return next((call for pattern, call in _CALLS.items() if re.fullmatch(pattern, request)), "other")
