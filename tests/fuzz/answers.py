"""Every call to MESH against answers that are nearly right: only a MeshError may come out."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from random import Random
from typing import Any

import httpx

from shared.errors import MeshError
from shared.mesh.client import MeshClient
from shared.mesh.delivery import deliver
from shared.mesh.messages import OutgoingMessage
from tests.fakes.mesh import InMemoryMesh
from tests.fuzz import json_trees, octets, values
from tests.fuzz.findings import Findings

US, THEM = "ALDERMB1", "BIRCHMB1"
WORKFLOW = "GPFED_CONSULT_REPORT"
# of a patient whom no mutation names: what MESH says of its own accord is not what it was told
NHS_NUMBER, BORN, FAMILY, SECRET = "9658218873", date(1948, 2, 29), "Thistledown", "Marzipan"
SUBJECT = f"Federated consultation report for Mr {FAMILY} , NHS Number {NHS_NUMBER}"
ADDRESS = f"GPPROVIDER_{NHS_NUMBER}_{BORN:%Y%m%d}_{FAMILY}"
_TOLD = (NHS_NUMBER, BORN.isoformat(), f"{BORN:%Y%m%d}", FAMILY, SECRET)
_BODY = f"<Bundle>{SECRET}</Bundle>".encode() * 20
_MESSAGE = OutgoingMessage(ADDRESS, WORKFLOW, "a1b2.1", SUBJECT, _BODY)
_TO_US = OutgoingMessage(THEM, WORKFLOW, "a1b2.0", "A subject", _BODY)
_LARGE = OutgoingMessage(THEM, WORKFLOW, "a1b2.2", SUBJECT, _BODY * 5)
_CHUNK = 1_000

Call = Callable[[MeshClient, str], Any]


def _download(client: MeshClient, message_id: str) -> Any:
    with client.download(message_id, 100_000) as message:
        return message.body, message.report


CALLS: Mapping[str, Call] = {
    "handshake": lambda client, _: client.handshake(),
    "list": lambda client, _: client.list_inbox(),
    "list filtered": lambda client, _: client.list_inbox(f"{WORKFLOW}*"),
    "head": lambda client, message_id: client.head(message_id).report,
    "download": _download,
    "acknowledge": lambda client, message_id: client.acknowledge(message_id),
    "track": lambda client, message_id: client.track(message_id),
    "track by local id": lambda client, _: client.track_local_id("a1b2.0"),
    "look up": lambda client, _: client.lookup("B82002", WORKFLOW),
    "send": lambda client, _: client.send(_MESSAGE),
    "send in chunks": lambda client, _: client.send(_LARGE),
    "resume": lambda client, message_id: client.resume(_LARGE, message_id),
    "deliver": lambda client, _: deliver(client, _TO_US, look_first=True),
    "deliver in chunks": lambda client, _: deliver(client, _LARGE, look_first=True),
}

_STATUS = (200, 200, 200, 202, 204, 206, 207, 300, 302, 400, 401, 403, 404, 406, 410, 413, 417, 422, 423, 429, 500, 503)
_CUTS = (httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectError, httpx.DecodingError)
_HEADERS = (
    *("mex-messageid", "mex-messagetype", "mex-from", "mex-to", "mex-workflowid", "mex-localid", "mex-subject"),
    *("mex-linkedmsgid", "mex-statuscode", "mex-statusdescription", "mex-statustimestamp", "mex-chunk-range", "date"),
    *("content-type", "content-encoding", "content-length", "retry-after", "location", "x-more"),
)
_HEADER_VALUES = (
    *("", " ", "0", "-1", "1:0", "0:1", "1:2", "2:2", "999999:999999", "9" * 300, "DATA", "REPORT", "gzip", "br"),
    *("gzip, gzip", "identity", "20261332000000", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 99 Zzz 9999 00:00:00 GMT"),
    *("soon", "1e999", "http://127.0.0.1:9/", "X" * 5_000, "é", "a\tb", US, THEM, WORKFLOW, "00", "14", "EPL-151"),
)


@dataclass(frozen=True)
class Answer:
    """One answer as it is laid into MESH's mouth: of ``call`` the first, or every, request gets it."""

    call: str
    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    cut: int | None = None

    def as_json(self) -> str:
        """Return it as a regression case is written down."""
        facts = {"call": self.call, "status": self.status, "headers": self.headers, "cut": self.cut}
        return json.dumps({**facts, "body": b64encode(self.body).decode()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """Return a regression case."""
        facts = json.loads(text)
        headers = tuple((name, value) for name, value in facts["headers"])
        return cls(facts["call"], facts["status"], headers, b64decode(facts["body"]), facts["cut"])


def mutated(rng: Random, call: str, good: httpx.Response) -> Answer:
    """Return an answer that is like the good one, but for something."""
    raw = b"".join(good.stream)  # type: ignore[arg-type]  # every fake answers with bytes
    zipped = good.headers.get("content-encoding") == "gzip"
    body = gzip.decompress(raw) if zipped else raw
    status = rng.choice(_STATUS) if rng.random() < 0.35 else good.status_code
    headers = [(name, value) for name, value in good.headers.items() if name != "content-length"]
    body = _body(rng, call, body, status)
    for _ in range(rng.choice((0, 0, 0, 1, 2, 4))):
        headers = _with_odd_header(rng, headers)
    if zipped:
        body = gzip.compress(body, 1)
        if rng.random() < 0.2:
            body = octets.mutate(rng, body, 2)
    elif rng.random() < 0.04:
        headers.append(("content-encoding", "gzip"))
        body = rng.choice(octets.zipped_bombs())
    return Answer(call, status, tuple(headers), body, rng.randrange(len(_CUTS)) if rng.random() < 0.03 else None)


def _body(rng: Random, call: str, body: bytes, status: int) -> bytes:
    if status >= 300 and rng.random() < 0.7:
        # only the POST that creates a message tells MESH the subject
        quoted = (ADDRESS, f"to {ADDRESS.lower()}", NHS_NUMBER, *((SUBJECT, SUBJECT.upper()) if call == "send" else ()))
        return json.dumps(_error(rng, rng.choice(quoted))).encode()
    kind = rng.random()
    if kind < 0.15:
        return body
    if kind < 0.30:
        return octets.mutate(rng, body, rng.choice((1, 3, 20)))
    if kind < 0.35:
        return rng.choice(octets.SMALL)(rng)
    try:
        content = json.loads(body)
    except ValueError:
        content = {"messages": ["1"], "links": {"next": "/messageexchange/ALDERMB1/inbox?continue_from=1"}}
    whole = [content]
    json_trees.mutate(rng, whole, rng.choice((1, 1, 2, 5)))
    return json_trees.written(rng, whole[0] if whole else None)


def _error(rng: Random, quoted: str) -> Any:
    """Return an error in one of MESH's shapes, or nearly, that quotes what it was sent."""
    words = {"event": "SEND", "code": rng.choice(("02", "12", "EPL-151", "9" * 200)), "msg": f"refused: {quoted}"}
    old = {"errorEvent": "SEND", "errorCode": "06", "errorDescription": f"refused: {quoted}", "messageID": "1"}
    return rng.choice(
        (
            *({"detail": [words]}, {"detail": words}, {"detail": words["msg"]}, {"message_id": "1", "detail": [words]}),
            *(old, {"detail": []}, {"detail": None}, {"detail": [words["msg"]]}, {"detail": [[words]]}, [words]),
        )
    )


def _with_odd_header(rng: Random, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    name, value = rng.choice(_HEADERS), rng.choice((*_HEADER_VALUES, values.odd(rng)))
    kept = headers if rng.random() < 0.2 else [each for each in headers if each[0].lower() != name]
    return kept if rng.random() < 0.3 else [*kept, (name, value)]


class Listening:
    """A client and a MESH whose answers to one call are changed on their way."""

    def __init__(self) -> None:
        self._mesh = InMemoryMesh()
        self._mesh.add_mailbox(US, ods_code="A81001")
        self._mesh.add_mailbox(THEM, ods_code="B82002")
        self._mesh.register(NHS_NUMBER, BORN, FAMILY, THEM)
        self._change: Callable[[httpx.Response], Answer] | None = None
        transport = httpx.MockTransport(self._answer)
        account, clock, pause = self._mesh.account(US), self._mesh.clock, self._mesh._pause
        self._client = MeshClient(account, clock, transport, pause, chunk_size=_CHUNK)
        octets.zipped_bombs()  # made now, so that no call seems to take long
        self._call = ""

    def hear(self, call: str, change: Callable[[httpx.Response], Answer]) -> tuple[str, str]:
        """Make a call; return what came of it, and what is wrong with that."""
        self._mesh.messages.clear()
        self._mesh.posts.clear()
        message_id = self._mesh.put(US, _BODY, sender=US, subject=SUBJECT, addressed_to=US)
        self._call, self._change = call, change
        try:
            CALLS[call](self._client, message_id)
        except MeshError as error:
            return type(error).__name__, _quoted(error)
        except Exception as error:  # noqa: BLE001 - this is what the fuzz looks for
            return type(error).__name__, f"{type(error).__name__} came out"
        finally:
            self._change = None
        return "value", ""

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        good = self._mesh.transport.handle_request(request)
        # an unwell handshake would keep every other call from being made
        shakes_hands = "mex-osname" in request.headers and self._call != "handshake"
        if self._change is None or shakes_hands:
            return good
        answer = self._change(good)
        if answer.cut is not None:
            raise _CUTS[answer.cut]("cut")
        headers = [(name, value.encode("utf-8", "replace")) for name, value in answer.headers]
        plain = [(name.encode(), value) for name, value in headers]
        return httpx.Response(answer.status, headers=plain, stream=octets.Wire(answer.body))


def _quoted(error: MeshError) -> str:
    found = [word for word in _TOLD if word.casefold() in str(error).casefold()]
    return f"{found} in the words of {type(error).__name__}" if found else ""


def written(seed: int, number: int) -> str:
    """Return the last answer that call ``number`` heard, as a regression case is written down."""
    heard: list[Answer] = []
    call = _call(number)

    def change(good: httpx.Response) -> Answer:
        heard.append(mutated(rng, call, good))
        return heard[-1]

    rng = Random(f"{seed}:answer:{number}")
    Listening().hear(call, change)
    return heard[-1].as_json()


def _call(number: int) -> str:
    return list(CALLS)[number % len(CALLS)]


def answers(seed: int, numbers: range, findings: Findings) -> None:
    """Let the client hear the answers of these numbers."""
    listening = Listening()
    for number in numbers:
        rng = Random(f"{seed}:answer:{number}")
        call = _call(number)
        begun = time.process_time()
        outcome, wrong = listening.hear(call, partial(mutated, rng, call))
        findings.took(time.process_time() - begun, f"answer {number} to {call}")
        findings.count("answer", outcome)
        if wrong:
            findings.blame("answer", number, f"to {call}: {wrong}")
