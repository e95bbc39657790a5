"""Connections that are ended when nothing goes on over them: whoever only holds them open keeps others out."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE: Final = 20.0
"""Seconds within which the head of a request must be there, and then its form (:mod:`shared.web.forms`).

Of an answer that waits to be read, something must be read within them.
"""


class PromptConnection(H11Protocol):
    """Ends a connection on which no request is worked on and whose next one does not come in time.

    It is ended, too, when nothing of an answer is read for that long; one that is read slowly lives on.
    """

    _deadline: asyncio.TimerHandle | None = None
    _next_look: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()
        self._look()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a request is there; what is none yet, or belongs to one that was answered, buys no time."""
        super().data_received(data)
        # its type does not say that there is none at first
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self._stop_waiting()
        elif self._deadline is None:
            self._wait()

    def resume_writing(self) -> None:
        """Note that an answer was read: what is written next may wait again."""
        self._unread = 0
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(PATIENCE, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _look(self) -> None:
        # what is too little to pause the writer is waited for without end, too, even when the connection is closed
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._unread:
            self.transport.abort()
            return
        self._unread = unread
        self._next_look = self.loop.call_later(PATIENCE, self._look)
