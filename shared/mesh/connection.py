"""One HTTP connection pool to MESH: signs every attempt anew, repeats what may be repeated, lets no httpx error out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Final
from uuid import uuid4

import httpx
from tenacity import RetryCallState, Retrying, wait_exponential_jitter

from shared.clock import Clock
from shared.errors import MeshAmbiguous, MeshRefused, MeshUnavailable, MeshUnreachable
from shared.mesh.account import MeshAccount
from shared.mesh.answers import FORBIDDEN, Answer
from shared.mesh.auth import authorization
from shared.mesh.body import read_body
from shared.mesh.tls import tls_context

CLIENT_VERSION: Final = f"gp-federated-consultation/{version('gp-federated-consultation')}"
_STANDARD_HEADERS: Final = {
    # Exactly this: MESH answers 400 to a list of types.
    "Accept": "application/vnd.mesh.v2+json",
    "Accept-Encoding": "gzip",
    "User-Agent": CLIENT_VERSION,
}
_POOL, _CONNECT, _WRITE, _READ, _READ_AFTER_POST = 5.0, 10.0, 60.0, 30.0, 45.0
_TIMEOUTS: Final = httpx.Timeout(connect=_CONNECT, read=_READ, write=_WRITE, pool=_POOL)
_POST_TIMEOUTS: Final = httpx.Timeout(connect=_CONNECT, read=_READ_AFTER_POST, write=_WRITE, pool=_POOL)
# Shorter than any server keeps a quiet connection: a POST into one just closed would be ambiguous.
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=2.0)
_ANSWER_BYTES: Final = 4_000_000
_ATTEMPTS: Final = 4
_LAST_BEGINNING: Final = 35.0

LONGEST_CALL: Final = timedelta(seconds=_LAST_BEGINNING + _POOL + 2 * _CONNECT + 2 * _READ)
"""The longest that one call takes with all its attempts and pauses; leases are made from it.

The sum of what there is to wait for: the beginning of the last attempt, a free connection, TCP and TLS, the headers,
the last piece of a short answer. The bytes of a message itself, in or out, come on top.
"""

# The slowest link on which a message still comes, and how long it may be slower than that.
_BYTES_A_SECOND: Final = 8_000
_GRACE: Final = 60.0
_BACK_OFF: Final = wait_exponential_jitter(multiplier=0.5, max=15.0, jitter=0.5)

# MESH cannot have seen a request that met one of these.
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_UNSENDABLE: Final = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)


class Connection:
    """Makes requests for one mailbox; may be used by many threads at once."""

    def __init__(
        self,
        account: MeshAccount,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._answered = answered
        self._account = account
        self._clock = clock
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=account.url,
            headers=_STANDARD_HEADERS,
            timeout=_TIMEOUTS,
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
        limit: int | None = None,
        signed: bool = True,
    ) -> Answer:
        """Make a request that may be repeated, up to four times with growing pauses, and return the last answer.

        All of it takes no longer than LONGEST_CALL and the body of up to ``limit`` bytes. Raises MeshUnavailable
        when no attempt got an answer, MeshProtocolError for one that cannot be decoded.
        """
        begun = self._clock()
        retrying = Retrying(
            retry=_is_worth_repeating,
            stop=lambda state: self._is_enough(state, begun),
            wait=self._pause,
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        try:
            return retrying(self.attempt, method, path, headers=headers, limit=limit, signed=signed, begun=begun)
        except MeshAmbiguous as error:
            raise MeshUnavailable(str(error)) from error

    def attempt(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int | None = None,
        signed: bool = True,
        begun: datetime | None = None,
    ) -> Answer:
        """Make a request once, with a token of its own, and return the answer, at most ``limit`` bytes of its body.

        ``begun`` is when the call began of which this is an attempt. Raises MeshUnreachable when the request never
        left, MeshAmbiguous when no whole answer came to one that did, MeshRefused when it cannot be sent at all,
        and MeshProtocolError when the answer cannot be decoded.
        """
        try:
            request = self._client.build_request(
                method,
                path,
                headers={**(headers or {}), **self._token(signed)},
                content=body,
                timeout=_TIMEOUTS if body is None else _POST_TIMEOUTS,
            )
            response = self._client.send(request, stream=True)
            try:
                answer = self._read(response, limit, begun)
            finally:
                response.close()
        except _NEVER_LEFT as error:
            raise MeshUnreachable(f"MESH cannot be reached ({type(error).__name__}: {error})") from error
        except _UNSENDABLE as error:
            # Its text may quote a header.
            raise MeshRefused(f"the request cannot be sent ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise MeshAmbiguous(f"no whole answer came from MESH ({type(error).__name__})") from error
        if httpx.codes.is_success(answer.status):
            self._answered()
        return answer

    def _read(self, response: httpx.Response, limit: int | None, begun: datetime | None) -> Answer:
        """Read the answer to its end; ``limit`` is for the body that was asked for, not for the text of an error."""
        if limit is None or not response.is_success:
            limit = _ANSWER_BYTES
            chunks = self._short(response.iter_raw(), begun or self._clock())
        else:
            chunks = self._steady(response.iter_raw())
        body, truncated = read_body(chunks, response.headers.get("content-encoding", ""), limit)
        return Answer(response.status_code, dict(response.headers), body, truncated)

    def _token(self, signed: bool) -> dict[str, str]:
        """Sign with a nonce of this attempt alone: threads have nothing to share, and no token is seen twice."""
        if not signed:
            return {}
        account = self._account
        token = authorization(
            account.mailbox_id, account.password, account.shared_key, nonce=str(uuid4()), count=0, at=self._clock()
        )
        return {"Authorization": token}

    def _short(self, chunks: Iterable[bytes], begun: datetime) -> Iterator[bytes]:
        """Pass the chunks of an answer on that must be here before LONGEST_CALL is over."""
        complete_by = begun + LONGEST_CALL - timedelta(seconds=_READ)
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

    def _is_enough(self, state: RetryCallState, begun: datetime) -> bool:
        """Say whether the next attempt of a call is one too many or would begin too late."""
        begins_after = (self._clock() - begun).total_seconds() + state.upcoming_sleep
        return state.attempt_number >= _ATTEMPTS or begins_after > _LAST_BEGINNING

    def _pause(self, state: RetryCallState) -> float:
        return max(_BACK_OFF(state), self._retry_after(state))

    def _retry_after(self, state: RetryCallState) -> float:
        """Return the seconds that MESH asks to wait, 0 when it does not say."""
        if state.outcome is None or state.outcome.failed:
            return 0.0
        wish = state.outcome.result().headers.get("retry-after", "").strip()
        if wish.isascii() and wish.isdigit():
            return float(wish[:6])
        try:
            return (parsedate_to_datetime(wish).astimezone(UTC) - self._clock()).total_seconds()
        except (ValueError, OverflowError):
            return 0.0


def _is_worth_repeating(state: RetryCallState) -> bool:
    if state.outcome is None or state.outcome.failed:
        return state.outcome is not None and isinstance(state.outcome.exception(), (MeshUnavailable, MeshAmbiguous))
    answer: Answer = state.outcome.result()
    # A refused token is tried once more: a clock that was just set, or a proxy that sent the last one twice.
    return answer.is_passing or (answer.status in FORBIDDEN and state.attempt_number == 1)


def _too_slow() -> MeshAmbiguous:
    return MeshAmbiguous("the answer of MESH came in too slowly")


def _last_outcome(state: RetryCallState) -> Answer | None:
    return state.outcome.result() if state.outcome else None
