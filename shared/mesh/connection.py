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
from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_exponential_jitter

from shared.clock import Clock
from shared.errors import MeshAmbiguous, MeshRefused, MeshUnavailable
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
_TIMEOUTS: Final = httpx.Timeout(connect=10.0, read=60.0, write=60.0, pool=10.0)
# Shorter than any server keeps a quiet connection: a POST into one just closed would be ambiguous.
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=2.0)
_ANSWER_BYTES: Final = 4_000_000
_BYTES_A_SECOND: Final = 50_000
_ATTEMPTS: Final = 4
_LONGEST_WAIT: Final = 60.0
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

        Raises MeshUnavailable when no attempt got an answer, MeshProtocolError for one that cannot be decoded.
        """
        retrying = Retrying(
            retry=_is_worth_repeating,
            stop=stop_after_attempt(_ATTEMPTS),
            wait=self._pause,
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        try:
            return retrying(self.attempt, method, path, headers=headers, limit=limit, signed=signed)
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
    ) -> Answer:
        """Make a request once, with a token of its own, and return the answer, at most ``limit`` bytes of its body.

        Raises MeshUnavailable when the request never left, MeshAmbiguous when no whole answer came to one that
        did, MeshRefused when it cannot be sent at all, and MeshProtocolError when the answer cannot be decoded.
        """
        try:
            request = self._client.build_request(
                method, path, headers={**(headers or {}), **self._token(signed)}, content=body
            )
            response = self._client.send(request, stream=True)
            try:
                answer = self._read(response, limit)
            finally:
                response.close()
        except _NEVER_LEFT as error:
            raise MeshUnavailable(f"MESH cannot be reached ({type(error).__name__}: {error})") from error
        except _UNSENDABLE as error:
            # Its text may quote a header.
            raise MeshRefused(f"the request cannot be sent ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise MeshAmbiguous(f"no whole answer came from MESH ({type(error).__name__})") from error
        if not (answer.is_passing or answer.status in FORBIDDEN):
            self._answered()
        return answer

    def _read(self, response: httpx.Response, limit: int | None) -> Answer:
        """Read the answer to its end; ``limit`` is for the body that was asked for, not for the text of an error."""
        if limit is None or not response.is_success:
            limit = _ANSWER_BYTES
        complete_by = self._clock() + timedelta(seconds=60 + limit / _BYTES_A_SECOND)
        chunks = self._in_time(response.iter_raw(), complete_by)
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

    def _in_time(self, chunks: Iterable[bytes], complete_by: datetime) -> Iterator[bytes]:
        """Pass chunks on until ``complete_by``: an answer that trickles in must not hold the daemon for ever."""
        for chunk in chunks:
            if self._clock() > complete_by:
                raise MeshAmbiguous("the answer of MESH came in too slowly")
            yield chunk

    def _pause(self, state: RetryCallState) -> float:
        return max(_BACK_OFF(state), min(self._retry_after(state), _LONGEST_WAIT))

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


def _last_outcome(state: RetryCallState) -> Answer | None:
    return state.outcome.result() if state.outcome else None
