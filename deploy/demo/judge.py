"""Whether the evening went as it must: what the two practices and MESH say, against the table of expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.demo.surgery import ALDER, BIRCH, Case, Expected

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """What the commands print with ``--json``, MESH's own record, and the SHA-256 of the documents attached."""

    reports: Sequence[Row]
    messages: Sequence[Row]
    tasks: Sequence[Row]
    sender_alerts: Sequence[Row]
    receiver_alerts: Sequence[Row]
    mesh: Sequence[Row]
    attached: Sequence[str]


def reports_of(case: Case, reports: Sequence[Row]) -> list[Row]:
    """Return the reports of a consultation, oldest version first."""
    found = [row for row in reports if row["consultation_id"] == case.consultation_id]
    return sorted(found, key=lambda row: row["version"] or 0)


def task_of(report: Row, tasks: Sequence[Row]) -> Row | None:
    """Return the task that a report became."""
    keys = ("consultation_id", "version")
    return next((task for task in tasks if all(task[key] == report[key] for key in keys)), None)


def settled(cases: Sequence[Case], reports: Sequence[Row]) -> bool:
    """Say whether every version is in the state that is expected of it."""
    return all(
        [(report["state"], ", ".join(report["overdue"])) for report in reports_of(case, reports)]
        == [(each.state, each.overdue or "") for each in case.expected]
        for case in cases
    )


def missing(cases: Sequence[Case], facts: Facts) -> list[str]:
    """Return everything that is not as expected, in words; empty when the evening went well."""
    found: list[str] = []
    for case in cases:
        reports = reports_of(case, facts.reports)
        if len(reports) != len(case.expected):
            found.append(f"{case.name}: {len(case.expected)} versions are expected, {len(reports)} are known")
        for expected, report in zip(case.expected, reports, strict=False):
            where = case.name if expected.version in (None, 1) else f"{case.name}, version {expected.version}"
            faults = (*_at_the_sender(expected, report, facts), *_at_the_receiver(case, expected, report, facts))
            if faults:
                found.append(f"{where}: {'; '.join(faults)}")
    return [*found, *_alerts_at_the_receiver(facts), *_in_mesh(cases, facts)]


def _at_the_sender(expected: Expected, report: Row, facts: Facts) -> Iterator[str]:
    yield from _differs("its state", expected.state, report["state"])
    yield from _differs("its version", expected.version, report["version"])
    yield from _differs("the infrastructure response", expected.infrastructure, report["infrastructure_code"])
    yield from _differs("the business response", expected.business, report["business_code"])
    yield from _differs("what is overdue", expected.overdue, ", ".join(report["overdue"]))
    if (expected.reason or "") not in (report["reason"] or ""):
        yield f"the reason should name {expected.reason}, it is {report['reason'] or 'missing'}"
    subjects = (report["report_id"], report["consultation_id"])
    alerts = sorted({row["kind"] for row in facts.sender_alerts if row["subject_id"] in subjects})
    yield from _differs("the open alert", expected.alert, ", ".join(alerts))


def _at_the_receiver(case: Case, expected: Expected, report: Row, facts: Facts) -> Iterator[str]:
    sent_as = report["mesh_message_id"]
    message = next((row for row in facts.messages if sent_as and row["mesh_message_id"] == sent_as), None)
    task = task_of(report, facts.tasks)
    yield from _differs("the registered practice's message", expected.message, message and message["state"])
    yield from _differs("the registered practice's task", expected.task, task and task["state"])
    if message is not None:
        answers = (message["infrastructure_code"], message["business_code"])
        if answers != (expected.infrastructure, expected.business):
            yield f"the registered practice answered {answers[0]} and {answers[1]}"
    if task is None or expected.task is None:
        return
    yield from _differs("its patient", case.patient.nhs_number, task["nhs_number"])
    documents = task["documents"]
    yield from _differs("the number of documents", expected.documents, len(documents))
    if [document["sha256"] for document in documents[1:]] != list(facts.attached if case.attached else ()):
        yield "the attachments are not those that were sent, byte for byte"


def _differs(what: str, wanted: object, found: object) -> Iterator[str]:
    if (found or None) != wanted:
        yield f"{what} should be {wanted or 'none'}, it is {found or 'missing'}"


def _alerts_at_the_receiver(facts: Facts) -> Iterator[str]:
    for row in facts.receiver_alerts:
        yield f"the registered practice has the alert {row['kind']}: {row['text']}"


def _in_mesh(cases: Sequence[Case], facts: Facts) -> Iterator[str]:
    versions = [each for case in cases for each in case.expected]
    arrived = sum(each.message is not None for each in versions)
    wanted = {
        "reports taken from the sender": (sum(each.version is not None for each in versions), _sent(facts, ALDER)),
        "responses taken from the practice": (2 * arrived, _sent(facts, BIRCH)),
        "reports that the practice collected": (arrived, _collected(facts, BIRCH)),
        "responses that the sender collected": (2 * arrived, _collected(facts, ALDER)),
    }
    for what, (number, counted) in wanted.items():
        if number != counted:
            yield f"MESH: there should be {number} {what}, there are {counted}"


def _sent(facts: Facts, practice: Mapping[str, str]) -> int:
    return sum(row["message_type"] == "DATA" and row["sender"] == practice["mailbox_id"] for row in facts.mesh)


def _collected(facts: Facts, practice: Mapping[str, str]) -> int:
    return sum(
        row["message_type"] == "DATA"
        and row["recipient"] == practice["mailbox_id"]
        and row["status"].lower() == "acknowledged"
        for row in facts.mesh
    )
