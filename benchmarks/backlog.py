"""Measure 3: a long backlog costs no more a piece than a short one, and a full database answers as an empty one."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import insert, text

from benchmarks import filled, plans, specimens
from benchmarks.figures import Figure, Result, Target, middle
from benchmarks.processes import BIN, seconds_of
from benchmarks.sites import Kind, Site, open_receiver, open_sender
from federated_sender import outbox, workload
from federated_sender.app import Sender
from federated_sender.consultation import Consultation, canonical_json
from federated_sender.states import Event
from federated_sender.tables import Report
from registered_receiver.app import Receiver
from registered_receiver.process import Process
from registered_receiver.tables import Message, MessageBody
from shared.db import Database

_KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")
_PIECES: Final = 10


def measure(site: Site, long: int = 10_000, short: int = 100, rows: int = 1_000_000, tries: int = 3) -> Result:
    """Claim and process with a short and with a long backlog; ask every hot question of a full database."""
    figures: list[Figure] = []
    for kind in _KINDS:
        for what, one_of in (("due consultation", _sending), ("waiting message", _receiving)):
            ratio = one_of(site, kind, long) / one_of(site, kind, short)
            name = f"CPU of a {what} among {long:,}, beside one among {short} ({kind})"
            figures.append(Figure(name, ratio, "", Target(most=1.15)))
        figures += _full(site, kind, rows, tries)
    words = (
        f"CPU of what a job does in the database for one piece of work with {long:,} waiting, beside the same with"
        f" {short}: median of five runs of {_PIECES}. Rendering and the network are left out: they cost the same either"
        f" way and would hide the difference. Then {rows:,} finished rows in each table: the slowest statement of a"
        " round of every job (median of ten, by the clock), and the commands as a person types them."
    )
    return Result("Backlog", words, figures)


def _per_piece(step: Callable[[], int]) -> float:
    """Return the CPU seconds of a piece of work, as many of which as it returns ``step`` does; median of five runs."""
    _do(step, _PIECES // 2)
    runs = []
    for _ in range(5):
        before = time.process_time()
        done = _do(step, _PIECES)
        runs.append((time.process_time() - before) / done)
    return middle(runs)


def _do(step: Callable[[], int], pieces: int) -> int:
    """Do so many pieces of work, or a few more; return how many."""
    done = 0
    while done < pieces:
        more = step()
        if not more:
            raise RuntimeError("there is less work than is measured")
        done += more
    return done


def _sending(site: Site, kind: Kind, waiting: int) -> float:
    """Return what it costs to find the next pending row, to claim the next report and to settle it."""
    app = open_sender(site.sender(kind))
    content = canonical_json(Consultation.model_validate(specimens.consultation(1)))
    with app.database.engine.begin() as connection:
        connection.execute(insert(Report), [_due(number, content, app) for number in range(waiting)])
    _analyse(app.database)

    def step() -> int:
        with app.database.transaction() as session:
            outbox.next_pending(session)
            work = workload.claim(session, app.clock(), specimens.WORKFLOW)
        if work is None:
            raise RuntimeError("there are fewer due reports than steps")
        with app.database.transaction() as session:
            workload.drop(session, work, Event.NOT_ELIGIBLE, "not_in_federation", app.clock())
        return 1

    try:
        return _per_piece(step)
    finally:
        app.close()


def _due(number: int, content: str, app: Sender) -> dict[str, object]:
    identifier, now = specimens.consultation_id(number), app.clock()
    return {
        "report_id": identifier,
        "consultation_id": identifier,
        "state": "waiting",
        "content": content,
        "content_sha256": "x",
        "due_at": now,
        "created_at": now,
        "changed_at": now,
        "attempts": 0,
        "claims": 0,
    }


def _receiving(site: Site, kind: Kind, waiting: int) -> float:
    app = open_receiver(site.receiver(kind))
    now = app.clock()
    rows = [
        {
            "mesh_message_id": f"M{number:06}",
            "message_type": "DATA",
            "workflow_id": specimens.WORKFLOW,
            "sender_mailbox": specimens.SENDER,
            "received_at": now,
            "changed_at": now,
            "truncated": False,
            "left_in_mesh": False,
            "state": "received",
            "attempts": 0,
        }
        for number in range(waiting)
    ]
    # those that are reached are whole, and the rest waits behind them
    bodies = [
        {"mesh_message_id": row["mesh_message_id"], "body": specimens.report(number, 20_000)}
        for number, row in enumerate(rows[: 6 * _PIECES])
    ]
    with app.database.engine.begin() as connection:
        connection.execute(insert(Message), rows)
        connection.execute(insert(MessageBody), bodies)
    _analyse(app.database)
    process = Process(app.database, app.clock, app.practice)
    try:
        return _per_piece(process.step)
    finally:
        app.close()


def _analyse(database: Database) -> None:
    with database.engine.execution_options(isolation_level="AUTOCOMMIT", reading=True).connect() as connection:
        connection.execute(text("ANALYZE"))


def _full(site: Site, kind: Kind, rows: int, tries: int) -> list[Figure]:
    """Return how long the slowest hot question and the two commands take in a full database."""
    sender, receiver = site.sender(kind), site.receiver(kind)
    slowest = {}
    for app, tables in (
        (open_sender(sender), filled.SENDER),
        (open_receiver(receiver), filled.RECEIVER),
    ):
        filled.fill(app.database, tables, rows)
        slowest[type(app).__name__.lower()] = _slowest(app)
        app.close()
    commands = (
        ("federated-sender", sender, "status"),
        ("registered-receiver", receiver, "status"),
        ("registered-receiver", receiver, "tasks --limit 100"),
    )
    return [
        *(
            Figure(f"slowest hot question of the {name}, {rows:,} rows ({kind})", seconds * 1000, "ms", Target(most=5))
            for name, seconds in slowest.items()
        ),
        *(
            Figure(
                f"`{daemon} {command}`, {rows:,} rows ({kind})",
                middle(seconds_of([BIN / daemon, *command.split()], environment)[0] for _ in range(tries)),
                "s of CPU",
                Target(most=1),
            )
            for daemon, environment, command in commands
        ),
    ]


def hot(app: Sender | Receiver) -> list[Callable[[], object]]:
    """Return the steps that ask the hot questions: those of every round of a daemon, with nothing to do."""
    rounds, seldom = app.rounds(), {"prune", "collect"}
    steps: list[Callable[[], object]] = [partial(rounds.step, job) for job in app.jobs() if job.name not in seldom]
    return [*steps, partial(_look, app)]


def _look(app: Sender | Receiver) -> None:
    with app.database.snapshot() as session:
        app.backlog(session)


def _slowest(app: Sender | Receiver) -> float:
    """Return the seconds of the slowest statement that the daemon's rounds execute; the median of ten of each."""
    taken: dict[str, list[float]] = {}
    for _ in range(10):
        with plans.listening(app.database.engine) as heard:
            for step in hot(app):
                step()
        for statement in heard:
            taken.setdefault(statement.text, []).append(statement.seconds)
    return max(middle(seconds) for seconds in taken.values())
