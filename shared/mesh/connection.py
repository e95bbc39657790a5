"""One HTTP connection pool to MESH: signs every attempt anew, repeats what may be repeated, lets no httpx error out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from threading import Lock
from typing import Final

import httpx

from shared.clock import Clock
from shared.errors import MeshAmbiguous, MeshRefused, MeshUnavailable, MeshUnreachable
from shared.mesh.account import MeshAccount
from shared.mesh.answers import Answer
from shared.mesh.auth import Signer
from shared.mesh.body import Sink, copy_body, read_body
from shared.mesh.calls import kind_of
from shared.mesh.chunks import Section
from shared.mesh.observer import Observer
from shared.mesh.repetition import LAST_BEGINNING, Repetition
from shared.mesh.tls import tls_context
from shared.retry_after import retry_after_seconds

CLIENT_VERSION: Final = f"gp-federated-consultation/{version('gp-federated-consultation')}"
_STANDARD_HEADERS: Final = {
    # Exactly this: MESH answers 400 to a list of types.
    "Accept": "application/vnd.mesh.v2+json",
    "Accept-Encoding": "gzip",
    "User-Agent": CLIENT_VERSION,
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt waits, in seconds, for each thing that it waits for."""

    pool: float = 5.0
    connect: float = 10.0
    write: float = 60.0
    read: float = 30.0
    read_after_post: float = 45.0

    def of(self, *, with_body: bool) -> httpx.Timeout:
        """Return them as httpx knows them; MESH needs longer to answer when it has a message to store."""
        read = self.read_after_post if with_body else self.read
        return httpx.Timeout(connect=self.connect, read=read, write=self.write, pool=self.pool)


_TIMEOUTS: Final = Timeouts()
# Shorter than any server keeps a quiet connection: a POST into one just closed would be ambiguous.
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=2.0)
_ANSWER_BYTES: Final = 4_000_000
# fewer bytes than a new connection costs
_LITTLE: Final = 65_536

LONGEST_CALL: Final = timedelta(seconds=LAST_BEGINNING + _TIMEOUTS.pool + 2 * _TIMEOUTS.connect + 2 * _TIMEOUTS.read)
"""The longest that one call takes with all its attempts and pauses; leases are made from it.

The sum of what there is to wait for: the beginning of the last attempt, a free connection, TCP and TLS, the headers,
the last piece of a short answer. The bytes of a message itself, in or out, come on top, and so do the repetitions
of a chunk: what goes in chunks may outlive a lease, and whoever claims it then looks it up and continues. Headers
that trickle in are bounded by their size alone.
"""

# The slowest link on which a message still comes, and how long it may be slower than that.
_BYTES_A_SECOND: Final = 8_000
_GRACE: Final = 60.0

# MESH cannot have seen a request that met one of these.
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_UNSENDABLE: Final = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)


