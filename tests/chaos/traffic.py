"""Whether what went over MESH is what both sides have: messages, documents, responses, each byte of them.

Like ``checker``, it imports nothing of the product and yields what is wrong.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.evidence import REGISTERED_MAILBOX, REPORTS, RESPONSES, Evidence, Row, grouped, read_message

_POSITIVE = ("20013", "20007")


def faults(evidence: Evidence) -> Iterator[str]:
    """Yield everything that is wrong with what was sent."""
    reports, responses = evidence.posts(REPORTS), evidence.posts(RESPONSES)
    yield from _what_was_sent_is_what_was_stored(evidence, reports)
    yield from _responses_are_what_was_stored(evidence)
    yield from _versions_were_sent_in_order(evidence, reports)
    yield from _what_came_is_what_was_sent(evidence)
    yield from _documents_are_what_was_sent(evidence, reports)
    yield from _each_message_is_answered_once_at_each_level(evidence, reports, responses)
    yield from _each_report_has_the_codes_of_its_responses(evidence, responses)
    yield from _nothing_is_left_in_mesh(evidence)


def _what_was_sent_is_what_was_stored(evidence: Evidence, posts: Sequence[Row]) -> Iterator[str]:
    bodies = {row["report"]: row["message"] for row in evidence.sender["report_body"]}
    known = {row["message_id"]: row for row in evidence.sender["report"] if row["message_id"]}
    taken = Counter(read_message(post["body"]).message_id for post in posts)
    for post in posts:
        report = known.get(read_message(post["body"]).message_id)
        if report is None:
            yield f"MESH took {post['message_id']}, which no report of the sender is"
        elif bytes(bodies[report["id"]]) != post["body"]:
            yield f"MESH took other bytes than are stored of report {report['report_id']}"
    for message_id, number in taken.items():
        # this MESH can always say what it took: there is no reason to send anything twice
        if number > 1:
            yield f"MESH took {message_id} {number} times"
    for message_id, report in known.items():
        if message_id not in taken:
            yield f"report {report['report_id']} is {report['state']} and MESH never took it"


def _responses_are_what_was_stored(evidence: Evidence) -> Iterator[str]:
    stored = {read_message(bytes(row["body"])).message_id: bytes(row["body"]) for row in evidence.receiver["response"]}
    for post in evidence.posts(RESPONSES):
        body = stored.get(read_message(post["body"]).message_id)
        if body is None:
            yield f"MESH took {post['message_id']}, which no response of the receiver is"
        elif body != post["body"]:
            yield f"MESH took other bytes of {post['message_id']} than the receiver has stored"


def _versions_were_sent_in_order(evidence: Evidence, posts: Sequence[Row]) -> Iterator[str]:
    known = {row["message_id"]: row for row in evidence.sender["report"] if row["message_id"]}
    latest: dict[str, int] = {}
    for post in posts:
        report = known.get(read_message(post["body"]).message_id)
        if report is None:
            continue
        consultation_id, version = report["consultation_id"], report["version"] or 0
        if version < latest.get(consultation_id, 0):
            yield f"version {version} of {consultation_id} was sent after a later one"
        latest[consultation_id] = version


def _what_came_is_what_was_sent(evidence: Evidence) -> Iterator[str]:
    sent = {post["message_id"]: post for post in evidence.mesh}
    kept = {
        "receiver": {row["mesh_message_id"]: row["body"] for row in evidence.receiver["message_body"]},
        "sender": {row["mesh_message_id"]: row["body"] for row in evidence.sender["inbox"]},
    }
    for side, bodies in kept.items():
        for message_id, body in bodies.items():
            if message_id not in sent or bytes(body or b"") != sent[message_id]["body"]:
                yield f"the {side} has other bytes of {message_id} than MESH"
    for post in evidence.posts(REPORTS):
        if post["recipient"] == REGISTERED_MAILBOX and post["message_id"] not in kept["receiver"]:
            yield f"the receiver does not have {post['message_id']}"


def _documents_are_what_was_sent(evidence: Evidence, posts: Sequence[Row]) -> Iterator[str]:
    for row in evidence.receiver["blob"]:
        if hashlib.sha256(bytes(row["data"])).hexdigest() != row["sha256"]:
            yield f"the stored document {row['sha256']} has other bytes"
    stored = {row["sha256"] for row in evidence.receiver["blob"]}
    sent = {post["message_id"]: read_message(post["body"]) for post in posts}
    documents = grouped(evidence.receiver["task_document"], "task_id")
    for task in evidence.receiver["task"]:
        rows = sorted(documents.get(task["task_id"], []), key=lambda row: row["position"])
        digests = [row["sha256"] for row in rows]
        if sorted(digests) != sorted(sent[task["mesh_message_id"]].documents):
            yield f"the documents of task {task['task_id']} are not those that were sent"
        if not set(digests) <= stored:
            yield f"a document of task {task['task_id']} is not stored"
        consultation = evidence.written.get(task["consultation_id"])
        if consultation is None:
            continue
        attached = [each["sha256"] for each in consultation.attachments()]
        if digests[1:] != attached:
            yield f"the attachments of task {task['task_id']} are not those of the consultation"


def _each_message_is_answered_once_at_each_level(
    evidence: Evidence, reports: Sequence[Row], responses: Sequence[Row]
) -> Iterator[str]:
    bytes_of: dict[str, set[bytes]] = defaultdict(set)
    # the same response may come again; another one with the same code is another one
    said: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for post in responses:
        message = read_message(post["body"])
        bytes_of[message.message_id].add(post["body"])
        said[message.answers].add((message.message_id, message.code))
    for message_id, bodies in bytes_of.items():
        if len(bodies) > 1:
            yield f"the response {message_id} was sent with different bytes"
    copies = Counter(
        read_message(post["body"]).message_id for post in reports if post["recipient"] == REGISTERED_MAILBOX
    )
    for message_id, number in copies.items():
        codes = Counter(code for _, code in said[message_id])
        business = sum(count for code, count in codes.items() if code.startswith("3"))
        wanted = {"20013": 1} | ({"20007": number - 1} if number > 1 else {})
        if business != 1 or {code: count for code, count in codes.items() if not code.startswith("3")} != wanted:
            yield f"the message {message_id} went out {number} times and was answered {dict(codes)}"
    for answered in said.keys() - copies.keys():
        yield f"a response answers {answered}, which nobody sent"


def _each_report_has_the_codes_of_its_responses(evidence: Evidence, responses: Sequence[Row]) -> Iterator[str]:
    """A response that comes twice, or late, changes nothing: each level has the code that was given to it."""
    said: dict[str, set[str]] = defaultdict(set)
    for post in responses:
        message = read_message(post["body"])
        said[message.answers].add(message.code)
    for report in evidence.sender["report"]:
        codes = said.get(report["message_id"], set())
        infrastructure, business = report["infrastructure_code"], report["business_code"]
        wanted = [each for each in codes if each.startswith("3")]
        if codes and (infrastructure not in codes.intersection(_POSITIVE) or [business] != wanted):
            yield f"report {report['report_id']} has {infrastructure} and {business}, and was answered {sorted(codes)}"


def _nothing_is_left_in_mesh(evidence: Evidence) -> Iterator[str]:
    for row in evidence.unacknowledged():
        yield f"{row['message_type']} {row['message_id']} still lies in the mailbox {row['recipient']}"
    kept = {row["mesh_message_id"] for row in evidence.receiver["message"]}
    kept |= {row["mesh_message_id"] for row in evidence.sender["inbox"]}
    for row in evidence.mesh:
        if row["status"] == "acknowledged" and row["message_id"] not in kept:
            yield f"{row['message_id']} was acknowledged and nobody has it"
