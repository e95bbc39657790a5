"""Whether everything ended as it must, judged from outside.

Imports nothing of the product. Every function yields what is wrong, in words; nothing yielded is a good end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.chaos import traffic
from tests.chaos.evidence import Evidence, Row, grouped

_OF_TASKS: Final = ("open", "completed", "superseded")
# before its bytes are there a report may come back to its beginning, because the consultation was changed
_ONCE: Final = ("sent", "accepted", "delivered", "failed", "received", "valid", "filed", "unmatched")


def faults(evidence: Evidence) -> list[str]:
    """Return everything that is wrong."""
    return [*lasting_faults(evidence), *_versions_are_whole(evidence), *traffic.faults(evidence)]


def lasting_faults(evidence: Evidence) -> list[str]:
    """Return what is wrong in what stays for ever; bytes that went after their time are not missed."""
    return [
        *_every_consultation_ends_in_one_right_state(evidence),
        *_every_report_reached_one_task(evidence),
        *_stories_have_no_gaps(evidence.sender, "report", "id", "the sender's report"),
        *_stories_have_no_gaps(evidence.receiver, "message", "mesh_message_id", "the receiver's message"),
        *_whatever_failed_was_told_of(evidence),
        *_nothing_waits_for_a_person_without_need(evidence),
    ]


def _every_consultation_ends_in_one_right_state(evidence: Evidence) -> Iterator[str]:
    reports = grouped(evidence.sender["report"], "consultation_id")
    for consultation_id in reports.keys() - evidence.written.keys():
        yield f"nobody wrote the consultation {consultation_id}"
    for consultation_id, consultation in evidence.written.items():
        kind, rows = consultation.kind, reports.get(consultation_id, [])
        if not rows:
            yield f"{kind.name} {consultation_id} is not known to the sender"
        if kind.name != "updated" and len(rows) > 1:
            yield f"{kind.name} {consultation_id} has {len(rows)} versions"
        for row in rows:
            if not evidence.is_right(row):
                yield f"{kind.name} {consultation_id} version {row['version']} is {row['state']}, not {kind.state}"
            elif kind.reason is not None and row["reason"] != kind.reason:
                yield f"{kind.name} {consultation_id} has the reason {row['reason']}, not {kind.reason}"
            if (row["version"] is not None) != kind.is_sent:
                yield f"{kind.name} {consultation_id} has the version {row['version']}"


def _versions_are_whole(evidence: Evidence) -> Iterator[str]:
    reports = grouped(evidence.sender["report"], "consultation_id")
    for consultation_id in reports.keys() & evidence.written.keys():
        rows, consultation = reports[consultation_id], evidence.written[consultation_id]
        numbers = sorted(row["version"] for row in rows if row["version"] is not None)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{consultation_id} has the versions {numbers}"
        editions = evidence.editions[consultation_id]
        if len(numbers) > editions:
            yield f"{consultation_id} was written {editions} times and has {len(numbers)} versions"
        newest = max(rows, key=lambda row: row["version"] or 0)
        if consultation.kind.is_sent and consultation.note(editions) not in (newest["content"] or ""):
            yield f"the newest version of {consultation_id} is not the newest edition"


def _every_report_reached_one_task(evidence: Evidence) -> Iterator[str]:
    tasks = grouped(evidence.receiver["task"], "consultation_id", "version")
    for row in evidence.sender["report"]:
        key = (row["consultation_id"], row["version"])
        wanted = int(row["state"] == "delivered")
        if len(tasks.get(key, [])) != wanted:
            yield f"version {key[1]} of {key[0]} is {row['state']} and has {len(tasks.get(key, []))} tasks"
    known = {(row["consultation_id"], row["version"]) for row in evidence.sender["report"]}
    for key in tasks.keys() - known:
        yield f"the task of version {key[1]} of {key[0]} came from nowhere"
    for consultation_id, rows in grouped(evidence.receiver["task"], "consultation_id").items():
        current = [row["version"] for row in rows if row["state"] != "superseded"]
        if current != [max(row["version"] for row in rows)]:
            yield f"of {consultation_id} the versions {current} are open"


def _stories_have_no_gaps(tables: Mapping[str, Sequence[Row]], name: str, key: str, what: str) -> Iterator[str]:
    stories = grouped(tables["timeline"], "report" if name == "report" else key)
    for record in tables[name]:
        story = sorted(stories.get(record[key], []), key=lambda row: row["id"])
        for fault in _gaps(story, record):
            yield f"{what} {record[key]} {fault}"


def _gaps(story: Sequence[Row], record: Row) -> Iterator[str]:
    state, been = None, set()
    for entry in story:
        # a message's story has what became of its task and of its responses, too
        if entry["to_state"] is None or entry["to_state"] in _OF_TASKS:
            continue
        if entry["from_state"] != state:
            yield f"jumps from {state} to {entry['from_state']}"
        # an answer that comes twice is noted, and no more
        if entry["to_state"] != state and entry["to_state"] in been.intersection(_ONCE):
            yield f"becomes {entry['to_state']} again"
        state = entry["to_state"]
        been.add(state)
    if state != record["state"]:
        yield f"is {record['state']}, its story ends with {state}"
    told = {entry["code"] for entry in story}
    for code in (record["infrastructure_code"], record["business_code"]):
        if code is not None and code not in told:
            yield f"has the code {code}, of which its story does not tell"


def _whatever_failed_was_told_of(evidence: Evidence) -> Iterator[str]:
    told = {row["subject_id"] for row in evidence.sender["alert"]}
    for row in evidence.sender["report"]:
        if row["state"] in ("failed", "invalid") and row["report_id"] not in told:
            yield f"report {row['report_id']} is {row['state']} and nobody was told"


def _nothing_waits_for_a_person_without_need(evidence: Evidence) -> Iterator[str]:
    for side, tables in (("sender", evidence.sender), ("receiver", evidence.receiver)):
        for row in tables["alert"]:
            if row["closed_at"] is None and row["kind"] in ("parked", "response_for_nobody", "collection_failed"):
                yield f"the {side} has the open alert {row['kind']} about {row['subject_id']}: {row['text']}"
