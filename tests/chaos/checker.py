"""Whether everything ended as it must, judged from outside: MESH's own record and both databases, read as they are.

Imports nothing of the product. Every function yields what is wrong, in words; nothing yielded is a good end.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree
from sqlalchemy import Engine, text

from tests.chaos.surgery import Consultation

Row = Mapping[str, Any]
FHIR: Final = {"f": "http://hl7.org/fhir"}
_OF_TASKS: Final = ("open", "completed", "superseded")
_SENDER: Final = ("report", "report_body", "inbox", "timeline", "alert")
_RECEIVER: Final = ("message", "message_body", "response", "task", "task_document", "blob", "timeline", "alert")


@dataclass(frozen=True)
class Evidence:
    """All that can be seen. ``editions`` is how many editions of each consultation the clinical system wrote."""

    mesh: Sequence[Row]
    sender: Mapping[str, Sequence[Row]]
    receiver: Mapping[str, Sequence[Row]]
    written: Mapping[str, Consultation]
    editions: Mapping[str, int]

    def posts(self, workflow: str) -> list[Row]:
        """Return what MESH took of a workflow, oldest first."""
        return [each for each in self.mesh if each["message_type"] == "DATA" and each["workflow_id"] == workflow]


def read_tables(engine: Engine, schema: str) -> dict[str, list[Row]]:
    """Return every row of a daemon's tables; ``schema`` is theirs on PostgreSQL."""
    names = _SENDER if schema == "federated_sender" else _RECEIVER
    prefix = f"{schema}." if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {prefix}{name}")).mappings()]
            for name in names
        }


class Message:
    """What a message itself says, read by its element names alone."""

    def __init__(self, body: bytes) -> None:
        self._root = etree.fromstring(body)
        self.message_id = self._one("//f:MessageHeader/f:id/@value")
        self.answers = self._one("//f:MessageHeader/f:response/f:identifier/@value")
        self.code = self._one("//f:OperationOutcome//f:details/f:coding/f:code/@value")
        self.documents = [
            hashlib.sha256(base64.b64decode(each)).hexdigest()
            for each in self._all("//f:attachment/f:data/@value | //f:Binary/f:content/@value")
        ]

    def _one(self, path: str) -> str:
        return next(iter(self._all(path)), "")

    def _all(self, path: str) -> list[str]:
        return [str(each) for each in self._root.xpath(path, namespaces=FHIR)]


def faults(evidence: Evidence) -> list[str]:
    """Return everything that is wrong."""
    reports = evidence.posts("GPFED_CONSULT_REPORT")
    answers = evidence.posts("GPFED_CONSULT_REPORT_ACK")
    return [
        *_every_consultation_ends_in_one_right_state(evidence),
        *_versions_are_whole_and_in_order(evidence),
        *_what_was_sent_is_what_was_stored(evidence, reports),
        *_every_report_reached_one_task(evidence),
        *_documents_are_what_was_sent(evidence, reports),
        *_each_message_is_answered_once_at_each_level(evidence, reports, answers),
        *_nothing_is_left_in_mesh(evidence),
        *_stories_have_no_gaps(evidence.sender, "report", "id", "the sender's report"),
        *_stories_have_no_gaps(evidence.receiver, "message", "mesh_message_id", "the receiver's message"),
        *_nothing_waits_for_a_person_without_need(evidence),
    ]


def lasting_faults(evidence: Evidence) -> list[str]:
    """Return what is wrong in what stays for ever; bytes that went after their time are not missed."""
    return [
        *_every_consultation_ends_in_one_right_state(evidence),
        *_every_report_reached_one_task(evidence),
        *_stories_have_no_gaps(evidence.sender, "report", "id", "the sender's report"),
        *_stories_have_no_gaps(evidence.receiver, "message", "mesh_message_id", "the receiver's message"),
        *_nothing_waits_for_a_person_without_need(evidence),
    ]


def is_settled(evidence: Evidence) -> bool:
    """Say whether nothing is under way any more."""
    known = {row["consultation_id"] for row in evidence.sender["report"]}
    return (
        known >= evidence.written.keys()
        and all(row["state"] not in ("waiting", "queued", "sent", "accepted") for row in evidence.sender["report"])
        and all(row["processed_at"] is not None for row in evidence.sender["inbox"])
        and all(row["state"] not in ("received", "valid") for row in evidence.receiver["message"])
        and all(row["sent_at"] is not None for row in evidence.receiver["response"])
        and not _unacknowledged(evidence)
    )


