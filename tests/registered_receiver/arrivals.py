"""Versions of one consultation on their way to a receiver: in any order, again and again, with crashes between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy.orm import Session

from registered_receiver import reviews
from registered_receiver.deciding import Decider
from registered_receiver.matching import IndexedPatient
from shared.itk3.build import build_report
from shared.itk3.codes import Level
from shared.itk3.identity import response_id
from tests.fakes.mesh import InMemoryMesh
from tests.registered_receiver.bench import (
    AUTHORED,
    INDEXED_SMITH,
    PHOTOGRAPH,
    REPORT,
    SMITH,
    ReceiverBench,
    person,
    report,
    subject_of,
    wire_receiver,
)
from tests.shared.itk3.examples import Draft

JONES = IndexedPatient("9690937286", "Jones", "Ann", date(1960, 2, 29), "registered")
PATIENTS = {
    "smith": SMITH,
    "jones": person(nhs_number=JONES.nhs_number, family="Jones", birth_date=JONES.birth_date),
    # near misses: the person who decides finds that the first is Smith, and that the second is nobody here
    "smyth": person(family="Smyth"),
    "smythe": person(family="Smythe"),
}
FINAL = {"rejected", "filed", "unmatched", "duplicate"}

Copy = Literal["as it is", "other header", "refused"]


@dataclass(frozen=True)
class Version:
    """One version of the consultation; a higher number is never written earlier."""

    number: int
    numbered: bool
    minute: int
    patient: str


@dataclass(frozen=True)
class Letter:
    """One MESH message about a version; ``nth`` tells copies of one kind apart."""

    version: Version
    copy: Copy
    nth: int = 0

    @property
    def body(self) -> bytes:
        return _body(self)


@lru_cache(maxsize=2000)
def _body(letter: Letter) -> bytes:
    version = letter.version
    written = AUTHORED + timedelta(minutes=10 * version.number + version.minute)
    text = f"{version}".encode()
    message = report(
        version.number,
        patient=PATIENTS[version.patient],
        documents=(replace(REPORT, data=REPORT.data + text), PHOTOGRAPH),
        generated_at=written,
        report_id=str(uuid5(NAMESPACE_URL, f"{version}")),
    )
    draft = Draft(build_report(message))
    if not version.numbered:
        description = draft.find("//f:Task/f:description")[0]
        description.set("value", description.get("value").rpartition("Version")[0].rstrip(" ,"))
    if letter.copy == "other header":
        header = draft.find("/f:Bundle/f:entry/f:resource/f:MessageHeader/f:id")[0]
        old, new = header.get("value"), str(uuid5(NAMESPACE_URL, f"{letter}"))
        for element in draft.root.iter():
            if (element.get("value") or "").endswith(old):
                element.set("value", element.get("value").replace(old, new))
    if letter.copy == "refused":
        draft.set("//f:extension[@url='BusAckRequested']/f:valueBoolean", "false")
    return bytes(draft.body)


class Crash(BaseException):
    """The process dies."""


class Receiving:
    """A receiver that is worked, killed and started again, and its MESH."""

    def __init__(self, database_url: str, mesh: InMemoryMesh, directory: Path) -> None:
        self._where = (database_url, mesh, directory)
        self.bench: ReceiverBench = wire_receiver(*self._where)
        self.bench.know(INDEXED_SMITH, JONES)
        self.delivered: dict[str, Letter] = {}
        self.crashes = 0
        self.seen: tuple[dict[str, Any], list[str]] = ({}, [])

    def deliver(self, letter: Letter) -> None:
        body = letter.body
        self.delivered[self.bench.deliver(body, subject=subject_of(body))] = letter

    def again(self, which: int) -> None:
        """Let MESH forget that a message was acknowledged: it is downloaded once more."""
        if self.delivered:
            mesh_id = list(self.delivered)[which % len(self.delivered)]
            self.bench.mesh.messages[mesh_id].status = "accepted"

    def work(self) -> None:
        self.bench.once()

    def step(self, name: str) -> None:
        self.bench.step(name)

    def crash(self, transaction: int, *, committed: bool) -> None:
        """Die just before, or just after, the commit of the n-th transaction of a round; then start again."""
        with self._dying(transaction, committed=committed):
            self.work()

    def restart(self) -> None:
        self.bench.receiver.close()
        self.bench = wire_receiver(*self._where)
        # longer than the lease of a message: whoever died holds it no more
        self.bench.pass_time(minutes=2)

    def decide(self) -> None:
        """Let a person decide every review that is open."""
        decider = Decider(self.bench.receiver.practice, self.bench.now(), "a person")
        while waiting := self.bench.reviews():
            review = waiting[-1]
            with self.bench.database.transaction() as session:
                if review["message_facts"]["family"] == "Smyth":
                    decider.match(session, review["review_id"], lambda each: reviews.candidate_number(each, 1))
                else:
                    decider.reject(session, review["review_id"], "nobody of that name")

    def finish(self) -> None:
        """Work until nothing is left to do, the leases of the dead and every review included."""
        for _ in range(3):
            self.bench.pass_time(hours=1)
            self.work()
            self.decide()
        self.work()

    @contextmanager
    def _dying(self, nth: int, *, committed: bool) -> Iterator[None]:
        database = self.bench.database
        real, count = database.transaction, 0

        @contextmanager
        def transaction() -> Iterator[Session]:
            nonlocal count
            count += 1
            mine = count
            with real() as session:
                yield session
                if mine == nth and not committed:
                    raise Crash
            if mine == nth:
                raise Crash

        database.transaction = transaction  # type: ignore[method-assign]
        try:
            yield
        except Crash:
            self.crashes += 1
        self.restart()

    # What a test judges.

    def worklist(self) -> dict[str, Any]:
        """Return what must not depend on the order of arrival: tasks, alerts, and what became of each version."""
        tasks = {}
        for task in self.bench.tasks():
            documents = tuple(document["sha256"] for document in task["documents"])
            keys = ("state", "version", "nhs_number", "superseded_by", "subject")
            tasks[task["task_id"]] = (*(task[key] for key in keys), documents)
        alerts = sorted((alert["kind"], alert["subject_id"]) for alert in self.bench.alerts())
        became: dict[Version, set[tuple[str, str | None]]] = {}
        for message in self.bench.messages():
            letter = self.delivered[message["mesh_message_id"]]
            outcomes = became.setdefault(letter.version, set())
            if message["state"] in {"filed", "unmatched"}:
                outcomes.add((message["state"], message["business_code"]))
        return {"tasks": tasks, "alerts": alerts, "became": became}

    def faults(self) -> list[str]:
        """Return what is wrong with the messages and their responses, whatever the order was."""
        posted = [post.local_id for post in self.bench.posts()]
        expected: list[str] = []
        accepted: dict[Version, int] = {letter.version: 0 for letter in self.delivered.values()}
        found = []
        for message in self.bench.messages():
            mesh_id = message["mesh_message_id"]
            letter = self.delivered[mesh_id]
            answered = message["state"] in {"filed", "unmatched"}
            accepted[letter.version] += answered
            expected.append(f"{response_id(mesh_id, Level.INFRASTRUCTURE)}.1")
            expected += [f"{response_id(mesh_id, Level.BUSINESS)}.1"] * answered
            if message["state"] not in FINAL or (letter.copy == "refused" and answered):
                found.append(f"{letter} is {message['state']}")
        if sorted(posted) != sorted(expected):
            found.append(f"{len(posted)} responses instead of {len(expected)}")
        found += [f"{version} was accepted {times} times" for version, times in accepted.items() if times > 1]
        return found


def play(receiving: Receiving, steps: Sequence[tuple[Any, ...]]) -> None:
    """Do each step: the name of a method of :class:`Receiving` with its arguments."""
    for name, *arguments in steps:
        if name == "crash":
            receiving.crash(arguments[0], committed=arguments[1])
        else:
            getattr(receiving, name)(*arguments)
