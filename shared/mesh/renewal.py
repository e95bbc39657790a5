"""The connection in use, and its successor as soon as the certificate files have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from shared.clock import Clock
from shared.errors import ConfigurationError
from shared.mesh.account import MeshAccount
from shared.mesh.certificates import Version, version
from shared.mesh.connection import Connection
from shared.mesh.observer import Observer

_LOOK_EVERY: Final = timedelta(seconds=5)


class Connections:
    """Gives the connection that goes with the present files; running calls finish on the one they began with.

    ``connect`` makes one and raises ConfigurationError when a file cannot be used: then the former one stays, and
    the files are tried again until they can be.
    """

    def __init__(
        self, account: MeshAccount, clock: Clock, connect: Callable[[], Connection], observer: Observer
    ) -> None:
        self._account = account
        self._clock = clock
        self._connect = connect
        self._observer = observer
        self._lock = Lock()
        self._running: dict[Connection, int] = {}
        self._seen = self._refused = version(account)
        self._looked_at = clock()
        self._current = connect()

    def close(self) -> None:
        """Close the connection in use; those before it are closed by their last call."""
        self._current.close()

    @contextmanager
    def current(self, *, look: bool = False) -> Iterator[Connection]:
        """Give the connection for one call; ``look`` at the files although somebody did a moment ago."""
        with self._lock:
            told = self._renew(look)
            connection = self._current
            self._running[connection] = self._running.get(connection, 0) + 1
        for tell in told:
            tell()
        try:
            yield connection
        finally:
            self._release(connection)

    def _release(self, connection: Connection) -> None:
        with self._lock:
            self._running[connection] -= 1
            if self._running[connection]:
                return
            del self._running[connection]
            retired = connection is not self._current
        if retired:
            connection.close()

    def _renew(self, look: bool) -> list[Callable[[], None]]:
        """Take changed files into use; return what the observer is to be told, once the lock is free."""
        now = self._clock()
        if not (look or self._is_time(now)):
            return []
        self._looked_at = now
        # before the files are read: what changes meanwhile is seen the next time
        present = version(self._account)
        if present == self._seen:
            return []
        try:
            successor = self._connect()
        except ConfigurationError as error:
            return self._keep(present, str(error))
        self._replace(successor, present)
        return [self._observer.certificates_changed]

    def _is_time(self, now: datetime) -> bool:
        # a clock that was set back must not stop the looking
        return not timedelta(0) <= now - self._looked_at < _LOOK_EVERY

    def _keep(self, present: Version, error: str) -> list[Callable[[], None]]:
        # the files may be half replaced: they are read again the next time, and spoken of once
        told = self._refused == present
        self._refused = present
        return [] if told else [lambda: self._observer.certificates_unusable(error)]

    def _replace(self, successor: Connection, present: Version) -> None:
        former, self._current = self._current, successor
        self._seen = self._refused = present
        if former not in self._running:
            former.close()
