"""Collecting what MESH holds for a daemon: kept durably first, acknowledged to MESH afterwards (decision 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.errors import (
    InvalidMessage,
    MeshForbidden,
    MeshGone,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
    MessagingError,
)
from shared.mesh.client import MeshClient
from shared.mesh.messages import IncomingMessage, MessageHeaders

# This many one after the other, and it is MESH that fails, not the single messages.
_MOST_IN_A_ROW: Final = 3


def never() -> bool:
    """Say that nobody wants the round to end early."""
    return False


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
        # Over which MESH stumbled, the longest ago first; a dict, since a set has no order.
        self._stumbled: dict[str, None] = {}

    def collect(self, stopping: Callable[[], bool] = never) -> Collected:
        """Go through the inbox once; a message that cannot be had never blocks the others.

        What MESH stumbled over in an earlier round comes after everything else. ``stopping`` is asked before each
        message whether the round is to end there. Raises MeshUnreachable at once, MeshUnavailable when MESH fails
        over several messages in a row, MeshForbidden, and whatever else ``keep`` raises: what was collected by then
        is kept, the rest comes in the next round.
        """
        fresh, stumbled_over = self._in_order(self._client.list_inbox())
        collected = Collected()
        error = self._go_through(fresh, collected, stopping)
        if error is not None:
            raise error
        # These hold nothing up any more: when they fail again, that is told of each, and the round is a good one.
        self._go_through(stumbled_over, collected, stopping)
        return collected

    def _in_order(self, listed: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return what is to be looked at, and of that apart what MESH stumbled over, the longest ago first."""
        there = set(listed)
        self._foreign &= there
        self._stumbled = {message_id: None for message_id in self._stumbled if message_id in there}
        passed_over = self._foreign | self._stumbled.keys()
        return [message_id for message_id in listed if message_id not in passed_over], list(self._stumbled)

    def _go_through(
        self, message_ids: Sequence[str], collected: Collected, stopping: Callable[[], bool]
    ) -> MeshUnavailable | None:
        """Collect one after the other; return an error when MESH stumbled over so many in a row that it is no use."""
        in_a_row = 0
        for message_id in message_ids:
            if stopping():
                break
            error = self._collect_one(message_id, collected)
            in_a_row = in_a_row + 1 if error else 0
            if in_a_row >= _MOST_IN_A_ROW:
                return error
        return None

    def _collect_one(self, message_id: str, collected: Collected) -> MeshUnavailable | None:
        """Collect a message as far as it can be had; return the error when MESH stumbled over it."""
        self._stumbled.pop(message_id, None)
        try:
            headers = self._client.head(message_id)
            if self._owns(headers):
                self._take(message_id, collected)
            else:
                self._leave(headers, collected)
        except MeshGone:
            # Expired, or acknowledged by an earlier round whose answer was lost.
            collected.gone += 1
        except (MeshForbidden, MeshUnreachable):
            raise
        except (MeshRefused, MeshProtocolError, InvalidMessage) as error:
            collected.failures.append((message_id, error))
        except MeshUnavailable as error:
            collected.failures.append((message_id, error))
            self._stumbled[message_id] = None
            return error
        return None

    def _take(self, message_id: str, collected: Collected) -> None:
        self._keep(self._client.download(message_id, self._max_bytes))
        collected.kept += 1
        self._client.acknowledge(message_id)

    def _leave(self, headers: MessageHeaders, collected: Collected) -> None:
        self._left(headers)
        self._foreign.add(headers.message_id)
        collected.left += 1