class Connection:
    """Makes requests for one mailbox with one certificate; may be used by many threads at once.

    ``shaken_at`` is when MESH last accepted a handshake on it; ``handshaking`` is held by whoever makes one.
    """

    def __init__(
        self,
        account: MeshAccount,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        observer: Observer | None = None,
        timeouts: Timeouts = _TIMEOUTS,
    ) -> None:
        self.shaken_at: datetime | None = None
        self.handshaking = Lock()
        self._observer = observer or Observer()
        self._signer = Signer(account, clock)
        self._clock = clock
        self._sleep = sleep
        self._timeouts = timeouts
        self._url = account.url
        self._client = httpx.Client(
            headers=_STANDARD_HEADERS,
            verify=tls_context(account),
            transport=transport,
            # A proxy may stand before the real MESH, never before a loopback one.
            limits=_LIMITS,
            trust_env=account.url.startswith("https:"),
        )

    def close(self) -> None:
        """Close every connection of the pool."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Section | None = None,
        into: Sink | None = None,
        signed: bool = True,
    ) -> Answer:
        """Make a request that may be repeated, up to four times with growing pauses, and return the last answer.

        All of it takes no longer than LONGEST_CALL and the bytes of ``body`` or of what goes ``into`` a file.
        A repetition writes into the file of ``into`` from where the first attempt began. Raises MeshUnavailable when no
        attempt got an answer, MeshProtocolError for one that cannot be decoded.
        """
        # the time that a body takes on its way out is no reason to try less often
        begun = None if body is not None else self._clock()
        start = into.file.tell() if into is not None else 0

        def attempt() -> Answer:
            if into is not None:
                into.file.seek(start)
                into.file.truncate()
            return self.attempt(method, path, headers=headers, body=body, into=into, signed=signed, begun=begun)

        try:
            return Repetition(self._clock, self._sleep, begun).retrying()(attempt)
        except MeshAmbiguous as error:
            raise MeshUnavailable(str(error)) from error

    def attempt(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Section | None = None,
        into: Sink | None = None,
        signed: bool = True,
        begun: datetime | None = None,
    ) -> Answer:
        """Make a request once, with a token of its own, and return the answer.

        The body of a good answer goes ``into`` a file if there is one. ``begun`` is when the call began of which this
        is an attempt. Raises MeshUnreachable when the request never left, MeshAmbiguous when no whole answer came to
        one that did, MeshRefused when it cannot be sent at all, and MeshProtocolError when the answer cannot be
        decoded.
        """
        asked = self._clock()
        try:
            request = self._client.build_request(
                method,
                f"{self._url}{path}",
                headers={**(headers or {}), **self._signer.headers(signed=signed), **_length(body)},
                content=body,
                timeout=self._timeouts.of(with_body=body is not None),
            )
            response = self._client.send(request, stream=True)
            try:
                answer = self._read(response, into, begun)
            finally:
                response.close()
        except _NEVER_LEFT as error:
            raise MeshUnreachable(f"MESH cannot be reached ({type(error).__name__}: {error})") from error
        except _UNSENDABLE as error:
            # Its text may quote a header.
            raise MeshRefused(f"the request cannot be sent ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise MeshAmbiguous(f"no whole answer came from MESH ({type(error).__name__})") from error
        self._observer.took(kind_of(method, path), max(self._clock() - asked, timedelta(0)))
        self._tell(answer)
        return answer

    def _tell(self, answer: Answer) -> None:
        if httpx.codes.is_success(answer.status):
            self._observer.answered()
        if answer.clock_ahead is not None:
            self._observer.clock_compared(answer.clock_ahead)

    def _read(self, response: httpx.Response, into: Sink | None, begun: datetime | None) -> Answer:
        """Read the answer to its end, unless its body is not wanted; what an error says never goes ``into`` a file."""
        arrived, told = self._clock(), _http_date(response.headers.get("date", ""))
        headers, raw = dict(response.headers.items()), response.iter_raw()
        encoding, body, truncated, declined = headers.get("content-encoding", ""), b"", False, False
        if into is None or not response.is_success:
            body, truncated = read_body(self._short(raw, begun or arrived), encoding, _ANSWER_BYTES)
        elif not into.wanted(headers):
            declined = True
            self._read_away(raw, headers)
        else:
            truncated = copy_body(self._steady(raw), encoding, into.most, into.file)
        ahead = arrived - told if told is not None else None
        wait = retry_after_seconds(headers.get("retry-after", ""), arrived)
        return Answer(response.status_code, headers, body, truncated, declined, ahead, wait)

    def _read_away(self, chunks: Iterable[bytes], headers: Mapping[str, str]) -> None:
        """Let the connection be used again where that costs little: a body that is not read ends it."""
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) <= _LITTLE:
            for _ in self._steady(chunks):
                pass

    def _short(self, chunks: Iterable[bytes], begun: datetime) -> Iterator[bytes]:
        """Pass the chunks of an answer on that must be here before LONGEST_CALL is over."""
        complete_by = begun + LONGEST_CALL - timedelta(seconds=_TIMEOUTS.read)
        for chunk in chunks:
            if self._clock() > complete_by:
                raise _too_slow()
            yield chunk

    def _steady(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the chunks of a message on as long as they keep coming; a trickle must not hold the daemon for ever."""
        started, received = self._clock(), 0
        for chunk in chunks:
            received += len(chunk)
            if self._clock() - started > timedelta(seconds=_GRACE + received / _BYTES_A_SECOND):
                raise _too_slow()
            yield chunk


def _length(body: Section | None) -> dict[str, str]:
    # said beforehand: MESH need not understand a body that comes in pieces of unknown number
    return {"Content-Length": str(body.size)} if body is not None else {}


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _too_slow() -> MeshAmbiguous:
    return MeshAmbiguous("the answer of MESH came in too slowly")