def standing(evidence: Evidence) -> tuple[Any, ...]:
    """Return something that stays the same as long as nothing goes on."""
    reports = [(row["state"], row["version"], row["attempts"]) for row in evidence.sender["report"]]
    messages = [(row["state"], row["attempts"]) for row in evidence.receiver["message"]]
    responses = [(row["sent_at"], row["attempts"]) for row in evidence.receiver["response"]]
    inbox = [(row["processed_at"], row["attempts"]) for row in evidence.sender["inbox"]]
    mesh = [row["status"] for row in evidence.mesh]
    return tuple(sorted(map(str, rows)) for rows in (reports, messages, responses, inbox, mesh))


def _unacknowledged(evidence: Evidence) -> list[Row]:
    return [row for row in evidence.mesh if row["status"] == "accepted"]


def _by(rows: Sequence[Row], *names: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]].append(row)
    return found


def _every_consultation_ends_in_one_right_state(evidence: Evidence) -> Iterator[str]:
    reports = _by(evidence.sender["report"], "consultation_id")
    for consultation_id, consultation in evidence.written.items():
        kind, rows = consultation.kind, reports.get(consultation_id, [])
        if not rows:
            yield f"{kind.name} {consultation_id} is not known to the sender"
        if kind.name != "updated" and len(rows) > 1:
            yield f"{kind.name} {consultation_id} has {len(rows)} versions"
        for row in rows:
            if row["state"] != kind.state:
                yield f"{kind.name} {consultation_id} version {row['version']} is {row['state']}, not {kind.state}"
            elif kind.reason is not None and row["reason"] != kind.reason:
                yield f"{kind.name} {consultation_id} has the reason {row['reason']}, not {kind.reason}"
            if (row["version"] is not None) != kind.is_sent:
                yield f"{kind.name} {consultation_id} has the version {row['version']}"


def _versions_are_whole_and_in_order(evidence: Evidence) -> Iterator[str]:
    for consultation_id, rows in _by(evidence.sender["report"], "consultation_id").items():
        consultation = evidence.written.get(consultation_id)
        if consultation is None:
            yield f"nobody wrote the consultation {consultation_id}"
            continue
        numbers = sorted(row["version"] for row in rows if row["version"] is not None)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{consultation_id} has the versions {numbers}"
        editions = evidence.editions[consultation_id]
        if len(numbers) > editions:
            yield f"{consultation_id} was written {editions} times and has {len(numbers)} versions"
        newest = max(rows, key=lambda row: row["version"] or 0)
        if consultation.kind.is_sent and consultation.note(editions) not in (newest["content"] or ""):
            yield f"the newest version of {consultation_id} is not the newest edition"


def _what_was_sent_is_what_was_stored(evidence: Evidence, posts: Sequence[Row]) -> Iterator[str]:
    bodies = {row["report"]: row["message"] for row in evidence.sender["report_body"]}
    known = {row["message_id"]: row for row in evidence.sender["report"] if row["message_id"]}
    order: dict[str, int] = {}
    for post in posts:
        report = known.get(Message(post["body"]).message_id)
        if report is None:
            yield f"MESH took {post['message_id']}, which no report of the sender is"
            continue
        if bytes(bodies[report["id"]]) != post["body"]:
            yield f"MESH took other bytes than are stored of report {report['report_id']}"
        if report["version"] < order.get(report["consultation_id"], 0):
            yield f"version {report['version']} of {report['consultation_id']} was sent after a later one"
        order[report["consultation_id"]] = report["version"]
    taken = Counter(Message(post["body"]).message_id for post in posts)
    for message_id, number in taken.items():
        # this MESH can always say what it took: there is no reason to send anything twice
        if number > 1:
            yield f"MESH took {message_id} {number} times"
    for message_id, report in known.items():
        if message_id not in taken:
            yield f"report {report['report_id']} is {report['state']} and MESH never took it"


def _every_report_reached_one_task(evidence: Evidence) -> Iterator[str]:
    tasks = _by(evidence.receiver["task"], "consultation_id", "version")
    for row in evidence.sender["report"]:
        key = (row["consultation_id"], row["version"])
        wanted = int(row["state"] == "delivered")
        if len(tasks.get(key, [])) != wanted:
            yield f"version {key[1]} of {key[0]} is {row['state']} and has {len(tasks.get(key, []))} tasks"
    known = {(row["consultation_id"], row["version"]) for row in evidence.sender["report"]}
    for key in tasks.keys() - known:
        yield f"the task of version {key[1]} of {key[0]} came from nowhere"
    for consultation_id, rows in _by(evidence.receiver["task"], "consultation_id").items():
        current = [row["version"] for row in rows if row["state"] != "superseded"]
        if current != [max(row["version"] for row in rows)]:
            yield f"of {consultation_id} the versions {current} are open"


