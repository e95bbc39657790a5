"""The PDS FHIR API: an access token kept as long as it lasts, and one question, who is the patient of a number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from federated_sender.pds_connection import PdsAnswer, PdsConnection, PdsRequest
from federated_sender.pds_record import NotOnPds, PdsRecord, problem_code, read_record, read_token, token_problem
from federated_sender.pds_token import ASSERTION_TYPE, Application
from shared.clock import Clock
from shared.errors import PdsRecordUnreadable, PdsRefused

_NO_SUCH_RECORD: Final = frozenset({"INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND", "INVALIDATED_RESOURCE"})
# a token that ends while the question is on its way would be refused
_BEFORE_THE_END: Final = timedelta(seconds=30)
# nobody's number: its check digit is wrong, so PDS refuses it and says by that that it answers us
_NOBODY: Final = "9000000000"


@dataclass(frozen=True, slots=True)
class PdsAddress:
    """Where PDS and its token service are, https addresses without a slash at the end."""

    url: str
    token_url: str


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str = field(repr=False)
    until: datetime


class PdsClient:
    """Asks PDS in the name of ``application``; ``answered`` is called at each good answer."""

    def __init__(
        self,
        address: PdsAddress,
        application: Application,
        connection: PdsConnection,
        clock: Clock,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = address
        self._application = application
        self._connection = connection
        self._clock = clock
        self._answered = answered
        self._kept: _Kept | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def record(self, nhs_number: str, correlation_id: str) -> PdsRecord | NotOnPds:
        """Return what PDS knows under ``nhs_number``; ``correlation_id`` is the id of our report.

        Raises PdsUnavailable, PdsRefused or PdsProtocolError when there is no answer to decide upon, among them
        PdsRecordUnreadable when only this patient's is none.
        """
        token = self._token()
        answer = self._get(nhs_number, correlation_id, token)
        if answer.status == 401:
            # it may have been withdrawn: once more with a new one
            self._forget(token)
            answer = self._get(nhs_number, correlation_id, self._token())
        try:
            known = self._meaning(answer)
        except PdsRecordUnreadable:
            self._answered()
            raise
        self._answered()
        return known

    def probe(self) -> None:
        """Ask for a number that nobody has; raise as :meth:`record` does when PDS does not answer us."""
        self.record(_NOBODY, str(uuid4()))

    def _get(self, nhs_number: str, correlation_id: str, token: str) -> PdsAnswer:
        def prepare() -> PdsRequest:
            headers = {
                "Authorization": f"Bearer {token}",
                "Accept": "application/fhir+json",
                "X-Request-ID": str(uuid4()),
                "X-Correlation-ID": correlation_id,
            }
            return PdsRequest("GET", f"{self._address.url}/Patient/{nhs_number}", headers)

        return self._connection.ask(prepare)

    def _meaning(self, answer: PdsAnswer) -> PdsRecord | NotOnPds:
        if answer.status == 200:
            return read_record(answer.body)
        code = problem_code(answer.body)
        # only in PDS's own words: a gateway's 404 says nothing about the number
        if answer.status in (400, 404) and code in _NO_SUCH_RECORD:
            return NotOnPds(str(code))
        raise PdsRefused(f"PDS answers {answer.status}, {code or 'no code'}", http_status=answer.status, code=code)

    def _token(self) -> str:
        """Return a token that lasts; one thread fetches it for all."""
        with self._lock:
            if self._kept is None or self._clock() >= self._kept.until:
                self._kept = self._fetched()
            return self._kept.token

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._kept is not None and self._kept.token == token:
                self._kept = None

    def _fetched(self) -> _Kept:
        def prepare() -> PdsRequest:
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._application.assertion(self._address.token_url, uuid4(), self._clock()),
            }
            return PdsRequest("POST", self._address.token_url, {"Accept": "application/json"}, form)

        asked_at = self._clock()
        answer = self._connection.ask(prepare)
        if answer.status != 200:
            word = token_problem(answer.body)
            raise PdsRefused(f"PDS gives no token: {answer.status}, {word or 'no reason'}", http_status=answer.status)
        given = read_token(answer.body)
        return _Kept(given.access_token, asked_at + timedelta(seconds=given.seconds) - _BEFORE_THE_END)
