"""Collecting what MESH holds for a daemon: kept durably first, acknowledged to MESH afterwards (decision 14)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.errors import (
    InvalidMessage,
    MeshForbidden,
    MeshGone,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MessagingError,
)
from shared.mesh.client import MeshClient
from shared.mesh.messages import IncomingMessage, MessageHeaders

# More than this, and it is MESH that fails, not the single messages.
_MOST_STUMBLES: Final = 5


@dataclass(slots=True)
class Collected:
    """What one round did. ``failures`` has the id and the error of each message that stays in MESH for now."""

    kept: int = 0
    left: int = 0
    gone: int = 0
    failures: list[tuple[str, MessagingError]] = field(default_factory=list)


class Collector:
    """Collects, round after round, from a mailbox that may be shared with the other daemon or with strangers.

    - ``owns`` decides on the headers alone whether a message is ours.
    - ``keep`` stores one message and commits; it must be idempotent on the message id, since MESH gives a message
      again until it is acknowledged. An InvalidMessage that it raises concerns this message alone.
    - ``left`` is told once of each message that is not ours, which stays in MESH unacknowledged.
    - ``max_bytes``: no more of a body is read; ``keep`` then gets it truncated.
    """

    def __init__(
        self,
        client: MeshClient,
        *,
        owns: Callable[[MessageHeaders], bool],
        keep: Callable[[IncomingMessage], None],
        left: Callable[[MessageHeaders], None],
        max_bytes: int,
    ) -> None:
        self._client = client
        self._owns = owns
        self._keep = keep
        self._left = left
        self._max_bytes = max_bytes
        self._foreign: set[str] = set()

    def collect(self) -> Collected:
        """Go through the inbox once; a message that cannot be had never blocks the next one.

        Raises MeshUnavailable and MeshForbidden, and whatever else ``keep`` raises: what was collected by then is
        kept, the rest comes in the next round.
        """
        listed = self._client.list_inbox()
        self._foreign.intersection_update(listed)
        collected = Collected()
        for message_id in listed:
            if message_id not in self._foreign:
                self._collect_one(message_id, collected)
        return collected

    def _collect_one(self, message_id: str, collected: Collected) -> None:
        try:
            headers = self._client.head(message_id)
            if self._owns(headers):
                self._take(message_id, collected)
            else:
                self._leave(headers, collected)
        except MeshGone:
            # Expired, or acknowledged by an earlier round whose answer was lost.
            collected.gone += 1
        except MeshForbidden:
            raise
        except (MeshRefused, MeshProtocolError, InvalidMessage) as error:
            collected.failures.append((message_id, error))
        except MeshUnavailable as error:
            if error.http_status != 500 or len(collected.failures) >= _MOST_STUMBLES:
                raise
            # MESH itself stumbles over this one, every time: the others must not wait behind it.
            collected.failures.append((message_id, error))

    def _take(self, message_id: str, collected: Collected) -> None:
        self._keep(self._client.download(message_id, self._max_bytes))
        collected.kept += 1
        self._client.acknowledge(message_id)

    def _leave(self, headers: MessageHeaders, collected: Collected) -> None:
        self._left(headers)
        self._foreign.add(headers.message_id)
        collected.left += 1
