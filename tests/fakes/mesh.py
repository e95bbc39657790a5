"""MESH in memory, behind ``httpx.MockTransport``: what our client, both daemons and their tests talk to.

It is as strict as the real service where the specification says so (tokens, header lengths, the exact Accept
header, no second download), answers in the version 2 shapes, and keeps a record of its own, so that a test can
judge from outside: ``posts``, ``acknowledged`` and ``requests``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from threading import RLock
from typing import Any
from urllib.parse import unquote

import httpx

from deploy.demo.mesh.routing import DESCRIPTIONS, PREFIX, ROUTED_WORKFLOWS, Directory, Person
from shared.clock import Clock
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from tests.fakes.clock import MovableClock
from tests.fakes.mesh_faults import Fault
from tests.fakes.mesh_uploads import chunk_range, received, refuse_headers, take_chunk
from tests.fakes.mesh_wire import V2, Mailbox, Message, error, invalid, passes, query_of, respond

SHARED_KEY = "TestKey"
UNCOLLECTED = "14"


class InMemoryMesh:
    """The whole of MESH: mailboxes, messages, the patients it can trace, and the faults that a test plans."""

    def __init__(self, clock: Clock | None = None, *, page_size: int = 500) -> None:
        self.clock = clock or MovableClock()
        self.page_size = page_size
        self.transport = httpx.MockTransport(self._receive)
        self.messages: dict[str, Message] = {}
        self.posts: list[Message] = []
        self.acknowledged: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.pauses: list[float] = []
        self._directory = Directory()
        self._mailboxes: dict[str, Mailbox] = {}
        self._tokens: set[str] = set()
        self._faults: list[tuple[str, re.Pattern[str], Fault]] = []
        self._is_down = False
        self._lock = RLock()

    # What a test arranges.

    def add_mailbox(
        self,
        mailbox_id: str,
        *,
        ods_code: str = "",
        password: str = "password",
        workflows: tuple[str, ...] = ("GPFED_CONSULT_REPORT", "GPFED_CONSULT_REPORT_ACK"),
    ) -> None:
        self._mailboxes[mailbox_id] = Mailbox(mailbox_id, ods_code, password, workflows)

    def register(self, nhs_number: str, birth_date: date, surname: str, *mailbox_ids: str) -> None:
        """Let the patient be traced to these mailboxes: none leads to EPL-151, several to EPL-150."""
        self._directory.add(Person(nhs_number, birth_date.strftime("%Y%m%d"), surname, mailbox_ids))

    def account(self, mailbox_id: str) -> MeshAccount:
        password = self._mailboxes[mailbox_id].password
        return MeshAccount("https://mesh.example", MailboxId(mailbox_id), password, SHARED_KEY)

    def client(self, mailbox_id: str) -> MeshClient:
        return MeshClient(self.account(mailbox_id), self.clock, self.transport, self._pause)

    def put(self, to: str, body: bytes, *, workflow_id: str = "GPFED_CONSULT_REPORT", **more: Any) -> str:
        """Lay a message into a mailbox as if somebody else had sent it; ``more`` are fields of Message."""
        message = self._store(recipient=to, workflow_id=workflow_id, body=body, **more)
        return message.message_id

    def report(self, message_id: str, code: str = UNCOLLECTED, description: str = "") -> str:
        """Fail a message: its recipient cannot have it any more, its sender gets a REPORT; returns the report's id."""
        original = self.messages[message_id]
        original.status = "undeliverable" if code == UNCOLLECTED else "error"
        return self._report_about(original, code, description)

    def fail_next(self, method: str, path_pattern: str, *faults: Fault) -> None:
        """Let the next calls whose path has ``path_pattern`` (a regular expression) meet ``faults``, one each."""
        self._faults += [(method, re.compile(path_pattern), fault) for fault in faults]

    def down(self) -> None:
        self._is_down = True

    def up(self) -> None:
        self._is_down = False

    # What a test judges.

    def inbox(self, mailbox_id: str) -> list[Message]:
        """Return what lies unacknowledged in a mailbox, oldest first."""
        return [each for each in self.messages.values() if each.recipient == mailbox_id and each.status == "accepted"]

    # The service.

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if isinstance(self.clock, MovableClock):
            self.clock.move(timedelta(seconds=seconds))

    def _receive(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            path = request.url.raw_path.decode()
            self.requests.append((request.method, path))
            if self._is_down:
                raise httpx.ConnectError("[Errno 111] Connection refused")
            for planned in self._faults:
                method, pattern, fault = planned
                if method == request.method and pattern.search(path):
                    self._faults.remove(planned)
                    return fault(request, self._serve)
            return self._serve(request)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        segments = [unquote(each) for each in request.url.raw_path.decode().partition("?")[0].split("/")[2:]]
        if request.headers.get("accept") != V2:
            return error(400, "", "", "Accept header api format incorrect")
        if segments[0] == "endpointlookup":
            return self._look_up(*segments[1:])
        refusal = self._refuse_token(segments[0], request.headers.get("authorization", ""))
        if refusal:
            return error(403, "", "", refusal)
        mailbox, *rest = segments
        match request.method, *rest:
            case ("POST",):
                return self._shake_hands(request.headers)
            case _, "outbox", *deeper:
                return self._serve_outbox(mailbox, deeper, request)
            case "GET", "inbox":
                return self._list(mailbox, query_of(request))
            case _, "inbox", message_id, *deeper:
                return self._serve_item(mailbox, message_id, deeper, request)
        return respond(404, {"detail": "Not Found"})

    def _serve_outbox(self, mailbox: str, deeper: list[str], request: httpx.Request) -> httpx.Response:
        match request.method, *deeper:
            case ("POST",):
                return self._accept(mailbox, request)
            case "POST", message_id, number:
                return self._take_chunk(mailbox, message_id, int(number), request)
            case "GET", "tracking":
                return self._track(mailbox, query_of(request)["messageID"])
            case "GET", "tracking", local_id:
                return self._track_local_id(mailbox, local_id)
        return respond(404, {"detail": "Not Found"})

    def _serve_item(self, mailbox: str, message_id: str, deeper: list[str], request: httpx.Request) -> httpx.Response:
        if request.method == "PUT" and deeper == ["status", "acknowledged"]:
            return self._acknowledge(mailbox, message_id)
        return self._give(mailbox, message_id, int(deeper[0]) if deeper else 1, request)

    def _refuse_token(self, mailbox_id: str, token: str) -> str | None:
        """Return why a token is not good: it is good once, for two hours around its minute, for one mailbox."""
        parts = re.fullmatch(r"NHSMESH ([^: ]+):([^:]+):([0-9]+):([0-9]{12}):([0-9a-f]{64})", token)
        if not parts:
            return "Error reading from Authorization header"
        stated_mailbox, nonce, count, stamp, signature = parts.groups()
        mailbox = self._mailboxes.get(mailbox_id)
        if stated_mailbox != mailbox_id or mailbox is None:
            return "Mailbox id does not match token"
        signed = f"{mailbox_id}:{nonce}:{count}:{mailbox.password}:{stamp}"
        expected = hmac.new(SHARED_KEY.encode(), signed.encode("ascii"), hashlib.sha256).hexdigest()
        at = datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC)
        if signature != expected or abs(self.clock() - at) > timedelta(hours=2):
            return "Invalid Authentication Token"
        if f"{nonce}:{count}" in self._tokens:
            return "Error Duplicated Authentication Token"
        self._tokens.add(f"{nonce}:{count}")
        return None

    def _shake_hands(self, headers: httpx.Headers) -> httpx.Response:
        missing = [name for name in ("mex-clientversion", "mex-osname", "mex-osversion") if not headers.get(name)]
        return invalid(missing[0], "Field required") if missing else respond(200)

    def _accept(self, sender: str, request: httpx.Request) -> httpx.Response:
        """Take a message. Routing by GPPROVIDER never fails here: the sender hears of it by a REPORT."""
        headers = request.headers
        refusal = refuse_headers(sender, request)
        body = received(request)
        if refusal or isinstance(body, httpx.Response):
            return refusal or body
        recipient = headers["mex-to"]
        if recipient.startswith(PREFIX) and headers["mex-workflowid"] in ROUTED_WORKFLOWS:
            recipient = self._directory.route(recipient)
        if recipient not in self._mailboxes and recipient not in DESCRIPTIONS:
            return self._refuse_address(sender, headers)
        _, chunks = chunk_range(request)
        message = self._store(
            sender=sender, recipient=recipient, body=body, workflow_id=headers["mex-workflowid"],
            subject=headers.get("mex-subject", ""), local_id=headers.get("mex-localid", ""),
            content_type=headers.get("mex-content-type") or headers.get("content-type", ""),
            addressed_to=headers["mex-to"], chunks=chunks, parts={1: body},
            encoding=headers.get("content-encoding", ""), status="accepted" if chunks == 1 else "uploading",
        )  # fmt: skip
        if message.status == "accepted":
            self._settle(message)
        return respond(202, {"message_id": message.message_id})

    def _refuse_address(self, sender: str, headers: Mapping[str, str]) -> httpx.Response:
        """Say no twice, as NHS England's assurance tests expect: at once, with an id, and by a REPORT about that id."""
        refused = self._store(
            sender=sender, recipient="", body=b"", workflow_id=headers["mex-workflowid"], status="error"
        )
        self._report_about(refused, "12", "Unregistered to address")
        return error(417, "SEND", "12", "Unregistered to address", refused.message_id)

    def _take_chunk(self, sender: str, message_id: str, number: int, request: httpx.Request) -> httpx.Response:
        message = self.messages.get(message_id)
        uploading = message is not None and message.status == "uploading"
        answer = take_chunk(message, sender, number, request)
        if message is not None and uploading and message.status == "accepted":
            self._settle(message)
        return answer

    def _settle(self, message: Message) -> None:
        """Put a whole message where it belongs; what cannot be routed comes back as a REPORT."""
        self.posts.append(message)
        if message.recipient in DESCRIPTIONS:
            message.status = "error"
            self._report_about(message, message.recipient)

    def _store(self, **fields: Any) -> Message:
        message = Message(message_id=f"{self.clock():%Y%m%d%H%M%S}000000_{len(self.messages) + 1:06X}", **fields)
        self.messages[message.message_id] = message
        return message

    def _report_about(self, original: Message, code: str, description: str = "") -> str:
        report = self._store(
            sender="", recipient=original.sender, workflow_id=original.workflow_id, body=b"", chunks=0,
            subject=original.subject, local_id=original.local_id, message_type="REPORT",
            linked_message_id=original.message_id, code=code, event="SEND",
            description=description or DESCRIPTIONS.get(code, "Message not collected by recipient after 5 days"),
        )  # fmt: skip
        return report.message_id

    def _list(self, mailbox_id: str, query: Mapping[str, str]) -> httpx.Response:
        """List one page. The filter is applied to the page, so an empty page may still have a next one."""
        waiting = [each.message_id for each in self.inbox(mailbox_id)]
        start = waiting.index(query["continue_from"]) + 1 if query.get("continue_from") in waiting else 0
        page = waiting[start : start + min(int(query.get("max_results", 500)), self.page_size)]
        links = {"self": f"/messageexchange/{mailbox_id}/inbox"}
        if waiting[start + len(page) :]:
            wish = f"&workflow_filter={query['workflow_filter']}" if "workflow_filter" in query else ""
            links["next"] = f"{links['self']}?continue_from={page[-1]}{wish}"
        shown = [each for each in page if passes(self.messages[each].workflow_id, query.get("workflow_filter"))]
        return respond(200, {"messages": shown, "links": links, "approx_inbox_count": len(waiting)})

    def _give(self, mailbox_id: str, message_id: str, number: int, request: httpx.Request) -> httpx.Response:
        message = self.messages.get(message_id)
        if message is None or not 1 <= number <= max(message.chunks, 1):
            return error(404, "RECEIVE", "20", "Message does not exist")
        if message.recipient != mailbox_id:
            return error(403, "", "", "Forbidden")
        if message.status != "accepted":
            return error(410, "SEND", "Message already accepted", "Message no longer available for download")
        headers = message.mex_headers(number, self.clock())
        if request.method == "HEAD":
            return respond(200, headers=headers)
        return respond(206 if number < message.chunks else 200, message.chunk(number), headers, request)

    def _acknowledge(self, mailbox_id: str, message_id: str) -> httpx.Response:
        message = self.messages.get(message_id)
        if message is None:
            return error(404, "RECEIVE", "20", "Message does not exist")
        if message.recipient != mailbox_id:
            return error(403, "", "", "Forbidden")
        message.status = "acknowledged"
        self.acknowledged.append(message_id)
        return respond(200)

    def _track(self, mailbox_id: str, message_id: str) -> httpx.Response:
        message = self.messages.get(message_id)
        if message is None or message.sender != mailbox_id:
            return error(404, "", "", "Not Found")
        return respond(200, message.tracked(old=False))

    def _track_local_id(self, mailbox_id: str, local_id: str) -> httpx.Response:
        """Answer in the version 1 shape: this call is deprecated and never got another one."""
        sent = [each for each in self.messages.values() if each.sender == mailbox_id and each.addressed_to]
        found = [each for each in sent if each.local_id == local_id]
        if len(found) != 1:
            return respond(300 if found else 404, {"message": "An internal error occurred."})
        return respond(200, found[0].tracked(old=True))

    def _look_up(self, ods_code: str, workflow_id: str) -> httpx.Response:
        takers = [each for each in self._mailboxes.values() if each.takes(ods_code, workflow_id)]
        names = [{"mailbox_id": each.mailbox_id, "mailbox_name": f"Mailbox of {ods_code}"} for each in takers]
        return respond(200, {"results": names})
