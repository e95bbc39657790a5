"""What happens between the two practices of the demo, and what is seen of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deploy.demo import judge, surgery
from deploy.demo.cases import CASES
from deploy.demo.practices import Background, LocalMesh, Practice

_LONGEST: Final = 300.0
_LOOK_AGAIN: Final = 0.25
_WORDS: Final = {
    "waiting": "is written; the delay is running, in case it changes",
    "queued": "is being checked, printed and built",
    "sent": "is with MESH; no answer yet",
    "accepted": "came through: the other practice finds the message valid",
    "delivered": "is filed at the other practice",
    "failed": "did not get there",
    "not_required": "need not be reported",
    "invalid": "cannot be sent as it is; an alert is open",
}


@dataclass
class Evening:
    """The two practices, MESH between them, and what was seen so far.

    ``patience`` is how many seconds may pass without any change before the evening is taken for over.
    """

    mesh: LocalMesh
    alder: Practice
    birch: Practice
    directory: Path
    documents: Sequence[Path]
    patience: float
    cases: Sequence[surgery.Case] = CASES
    began: float = field(default_factory=time.monotonic)
    seen_at: datetime = field(default_factory=lambda: _now() - timedelta(minutes=5))
    seen: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def say(self, text: str) -> None:
        """Print one line of what goes on."""
        print(f"{time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def open_the_practices(self) -> None:
        """Create both databases and load the registered practice's patients."""
        patients = self.directory / "patients.csv"
        patients.write_text(surgery.patient_index(self.cases), encoding="utf-8")

        self.alder.do("migrate")
        self.birch.do("migrate")
        self.birch.do("patients", "import", str(patients))

    def see_the_patients(self) -> None:
        """Let the clinical system write the consultations to the outbox: one by SQL, the others by ``enqueue``."""
        by_command = [case for case in self.cases if not case.by_sql and case.deleted != "waits"]
        self.enqueue([case.consultation(self.seen_at, self.documents) for case in by_command])
        for case in self.cases:
            if case.by_sql:
                write_row(self.alder.database, case.consultation(self.seen_at, ()))
            elif case.deleted == "waits":
                self.enqueue([case.consultation(_now(), ())])
                self.delete(case)

    def enqueue(self, consultations: Sequence[dict[str, Any]]) -> None:
        """Put consultations in the outbox."""
        file = self.directory / "consultations.json"
        file.write_text(json.dumps(consultations), encoding="utf-8")
        self.alder.do("enqueue", str(file))

    def watch(self, running: Sequence[Background]) -> None:
        """Tell what changes until all is as expected, or nothing changes any more."""
        changed = time.monotonic()
        while time.monotonic() - changed < self.patience and time.monotonic() - self.began < _LONGEST:
            for each in running:
                each.check()
            reports, reviews = self.alder.ask("status"), self.birch.ask("reviews")
            if self.tell(reports) | self.decide(reviews) | self.update(reports) | self.delete_too_late(reports):
                changed = time.monotonic()
            elif judge.settled(self.cases, reports):
                return
            # the daemons need the machine more
            time.sleep(_LOOK_AGAIN)

    def tell(self, reports: Sequence[judge.Row]) -> bool:
        """Print every report whose state changed; say whether there was one."""
        news = False
        for case in self.cases:
            for row in judge.reports_of(case, reports):
                state = " ".join(filter(None, (row["state"], row["reason"])))
                if self.seen.get(row["report_id"]) != state:
                    self.seen[row["report_id"]] = state
                    news = True
                    version = f" (version {row['version']})" if (row["version"] or 1) > 1 else ""
                    reason = f" [{row['reason']}]" if row["reason"] else ""
                    self.say(f"{case.name}{version} {_WORDS[row['state']]}{reason}")
        return news

    def decide(self, reviews: Sequence[judge.Row]) -> bool:
        """Be the person at the registered practice who decides a near miss; say whether there was one."""
        for review in reviews:
            self.say("near miss: a person at the registered practice compares, and takes the first candidate")
            self.birch.do("reviews", "match", review["review_id"], "--candidate", "1")
        if reviews:
            # the daemon would send the answer within half a minute
            self.birch.do("once")
        return bool(reviews)

    def update(self, reports: Sequence[judge.Row]) -> bool:
        """Change each consultation that has something to add, once its first version was sent."""
        due = [
            case
            for case in self.cases
            if case.later_note and self.is_new(case) and any(r["sent_at"] for r in judge.reports_of(case, reports))
        ]
        for case in due:
            self.say(f"{case.name}: the clinician adds to a consultation that was sent already")
            later = self.seen_at + timedelta(minutes=1)
            self.enqueue([case.consultation(self.seen_at, self.documents, updated_at=later)])
            self.done.add(case.name)
        return bool(due)

    def delete_too_late(self, reports: Sequence[judge.Row]) -> bool:
        """Delete what has arrived at the other practice already."""
        due = [
            case
            for case in self.cases
            if case.deleted == "arrived"
            and self.is_new(case)
            and any(r["state"] == "delivered" for r in judge.reports_of(case, reports))
        ]
        for case in due:
            self.delete(case)
        return bool(due)

    def delete(self, case: surgery.Case) -> None:
        """Let the clinical system delete a consultation."""
        self.say(f"{case.name}: the clinical system deletes the consultation")
        self.alder.do("delete", case.consultation_id)
        self.done.add(case.name)

    def is_new(self, case: surgery.Case) -> bool:
        """Say whether nothing was done to the consultation since it was written."""
        return case.name not in self.done

    def facts(self) -> judge.Facts:
        """Ask both practices and MESH."""
        reports, messages = self.alder.ask("status"), self.birch.ask("status")
        if any(report["overdue"] for report in reports):
            # the daemon looks every minute; a cron job would have it now
            self.alder.do("once")
        alerts, tasks = self.alder.ask("alerts"), self.birch.ask("tasks")
        attached = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.documents]
        birch_alerts = self.birch.ask("alerts")
        return judge.Facts(reports, messages, tasks, _open(alerts), _open(birch_alerts), self.mesh.record(), attached)

    def export(self, facts: judge.Facts) -> dict[str, Path]:
        """Write the documents of every task as files; return the directory of each task."""
        oldest_first = [task["task_id"] for task in reversed(facts.tasks)]
        places = {task: self.directory / "tasks" / f"{number:02}" for number, task in enumerate(oldest_first, start=1)}
        for task, place in places.items():
            self.birch.do("tasks", "export", task, "--to", str(place))
        return places


def write_row(database: Path, content: dict[str, Any]) -> None:
    """Write a consultation straight into the outbox table, as a clinical system may (``docs/outbox.md``)."""
    patient, practitioner = content["patient"], content["practitioner"]
    row = {name: content[name] for name in ("consultation_id", "started_at", "updated_at", "confidential")}
    for prefix, part in (("patient", patient), ("practitioner", practitioner)):
        row |= {
            f"{prefix}_{name}": json.dumps(value) if isinstance(value, list | dict) else value
            for name, value in part.items()
        }
    row["notes"] = json.dumps(content["notes"])
    names = ", ".join(row)
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        places = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO outbox ({names}) VALUES ({places})", list(row.values()))  # noqa: S608 - ours


def _open(alerts: Sequence[judge.Row]) -> list[judge.Row]:
    return [alert for alert in alerts if alert["closed_at"] is None]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
