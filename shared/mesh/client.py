"""The MESH API as one mailbox sees it; every failure is one of the MeshErrors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Any, Final, Self, cast
from urllib.parse import quote, urlsplit

import httpx

from shared.clock import Clock
from shared.errors import MeshForbidden, MeshGone, MeshProtocolError, MeshRefused, MeshUploadInterrupted
from shared.mesh import answers, problems
from shared.mesh.account import MeshAccount
from shared.mesh.answers import Answer
from shared.mesh.body import Sink
from shared.mesh.certificates import Expiry, expiries
from shared.mesh.chunks import IN_MEMORY, Chunks
from shared.mesh.connection import Connection, Timeouts
from shared.mesh.handshake import Handshake
from shared.mesh.headers import check_chunk, read_headers, send_headers
from shared.mesh.messages import (
    Endpoint,
    IncomingMessage,
    LocalIdTracking,
    MessageHeaders,
    OutgoingMessage,
    Tracking,
    Wanted,
    whatever_it_is,
)
from shared.mesh.observer import Observer
from shared.mesh.renewal import Connections
from shared.mesh.upload import Upload

PAGE_SIZE: Final = 500
"""How many messages MESH lists at once."""

CHUNK_SIZE: Final = 75_000_000
"""The largest body that goes in one piece (decision 40): not every recipient can put chunks together."""

_ROOT: Final = "/messageexchange"
_MOST_PAGES: Final = 1000

# a message is mostly base64 of what is packed already: to zip it takes MESH and us longer than its bytes take (0028)
_AS_IT_IS: Final = {"Accept-Encoding": "identity"}


class MeshClient:
    """One mailbox on MESH; may be used by many threads, and is closed by ``close()`` or at the end of a ``with``.

    Every call is repeated by itself where that can help; the POST that creates a message never is. Beside what each
    method names, a call may raise MeshUnavailable (no answer, or MESH overloaded), MeshForbidden (the account is not
    let in), MeshRefused (MESH said no) and MeshProtocolError (an answer that cannot be read).

    - ``observer`` hears of good answers, of the clock and of the certificates.
    - ``directory`` is where large bodies lie in files without a name, else where the machine keeps such files.
    - ``chunk_size``: a body with more bytes goes in chunks; ``compress`` gzips all (True), none (False), or what goes
      in chunks (None). Neither may differ from one run to the next while a message is half sent.
    - ``transport``, ``sleep`` and ``timeouts`` are for tests.
    """

    def __init__(
        self,
        account: MeshAccount,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        *,
        observer: Observer | None = None,
        directory: Path | None = None,
        chunk_size: int = CHUNK_SIZE,
        compress: bool | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.mailbox_id = account.mailbox_id
        self._account = account
        self._mailbox = f"{_ROOT}/{quote(account.mailbox_id, safe='')}"
        observer = observer or Observer()
        self._directory = str(directory) if directory else None
        self._chunk_size = chunk_size
        self._compress = compress
        connect = partial(Connection, account, clock, transport, sleep, observer, timeouts or Timeouts())
        self._connections = Connections(account, clock, connect, observer)
        self._handshake = Handshake(account, self._mailbox, clock, observer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._connections.close()

    def handshake(self) -> None:
        """Tell MESH that we are here, which proves credentials and certificate without creating anything.

        Raises MeshForbidden for whatever but a good answer and a passing trouble: it is never a message's fault.
        """
        with self._connections.current(look=True) as connection:
            self._handshake.make(connection)

    def certificate_expiries(self) -> list[Expiry]:
        """Return when the client certificate and the file of authorities end, as the files are now."""
        return expiries(self._account)

    def shake_hands_daily(self) -> None:
        """Make a handshake unless one was made within a day with the present certificate, as MESH asks of everybody."""
        with self._connections.current() as connection:
            self._handshake.make_daily(connection)

    def send(self, message: OutgoingMessage) -> str:
        """Post ``message`` once and return the id that MESH gave it.

        Raises MeshUnavailable when MESH has certainly not taken it, so that it may be sent again (of a message in
        chunks MeshUploadInterrupted, which ``resume`` continues), MeshAmbiguous when it may have: then it must be
        looked up by its local id before it is sent again (decision 13), and MeshForbidden when account, address or
        gateway must be mended first. A MeshRefused that is none of these means that MESH refused this message
        (400, 413, 417, 422), or that no header can carry what it says; it may have a ``message_id``, to which
        MESH's own report will link.
        """
        upload = self._upload(message)
        with self._posting() as connection:
            message_id = upload.create(connection)
            try:
                upload.finish(connection, message_id)
            except MeshGone as error:
                # nobody else can finish it, so nothing of it will ever be seen
                raise MeshUploadInterrupted(f"the upload was lost: {error}", http_status=error.http_status) from error
        return message_id

    def resume(self, message: OutgoingMessage, message_id: str) -> str:
        """Post all chunks but the first to the unfinished upload ``message_id`` of the same message; return that id.

        Harmless when all are there already. Raises what ``send`` raises, and MeshGone when MESH holds no such upload.
        """
        upload = self._upload(message)
        with self._posting() as connection:
            upload.finish(connection, message_id)
        return message_id

    @contextmanager
    def _posting(self) -> Iterator[Connection]:
        """Give a connection that shook hands; one that is then not let in has to do so again."""
        with self._connections.current() as connection:
            self._handshake.make_daily(connection)
            try:
                yield connection
            except MeshForbidden:
                connection.shaken_at = None
                raise

    def number_of_chunks(self, message: OutgoingMessage) -> int:
        """Return in how many chunks ``message`` goes; one is the ordinary way."""
        return self._chunks(message).total

    def _upload(self, message: OutgoingMessage) -> Upload:
        headers = send_headers(message, self.mailbox_id)
        return Upload(message, headers, self._chunks(message), f"{self._mailbox}/outbox", self.track)

    def _chunks(self, message: OutgoingMessage) -> Chunks:
        return Chunks(message.body, self._chunk_size, self._compress, self._directory)

    def list_inbox(self, workflow_filter: str | None = None) -> list[str]:
        """Return the ids of all unacknowledged messages, each once, in MESH's order, over as many pages as it takes.

        The filter is MESH's (``X``, ``!X``, ``X*`` …). It hides reports whose workflow it does not name.
        """
        wish = f"&workflow_filter={quote(workflow_filter, safe='')}" if workflow_filter else ""
        path: str | None = f"{self._mailbox}/inbox?max_results={PAGE_SIZE}{wish}"
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
        answer = _expect(self._ask("HEAD", self._item(message_id)), "message headers")
        return read_headers(message_id, answer.headers)

    def download(self, message_id: str, max_bytes: int, wanted: Wanted = whatever_it_is) -> IncomingMessage:
        """Return a message with all its chunks, and at most ``max_bytes`` of its decoded body.

        When there is more, ``truncated`` is set. ``wanted`` is asked once the headers are here: when it says no, the
        body is not read, and ``declined`` is set. Close the message when it is no longer needed: a large body lies in
        a temporary file. Raises MeshGone when it is not there any more.
        """
        content = cast(IO[bytes], SpooledTemporaryFile(IN_MEMORY, dir=self._directory))  # noqa: SIM115 - it outlives the call
        try:
            return self._download(message_id, Sink(content, max_bytes, _by_headers(message_id, wanted)))
        except BaseException:
            content.close()
            raise

    def _download(self, message_id: str, sink: Sink) -> IncomingMessage:
        item = self._item(message_id)
        answer = self._get(item, "download", into=sink)
        headers, chunk = read_headers(message_id, answer.headers), 1
        if answer.declined:
            return IncomingMessage(headers, sink.file, declined=True)
        while answer.status == httpx.codes.PARTIAL_CONTENT and chunk < headers.total_chunks and not answer.truncated:
            chunk += 1
            rest = Sink(sink.file, sink.most - sink.file.tell())
            answer = self._get(f"{item}/{chunk}", "chunk download", into=rest)
            check_chunk(message_id, chunk, headers.total_chunks, answer.headers)
        complete = answer.status == httpx.codes.OK and chunk >= headers.total_chunks
        if not (complete or answer.truncated):
            raise MeshProtocolError("MESH disagrees with itself about the number of chunks", message_id=message_id)
        return IncomingMessage(headers, sink.file, truncated=answer.truncated)

    def acknowledge(self, message_id: str) -> None:
        """Let MESH delete its copy; only after our own commit (decision 14). Harmless when repeated."""
        _expect(self._ask("PUT", f"{self._item(message_id)}/status/acknowledged"), "acknowledge")

    def track(self, message_id: str) -> Tracking:
        """Return what became of a message that we sent. Raises MeshGone when MESH knows no such message of ours."""
        path = f"{self._mailbox}/outbox/tracking?messageID={quote(message_id, safe='')}"
        return answers.tracking(self._get(path, "tracking"))

    def track_local_id(self, local_id: str) -> LocalIdTracking:
        """Return whether MESH took a message with this local id of ours (decision 12).

        Raises MeshForbidden when MESH does not say: to look a message up is not to have it refused.
        """
        answer = self._ask("GET", f"{self._mailbox}/outbox/tracking/{_segment(local_id)}")
        if answer.status not in (200, 300, 404):
            raise problems.account_failure(answer, "tracking by local id")
        return answers.local_id_tracking(answer)

    def lookup(self, ods_code: str, workflow_id: str) -> list[Endpoint]:
        """Return the mailboxes that take a workflow for an organisation, usually one."""
        path = f"{_ROOT}/endpointlookup/{_segment(ods_code)}/{_segment(workflow_id)}"
        return answers.endpoints(_expect(self._ask("GET", path, signed=False), "endpoint look-up"))

    def _item(self, message_id: str) -> str:
        return f"{self._mailbox}/inbox/{_segment(message_id)}"

    def _get(self, path: str, call: str, into: Sink | None = None) -> Answer:
        answer = self._ask("GET", path, into=into, headers=_AS_IT_IS if into is not None else None)
        if answer.status == httpx.codes.PARTIAL_CONTENT and into is not None:
            return answer
        return _expect(answer, call)

    def _ask(self, method: str, path: str, **more: Any) -> Answer:
        with self._connections.current() as connection:
            return connection.ask(method, path, **more)


def _by_headers(message_id: str, wanted: Wanted) -> Callable[[Mapping[str, str]], bool]:
    def ask(headers: Mapping[str, str]) -> bool:
        try:
            found = read_headers(message_id, headers)
        except MeshProtocolError:
            # an answer that is cut short in the end is asked for again; a whole one is refused then
            return True
        return wanted(found)

    return ask


def _expect(answer: Answer, call: str) -> Answer:
    if answer.status != httpx.codes.OK:
        raise problems.failure(answer, call)
    return answer


def _segment(value: str) -> str:
    """Return ``value`` as one segment of a path; dots alone would lead to another place."""
    if value in ("", ".", ".."):
        raise MeshRefused("an id is empty or not an id")
    return quote(value, safe="")
