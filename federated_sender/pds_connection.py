"""HTTP to PDS: paced, repeated while that may help, bounded; no httpx error and no address gets out of here."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

import httpx
from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem
from tenacity import RetryCallState, Retrying, wait_exponential_jitter

from shared.clock import Clock
from shared.errors import PdsProtocolError, PdsUnavailable
from shared.mesh.account import is_loopback
from shared.mesh.connection import CLIENT_VERSION
from shared.retry_after import retry_after_seconds

_TIMEOUTS: Final = httpx.Timeout(connect=10.0, read=20.0, write=10.0, pool=5.0)
_COMPLETE_WITHIN: Final = 30.0
_ATTEMPTS: Final = 4
# a token and the record, each asked for twice with all attempts, take less than the lease of a report
_LAST_BEGINNING: Final = 35.0
_BACK_OFF: Final = wait_exponential_jitter(multiplier=0.5, max=15.0, jitter=0.5)
# PDS may ask for patience, but not for ever: the three-hour duty goes on
_MOST_PATIENCE: Final = 900.0
_LARGEST: Final = 1_000_000
_OVERLOADED: Final = frozenset({408, 425, 429})
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# plain bytes only: a small answer must not unpack to a large one
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": CLIENT_VERSION}


@dataclass(frozen=True, slots=True)
class PdsRequest:
    """One attempt; each has ids of its own. The address is patient data."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PdsAnswer:
    """A whole answer; ``retry_after`` is in seconds, 0 when PDS does not ask to wait."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float = 0.0

    @property
    def is_passing(self) -> bool:
        """Whether the same question may well be answered a little later."""
        return self.status in _OVERLOADED or self.status >= 500


class Pace:
    """Lets at most ``limit`` requests a second pass, in this process; ``seconds`` is a clock that never goes back."""

    def __init__(self, limit: int, seconds: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._bucket = InMemoryBucket([Rate(limit, Duration.SECOND)])
        self._seconds = seconds
        self._sleep = sleep
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may leave."""
        with self._lock:
            while True:
                now = int(self._seconds() * 1000)
                self._bucket.leak(now)
                item = RateItem("PDS", now)
                if self._bucket.put(item):
                    return
                self._sleep(max(cast("int", self._bucket.waiting(item)), 1) / 1000)


class PdsConnection:
    """Asks the servers at ``urls``; may be used by many threads at once."""

    def __init__(
        self,
        urls: Iterable[str],
        rate_limit: int,
        clock: Clock,
        *,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self._pace = Pace(rate_limit, seconds, sleep)
        self._quiet_until = seconds()
        # a proxy may stand before the real PDS, never before a loopback one
        through_proxies = not any(is_loopback(url) for url in urls)
        self._client = httpx.Client(headers=_HEADERS, timeout=_TIMEOUTS, verify=_tls(), trust_env=through_proxies)

    def close(self) -> None:
        """Close every connection of the pool."""
        self._client.close()

    def ask(self, prepare: Callable[[], PdsRequest]) -> PdsAnswer:
        """Put a question up to four times, each time as ``prepare`` gives it, and return the answer.

        Raises PdsUnavailable when there was none or PDS asked for patience (then nothing is asked for so long, a
        quarter of an hour at most), PdsProtocolError when the answer cannot be taken.
        """
        rest = self._quiet_until - self._seconds()
        if rest > 0:
            raise PdsUnavailable(f"PDS asked for patience, {rest:.0f} seconds more")
        begun = self._seconds()
        retrying = Retrying(
            retry=_is_worth_repeating,
            stop=lambda state: self._is_enough(state, begun),
            wait=_pause,
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        answer: PdsAnswer = retrying(lambda: self._attempt(prepare()))
        if answer.is_passing:
            self._quiet_until = self._seconds() + min(answer.retry_after, _MOST_PATIENCE)
            raise PdsUnavailable(f"PDS answers {answer.status}", http_status=answer.status)
        return answer

    def _attempt(self, request: PdsRequest) -> PdsAnswer:
        self._pace.wait()
        try:
            with self._client.stream(
                request.method, request.url, headers=request.headers, data=request.form
            ) as response:
                return self._read(response)
        except _NEVER_LEFT as error:
            failure = PdsUnavailable(f"PDS cannot be reached ({type(error).__name__}: {error})")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = PdsUnavailable(f"no whole answer came from PDS ({type(error).__name__})")
        # outside of the handlers: httpx's error knows the address, which is patient data, and must not hang on ours
        raise failure

    def _read(self, response: httpx.Response) -> PdsAnswer:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise PdsProtocolError("the answer of PDS is in an encoding that was not asked for")
        complete_by = self._seconds() + _COMPLETE_WITHIN
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > _LARGEST:
                raise PdsProtocolError("the answer of PDS is larger than any record")
            if self._seconds() > complete_by:
                raise PdsUnavailable("the answer of PDS came in too slowly")
        wait = retry_after_seconds(response.headers.get("retry-after", ""), self._clock())
        return PdsAnswer(response.status_code, bytes(body), wait)

    def _is_enough(self, state: RetryCallState, begun: float) -> bool:
        """Say whether the next attempt is one too many or would begin too late for the lease of the report."""
        begins_after = self._seconds() - begun + state.upcoming_sleep
        return state.attempt_number >= _ATTEMPTS or begins_after > _LAST_BEGINNING


def _is_worth_repeating(state: RetryCallState) -> bool:
    if state.outcome is None or state.outcome.failed:
        return state.outcome is not None and isinstance(state.outcome.exception(), PdsUnavailable)
    answer: PdsAnswer = state.outcome.result()
    return answer.is_passing


def _pause(state: RetryCallState) -> float:
    wish = 0.0 if state.outcome is None or state.outcome.failed else state.outcome.result().retry_after
    return max(_BACK_OFF(state), wish)


def _last_outcome(state: RetryCallState) -> PdsAnswer | None:
    return state.outcome.result() if state.outcome else None


def _tls() -> ssl.SSLContext:
    """Return a context of its own parts, so that nothing can switch the verification off.

    The machine's authorities are trusted; OpenSSL takes others instead when ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` name
    them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    return context
