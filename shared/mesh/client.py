"""The MESH API as one mailbox sees it; every failure is one of the MeshErrors."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urlsplit

import httpx

from shared.clock import Clock
from shared.errors import MeshAmbiguous, MeshForbidden, MeshProtocolError, MeshRefused
from shared.mesh import answers
from shared.mesh.account import MeshAccount
from shared.mesh.answers import Answer
from shared.mesh.connection import CLIENT_VERSION, Connection
from shared.mesh.headers import read_headers, send_headers
from shared.mesh.messages import Endpoint, IncomingMessage, LocalIdTracking, MessageHeaders, OutgoingMessage, Tracking

_ROOT: Final = "/messageexchange"
_HANDSHAKE_EVERY: Final = timedelta(hours=24)
_PAGE_SIZE: Final = 500
_MOST_PAGES: Final = 1000


class MeshClient:
    """One mailbox on MESH; may be used by many threads, and is closed by ``close()`` or at the end of a ``with``.

    Every call but ``send`` is repeated by itself where that can help. Beside what each method names, a call may
    raise MeshUnavailable (no answer, or MESH overloaded), MeshForbidden (the account is not let in), MeshRefused
    (MESH said no) and MeshProtocolError (an answer that cannot be read). ``answered`` is called at every good
    answer, so that the end of an outage is noticed.
    """

    def __init__(
        self,
        account: MeshAccount,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self.mailbox_id = account.mailbox_id
        self._mailbox = f"{_ROOT}/{quote(account.mailbox_id, safe='')}"
        self._clock = clock
        self._connection = Connection(account, clock, transport, sleep, answered)
        self._handshake_lock = Lock()
        self._shaken_at: datetime | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._connection.close()

    def handshake(self) -> None:
        """Tell MESH that we are here, which proves credentials and certificate without creating anything.

        Raises MeshForbidden for whatever but a good answer and a passing trouble: it is never a message's fault.
        """
        self._shaken_at = None
        headers = {
            "Mex-ClientVersion": CLIENT_VERSION,
            "Mex-OSName": platform.system() or "unknown",
            "Mex-OSVersion": platform.release() or "unknown",
            "Mex-OSArchitecture": platform.machine() or "unknown",
        }
        try:
            answer = self._connection.ask("POST", self._mailbox, headers=headers)
        except (MeshRefused, MeshProtocolError) as error:
            raise MeshForbidden(f"handshake: {error}") from error
        if answer.status != httpx.codes.OK:
            raise answers.account_failure(answer, "handshake")
        self._shaken_at = self._clock()

    def _shake_hands_daily(self) -> None:
        """Before anything is created: without a certificate MESH breaks off only after it has read the request."""
        with self._handshake_lock:
            if self._shaken_at is None or not timedelta(0) <= self._clock() - self._shaken_at < _HANDSHAKE_EVERY:
                self.handshake()

    def send(self, message: OutgoingMessage) -> str:
        """Post ``message`` once and return the id that MESH gave it.

        Raises MeshUnavailable when MESH has certainly not taken it, so that it may be sent again, MeshAmbiguous
        when it may have: then it must be looked up by its local id before it is sent again (decision 13), and
        MeshForbidden when account, address or gateway must be mended first. A MeshRefused that is none of these
        means that MESH refused this message (400, 413, 417, 422), or that no header can carry what it says; it
        may have a ``message_id``, to which MESH's own report will link.
        """
        headers = send_headers(message, self.mailbox_id)
        self._shake_hands_daily()
        try:
            answer = self._connection.attempt("POST", f"{self._mailbox}/outbox", headers=headers, body=message.body)
            if answer.status in (200, 202):
                return answers.sent_message_id(answer)
        except MeshProtocolError as error:
            raise MeshAmbiguous(str(error), http_status=error.http_status) from error
        except MeshRefused as error:
            raise MeshForbidden(str(error)) from error
        failure = answers.send_failure(answer, message.subject, headers.get("Mex-Subject", ""))
        if isinstance(failure, MeshForbidden):
            self._shaken_at = None
        raise failure

    def list_inbox(self, workflow_filter: str | None = None) -> list[str]:
        """Return the ids of all unacknowledged messages, each once, in MESH's order, over as many pages as it takes.

        The filter is MESH's (``X``, ``!X``, ``X*`` …). It hides reports whose workflow it does not name.
        """
        wish = f"&workflow_filter={quote(workflow_filter, safe='')}" if workflow_filter else ""
        path: str | None = f"{self._mailbox}/inbox?max_results={_PAGE_SIZE}{wish}"
        ids: dict[str, None] = {}
        visited: set[str] = set()
        while path and path not in visited and len(visited) < _MOST_PAGES:
            visited.add(path)
            page = answers.inbox_page(self._get(path, "inbox list"))
            ids.update(dict.fromkeys(page.message_ids))
            path = self._next_page(page.next_link)
        return list(ids)

    def _next_page(self, link: str | None) -> str | None:
        if link is None:
            return None
        parts = urlsplit(link)
        # A token must not travel to wherever an answer says.
        if parts.path.upper() != f"{self._mailbox}/inbox".upper():
            raise MeshProtocolError("the next page of the inbox is not in this mailbox")
        return f"{parts.path}?{parts.query}"

    def head(self, message_id: str) -> MessageHeaders:
        """Return what a message in the inbox is, without its body. Raises MeshGone when it is not there any more."""
        answer = _expect(self._connection.ask("HEAD", self._item(message_id)), "message headers")
        return read_headers(message_id, answer.headers)

    def download(self, message_id: str, max_bytes: int) -> IncomingMessage:
        """Return a message with all its chunks, and at most ``max_bytes`` of its decoded body.

        When there is more, ``truncated`` is set. Raises MeshGone when it is not there any more.
        """
        item = self._item(message_id)
        answer = self._get(item, "download", limit=max_bytes)
        headers = read_headers(message_id, answer.headers)
        body, chunk = bytearray(answer.body), 1
        while answer.status == httpx.codes.PARTIAL_CONTENT and chunk < headers.total_chunks and not answer.truncated:
            chunk += 1
            answer = self._get(f"{item}/{chunk}", "chunk download", limit=max_bytes - len(body))
            body += answer.body
        complete = answer.status == httpx.codes.OK and chunk >= headers.total_chunks
        if not (complete or answer.truncated):
            raise MeshProtocolError("MESH disagrees with itself about the number of chunks", message_id=message_id)
        return IncomingMessage(headers, bytes(body), answer.truncated)

    def acknowledge(self, message_id: str) -> None:
        """Let MESH delete its copy; only after our own commit (decision 14). Harmless when repeated."""
        _expect(self._connection.ask("PUT", f"{self._item(message_id)}/status/acknowledged"), "acknowledge")

    def track(self, message_id: str) -> Tracking:
        """Return what became of a message that we sent. Raises MeshGone when MESH knows no such message of ours."""
        path = f"{self._mailbox}/outbox/tracking?messageID={quote(message_id, safe='')}"
        return answers.tracking(self._get(path, "tracking"))

    def track_local_id(self, local_id: str) -> LocalIdTracking:
        """Return whether MESH took a message with this local id of ours (decision 12).

        Raises MeshForbidden when MESH does not say: to look a message up is not to have it refused.
        """
        path = f"{self._mailbox}/outbox/tracking/{_segment(local_id)}"
        answer = self._connection.ask("GET", path)
        if answer.status not in (200, 300, 404):
            raise answers.account_failure(answer, "tracking by local id")
        return answers.local_id_tracking(answer)

    def lookup(self, ods_code: str, workflow_id: str) -> list[Endpoint]:
        """Return the mailboxes that take a workflow for an organisation, usually one."""
        path = f"{_ROOT}/endpointlookup/{_segment(ods_code)}/{_segment(workflow_id)}"
        return answers.endpoints(_expect(self._connection.ask("GET", path, signed=False), "endpoint look-up"))

    def _item(self, message_id: str) -> str:
        return f"{self._mailbox}/inbox/{_segment(message_id)}"

    def _get(self, path: str, call: str, limit: int | None = None) -> Answer:
        answer = self._connection.ask("GET", path, limit=limit)
        if answer.status == httpx.codes.PARTIAL_CONTENT and limit is not None:
            return answer
        return _expect(answer, call)


def _expect(answer: Answer, call: str) -> Answer:
    if answer.status != httpx.codes.OK:
        raise answers.failure(answer, call)
    return answer


def _segment(value: str) -> str:
    """Return ``value`` as one segment of a path; dots alone would lead to another place."""
    if value in ("", ".", ".."):
        raise MeshRefused("an id is empty or not an id")
    return quote(value, safe="")
