"""Collecting what MESH holds for a daemon: kept durably first, acknowledged to MESH afterwards (decision 14)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from shared.errors import (
    InvalidMessage,
    MeshError,
    MeshForbidden,
    MeshGone,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
    MessagingError,
)
from shared.mesh.client import PAGE_SIZE
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import IncomingMessage, MessageHeaders

# This many one after the other, and it is MESH that fails, not the single messages.
_MOST_IN_A_ROW: Final = 3
# New ones of these that a round looks at and tells of; a mailbox full of them is gone through in the course of a day.
_MOST_FOREIGN: Final = 200
# After so many rounds a message that MESH lists and does not give out is told of, and from then on seldom asked for.
_GONE_AT_LAST: Final = 3
_GONE_AGAIN: Final = 100


def never() -> bool:
    """Say that nobody wants the round to end early."""
    return False


@dataclass(slots=True)
class Collected:
    """What one round did.

    ``failures`` has the id and the error of each message that stays in MESH for now, ``foreign`` the ids of those that
    proved to be somebody else's, ``listed`` every id that the mailbox gave.
    """

    kept: int = 0
    left: int = 0
    gone: int = 0
    acknowledged: int = 0
    failures: list[tuple[str, MessagingError]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)


class Collector:
    """Collects, round after round, from a mailbox that may be shared with the other daemon or with strangers.

    - ``owns`` decides on the headers alone whether a message is ours.
    - ``keep`` stores one message and commits; it must be idempotent on the message id, since MESH gives a message
      again until it is acknowledged. An InvalidMessage that it raises concerns this message alone.
    - ``left`` is told once of each message that is not ours, which stays in MESH unacknowledged.
    - ``max_bytes``: no more of a body is read; ``keep`` then gets it truncated.
    - ``workflows`` are those of the reports: what begins with one is found among any number of strangers' messages.
    """

    def __init__(
        self,
        client: MeshMailbox,
        *,
        owns: Callable[[MessageHeaders], bool],
        keep: Callable[[IncomingMessage], None],
        left: Callable[[MessageHeaders], None],
        max_bytes: int,
        workflows: Collection[str],
    ) -> None:
        self._client = client
        self._owns = owns
        self._keep = keep
        self._left = left
        self._max_bytes = max_bytes
        self._workflows = workflows
        self._foreign: set[str] = set()
        # Over which MESH stumbled, the longest ago first; a dict, since a set has no order.
        self._stumbled: dict[str, None] = {}
        # What MESH listed and did not give out, with the rounds since.
        self._missing: dict[str, int] = {}

    def collect(self, stopping: Callable[[], bool] = never) -> Collected:
        """Shake hands if that is due, and go through the inbox; a message that cannot be had never blocks the others.

        A full page means that there may be more: as long as something was acknowledged the next round follows at once.
        What MESH stumbled over in an earlier round comes after everything else. ``stopping`` is asked before each
        message whether the round is to end there. Raises MeshUnreachable at once, MeshUnavailable or MeshForbidden
        when MESH fails over several messages in a row or gives no list, and whatever else ``keep`` raises: what was
        collected by then is kept, the rest comes in the next round.
        """
        self._client.shake_hands_daily()
        collected = Collected()
        again = True
        while again:
            before = collected.acknowledged
            listed = self._client.list_inbox()
            collected.listed.update(listed)
            self._round(listed, collected, stopping)
            again = len(listed) >= PAGE_SIZE and collected.acknowledged > before and not stopping()
        return collected

    def _round(self, listed: Sequence[str], collected: Collected, stopping: Callable[[], bool]) -> None:
        fresh, stumbled_over = self._in_order(listed)
        most_left = collected.left + _MOST_FOREIGN
        error = self._go_through(fresh, collected, lambda: collected.left >= most_left or stopping())
        if error is None and fresh and not stopping():
            # strangers' messages must not hide ours, not even from a process that ends after one round
            named = {each for workflow in self._workflows for each in self._client.list_inbox(f"{workflow}*")}
            error = self._go_through(deque(each for each in fresh if each in named), collected, stopping)
        if error is not None:
            raise error
        # These hold nothing up any more: when they fail again, that is told of each, and the round is a good one.
        self._go_through(stumbled_over, collected, stopping)

    def _in_order(self, listed: Sequence[str]) -> tuple[deque[str], deque[str]]:
        """Return what is to be looked at, and of that apart what MESH stumbled over, the longest ago first."""
        there = set(listed)
        self._foreign &= there
        self._stumbled = {message_id: None for message_id in self._stumbled if message_id in there}
        self._missing = {message_id: rounds + 1 for message_id, rounds in self._missing.items() if message_id in there}
        passed_over = self._foreign | self._stumbled.keys() | set(filter(self._is_missing, self._missing))
        return deque(message_id for message_id in listed if message_id not in passed_over), deque(self._stumbled)

    def _is_missing(self, message_id: str) -> bool:
        """Say whether a message that was not to be had so often is not worth a question in this round."""
        rounds = self._missing[message_id]
        return rounds >= _GONE_AT_LAST and rounds % _GONE_AGAIN != 0

    def _go_through(self, waiting: deque[str], collected: Collected, stopping: Callable[[], bool]) -> MeshError | None:
        """Collect one after the other; return an error when MESH stumbled over so many in a row that it is no use."""
        in_a_row = 0
        while waiting and not stopping():
            error = self._collect_one(waiting.popleft(), collected)
            in_a_row = in_a_row + 1 if error else 0
            if in_a_row >= _MOST_IN_A_ROW:
                return error
        return None

    def _collect_one(self, message_id: str, collected: Collected) -> MeshError | None:
        """Collect a message as far as it can be had; return the error when MESH stumbled over it."""
        self._stumbled.pop(message_id, None)
        try:
            with self._download(message_id) as message:
                if message.declined:
                    self._leave(message.headers, collected)
                else:
                    self._take(message, collected)
        except MeshGone as error:
            self._miss(message_id, collected, error)
        except MeshUnreachable:
            raise
        except (MeshUnavailable, MeshForbidden) as error:
            collected.failures.append((message_id, error))
            self._stumbled[message_id] = None
            return error
        except (MeshRefused, MeshProtocolError, InvalidMessage) as error:
            collected.failures.append((message_id, error))
        return None

    def _download(self, message_id: str) -> IncomingMessage:
        """Return a message; of somebody else's it is enough to know that it is, even when MESH cannot give it out."""
        try:
            return self._client.download(message_id, self._max_bytes, self._owns)
        except (MeshUnreachable, MeshGone):
            raise
        except MeshError as error:
            try:
                headers = self._client.head(message_id)
            except MeshError:
                raise error from None
            if self._owns(headers):
                raise
            return IncomingMessage(headers, BytesIO(), declined=True)

    def _take(self, message: IncomingMessage, collected: Collected) -> None:
        self._keep(message)
        message.close()
        collected.kept += 1
        self._client.acknowledge(message.headers.message_id)
        collected.acknowledged += 1
        self._missing.pop(message.headers.message_id, None)

    def _miss(self, message_id: str, collected: Collected, error: MeshGone) -> None:
        """Count what expired, or was acknowledged by a round whose answer was lost; MESH may list it a while longer."""
        collected.gone += 1
        rounds = self._missing.setdefault(message_id, 0)
        if rounds == _GONE_AT_LAST - 1:
            collected.failures.append((message_id, error))

    def _leave(self, headers: MessageHeaders, collected: Collected) -> None:
        self._left(headers)
        self._foreign.add(headers.message_id)
        collected.foreign.append(headers.message_id)
        collected.left += 1
