"""A batch of messages through the real receiver, and what must be true of each of them afterwards."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from shared.errors import MessagingError
from shared.itk3.codes import Level
from shared.itk3.identity import response_id
from shared.itk3.parse import read
from shared.itk3.responses import read_response
from shared.itk3.rule import Context
from shared.itk3.rules import REPLACEMENT_FAILED, Verdict, judge
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.mesh_faults import Fault, Serve
from tests.fakes.mesh_wire import V2
from tests.fuzz.findings import Findings
from tests.fuzz.letters import Letter
from tests.fuzz.octets import Wire
from tests.fuzz.specimens import INDEX, found_in, renamed, specimens
from tests.registered_receiver.bench import BIRCH, THEM, US, ReceiverBench, wire_receiver

_LIMIT = 20_000_000
# large ones must not all lie in memory at once
_AT_A_TIME = 25
_MOST_AT_ONCE = 10_000_000
_REPEATED = {"20007": "new-message", "20008": "new-document"}
_LEVELS = {
    **dict.fromkeys(("rejected", "duplicate", "review"), (Level.INFRASTRUCTURE,)),
    **dict.fromkeys(("filed", "unmatched"), (Level.INFRASTRUCTURE, Level.BUSINESS)),
    "ignored": (),
}
"""The one outcome of each message: its state, and a response of each of these levels."""
# nothing that a message holds may ever lead to one of these lines
_ALARMING = {
    *("job.failed", "work.postponed", "work.parked", "collection.failed", "response.postponed", "outage.began"),
    *("task.drop_postponed", "mesh.refused"),
}
# two reports of one consultation that name different patients, or a document that names another's original: a person
# must look
_EXPECTED_ALERTS = {"patient_differs", "replacement_failed"}


class TimedMesh(InMemoryMesh):
    """A MESH that knows how much processor time went by while each message was collected."""

    def __init__(self) -> None:
        super().__init__()
        self.collecting: Counter[str] = Counter()
        self._of = ""
        self._since = 0.0

    def held(self) -> int:
        """Return how many bytes it holds, which are memory of the process whose memory is measured."""
        return sum(len(message.body) for message in self.messages.values())

    def _acknowledge(self, mailbox_id: str, message_id: str) -> httpx.Response:
        answer = super()._acknowledge(mailbox_id, message_id)
        # a real MESH does not keep it in this process
        self.messages[message_id].body = b""
        return answer

    def _receive(self, request: httpx.Request) -> httpx.Response:
        now = time.process_time()
        self.collecting[self._of] += now - self._since  # type: ignore[assignment]  # seconds
        _, _, rest = request.url.path.partition("/inbox/")
        self._of, self._since = rest.partition("/")[0], now
        return super()._receive(request)


def _bomb(zipped: bytes) -> Fault:
    def fault(request: httpx.Request, serve: Serve) -> httpx.Response:
        headers = dict(serve(request).headers) | {"content-type": V2, "content-encoding": "gzip"}
        headers.pop("content-length", None)
        return httpx.Response(200, headers=headers, stream=Wire(zipped))

    return fault


@dataclass(frozen=True)
class Expected:
    """What the rules say of a message on its own; None for one that only the wire can tell."""

    readable: bool
    is_response: bool
    verdict: Verdict
    message_id: str | None
    payload_identifier: str | None

    @classmethod
    def of(cls, each: Letter) -> Expected | None:
        """Judge a message on its own."""
        if each.zipped is not None:
            return None
        reading = read(each.body, _LIMIT)
        verdict = judge(reading, Context(BIRCH.ods_code, THEM))
        readable = reading.envelope is not None
        return cls(readable, reading.is_response, verdict, reading.message_id, reading.payload_identifier)

    def differs(self, record: Mapping[str, Any]) -> list[str]:
        """Return how what the receiver made of the message differs from this."""
        code = record["infrastructure_code"]
        if self.is_response or record["state"] == "ignored":
            agree = self.is_response and record["state"] == "ignored"
            return [] if agree else [f"a response is {record['state']}"]
        if code == REPLACEMENT_FAILED:
            return [] if self.verdict.accepted else [f"{code} of a message that is refused anyway"]
        if code in _REPEATED:
            wanted = self.message_id if code == "20007" else self.payload_identifier
            return [] if wanted else [f"{code} without an id"]
        found = (code, None if self.verdict.accepted else record["diagnostics"])
        expected = (self.verdict.code, None if self.verdict.accepted else self.verdict.diagnostics)
        return [] if found == expected else [f"{found} instead of {expected}"]


class Batch:
    """Messages that come to one receiver, some at a time; a good one comes last."""

    def __init__(self, directory: Path, numbers: Sequence[int], letter: Callable[[int], Letter]) -> None:
        self._numbers, self._letter = numbers, letter
        self._mesh = TimedMesh()
        self._mesh.add_mailbox(THEM, ods_code="A81001")
        self._mesh.add_mailbox(US, ods_code="B82002")
        url = f"sqlite:///{directory}/receiver.sqlite3"
        self._bench: ReceiverBench = wire_receiver(url, self._mesh, directory, TASK_DROP_DIR=str(directory))
        self._bench.know(*INDEX)
        self._ids: dict[int, str] = {}
        self._expected: dict[int, Expected | None] = {}
        self._names: dict[int, str] = {}
        self._processing: dict[str, float] = {}

    @property
    def _range(self) -> str:
        return f"{min(self._numbers)} to {max(self._numbers)}"

    def run(self, findings: Findings) -> None:
        """Let the receiver deal with them all, and judge."""
        last = ""
        try:
            waiting: list[str] = []
            for number in self._numbers:
                waiting.append(self._deliver(number))
                if len(waiting) >= _AT_A_TIME or self._mesh.held() > _MOST_AT_ONCE:
                    self._work(waiting)
                    waiting = []
            self._work(waiting)
            chance = Random(min(self._numbers))
            good = renamed(specimens()[0], chance, chance, chance)
            last = self._bench.deliver(good.xml, subject=good.subject)
            self._bench.once()
        except Exception as error:  # noqa: BLE001 - this is what the fuzz looks for
            findings.blame("message", None, f"{self._range}: {_words(error)}")
        records = {record["mesh_message_id"]: record for record in self._bench.messages()}
        self._judge_each(findings, records)
        self._judge_all(findings, records.get(last, {}))
        self._bench.receiver.close()

    def _deliver(self, number: int) -> str:
        each = self._letter(number)
        self._names[number], self._expected[number] = each.name, Expected.of(each)
        addressed = {"mex-to": each.addressed_to} if each.addressed_to else {}
        mesh_id = self._bench.deliver(each.body, subject=each.subject, extra_headers=addressed)
        self._ids[number] = mesh_id
        if each.zipped is not None:
            self._mesh.fail_next("GET", f"/inbox/{mesh_id}$", _bomb(each.zipped))
        return mesh_id

    def _work(self, order: Sequence[str]) -> None:
        self._bench.step("collect")
        # whoever is to stop deals with one a step, the oldest
        self._bench.receiver.stopping.set()
        for mesh_id in order:
            begun = time.process_time()
            self._bench.step("process")
            self._processing[mesh_id] = time.process_time() - begun
        self._bench.receiver.stopping.clear()
        for job in ("process", "reply", "drop", "chase"):
            while self._bench.step(job):
                pass

    def _judge_each(self, findings: Findings, records: Mapping[str, dict[str, Any]]) -> None:
        posted: dict[str, list[str]] = {}
        for post in self._bench.posts():
            posted.setdefault(post.local_id, []).append(str(read_response(post.body).code))
        for number, mesh_id in self._ids.items():
            record, expected, name = records.get(mesh_id), self._expected[number], self._names[number]
            wrong = ["it is not on record"] if record is None else _wrong_with(record, posted)
            if record is not None and expected is not None:
                wrong += expected.differs(record)
                _count_rules(findings, expected, record["infrastructure_code"])
            findings.count("message", record["state"] if record else "lost")
            seconds = self._mesh.collecting[mesh_id] + self._processing.get(mesh_id, 0.0)
            findings.took(seconds, f"message {number}, {name}")
            for fault in wrong:
                findings.blame("message", number, f"{name}: {fault}")

    def _judge_all(self, findings: Findings, last: Mapping[str, Any]) -> None:
        if last.get("state") != "filed":
            findings.blame("message", None, f"{self._range}: a good message after them is {last.get('state')}")
        left = len(self._mesh.inbox(US))
        if left:
            findings.blame("message", None, f"{self._range}: {left} were not acknowledged")
        filed = [record for record in self._bench.messages() if record["state"] == "filed"]
        if len({record["task_id"] for record in filed}) != len(filed) or len(self._bench.tasks()) != len(filed):
            findings.blame("message", None, f"{self._range}: tasks and filed messages differ")
        identifiers = [read_response(post.body).message_id for post in self._bench.posts()]
        if len(set(identifiers)) != len(identifiers):
            findings.blame("message", None, f"{self._range}: two responses have one id")
        self._judge_log(findings)

    def _judge_log(self, findings: Findings) -> None:
        numbers = {mesh_id: number for number, mesh_id in self._ids.items()}
        for text in self._bench.logged.getvalue().splitlines():
            line = json.loads(text)
            number = numbers.get(line.get("mesh_message_id"))
            expected = line.get("kind") in _EXPECTED_ALERTS
            if line["event"] in _ALARMING or (line["level"] == "error" and not expected):
                findings.blame("message", number, f"{self._range}: logged {text}")
            if found_in(text):
                findings.blame("message", number, f"{self._range}: {found_in(text)} in a line {line['event']}")


def _wrong_with(record: Mapping[str, Any], posted: Mapping[str, list[str]]) -> list[str]:
    """Return what of the record and its responses is not one outcome."""
    state, mesh_id = record["state"], record["mesh_message_id"]
    if state not in _LEVELS:
        return [f"it stays {state}"]
    codes = {Level.INFRASTRUCTURE: record["infrastructure_code"], Level.BUSINESS: record["business_code"]}
    found = []
    for level, code in codes.items():
        expected = [code] if level in _LEVELS[state] else []
        answers = posted.get(f"{response_id(mesh_id, level)}.1", [])
        if answers != expected or None in expected:
            found.append(f"{state}, and the {level} responses are {answers} instead of {expected}")
    if (record["task_id"] is not None) != (state == "filed"):
        found.append(f"{state} with task {record['task_id']}")
    if found_in(record["diagnostics"] or ""):
        found.append("the diagnostics quote the message")
    return found


def _count_rules(findings: Findings, expected: Expected, code: str | None) -> None:
    findings.readable += expected.readable
    if not expected.is_response:
        findings.failing.update(failure.id for failure in expected.verdict.failures)
        findings.deciding[_REPEATED.get(code or "") or expected.verdict.decided_by or ""] += 1


def _words(error: Exception) -> str:
    text = str(error) if isinstance(error, MessagingError) else ""
    return f"{type(error).__name__} {text}".strip()