def _documents_are_what_was_sent(evidence: Evidence, posts: Sequence[Row]) -> Iterator[str]:
    for row in evidence.receiver["blob"]:
        if hashlib.sha256(bytes(row["data"])).hexdigest() != row["sha256"]:
            yield f"the stored document {row['sha256']} has other bytes"
    stored = {row["sha256"] for row in evidence.receiver["blob"]}
    sent = {post["message_id"]: Message(post["body"]) for post in posts}
    documents = _by(evidence.receiver["task_document"], "task_id")
    for task in evidence.receiver["task"]:
        rows = sorted(documents.get(task["task_id"], []), key=lambda row: row["position"])
        digests = [row["sha256"] for row in rows]
        if sorted(digests) != sorted(sent[task["mesh_message_id"]].documents):
            yield f"the documents of task {task['task_id']} are not those that were sent"
        if not set(digests) <= stored:
            yield f"a document of task {task['task_id']} is not stored"
        consultation = evidence.written[task["consultation_id"]]
        attached = [each["sha256"] for each in consultation.attachments()]
        if digests[1:] != attached:
            yield f"the attachments of task {task['task_id']} are not those of the consultation"
    bodies = {row["mesh_message_id"]: bytes(row["body"]) for row in evidence.receiver["message_body"]}
    for post in posts:
        if post["recipient"] == "BIRCHMB1" and bodies.get(post["message_id"]) != post["body"]:
            yield f"the receiver has other bytes of {post['message_id']} than MESH"


def _each_message_is_answered_once_at_each_level(
    evidence: Evidence, reports: Sequence[Row], answers: Sequence[Row]
) -> Iterator[str]:
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    bytes_of: dict[str, set[bytes]] = defaultdict(set)
    for post in answers:
        message = Message(post["body"])
        bytes_of[message.message_id].add(post["body"])
        said[message.answers, message.code].add(message.message_id)
    for message_id, bodies in bytes_of.items():
        if len(bodies) > 1:
            yield f"the response {message_id} was sent with different bytes"
    copies = Counter(Message(post["body"]).message_id for post in reports if post["recipient"] == "BIRCHMB1")
    for message_id, number in copies.items():
        by_code = {code: len(ids) for (answered, code), ids in said.items() if answered == message_id}
        business = sum(count for code, count in by_code.items() if code.startswith("3"))
        first, repeated = by_code.get("20013", 0), by_code.get("20007", 0)
        if (first, business, repeated) != (1, 1, number - 1):
            yield f"the message {message_id} went out {number} times and was answered {by_code}"
    for answered, _ in said:
        if answered not in copies:
            yield f"a response answers {answered}, which nobody sent"


def _nothing_is_left_in_mesh(evidence: Evidence) -> Iterator[str]:
    for row in _unacknowledged(evidence):
        yield f"{row['message_type']} {row['message_id']} still lies in the mailbox {row['recipient']}"
    kept = {row["mesh_message_id"] for row in evidence.receiver["message"]}
    kept |= {row["mesh_message_id"] for row in evidence.sender["inbox"]}
    for row in evidence.mesh:
        if row["status"] == "acknowledged" and row["message_id"] not in kept:
            yield f"{row['message_id']} was acknowledged and nobody has it"


def _stories_have_no_gaps(tables: Mapping[str, Sequence[Row]], name: str, key: str, what: str) -> Iterator[str]:
    column = "report" if name == "report" else key
    stories = _by(tables["timeline"], column)
    for record in tables[name]:
        state = None
        story = sorted(stories.get(record[key], []), key=lambda row: row["id"])
        for entry in story:
            # a message's story has what became of its task and of its responses, too
            if entry["to_state"] is None or entry["to_state"] in _OF_TASKS:
                continue
            if entry["from_state"] != state:
                yield f"{what} {record[key]} jumps from {state} to {entry['from_state']}"
            state = entry["to_state"]
        if state != record["state"]:
            yield f"{what} {record[key]} is {record['state']}, its story ends with {state}"


def _nothing_waits_for_a_person_without_need(evidence: Evidence) -> Iterator[str]:
    for side, tables in (("sender", evidence.sender), ("receiver", evidence.receiver)):
        for row in tables["alert"]:
            if row["closed_at"] is None and row["kind"] in ("parked", "response_for_nobody", "collection_failed"):
                yield f"the {side} has the open alert {row['kind']} about {row['subject_id']}: {row['text']}"
