"""Several processes at one database: what one does no other does again."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from registered_receiver import process, response_queue
from registered_receiver.app import Receiver
from registered_receiver.inbox import claim, give_back
from registered_receiver.matching import IndexedPatient
from registered_receiver.tables import Message, Poller
from registered_receiver.validation import validate
from shared.db import Database
from shared.turn import Turn
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench, person, report
from tests.registered_receiver.conftest import MakeReceiver

MESSAGES = 12
JONES = IndexedPatient("9690937286", "Jones", "Ann", date(1960, 2, 29), "registered")
ABOUT_JONES = person(nhs_number=JONES.nhs_number, family="Jones", birth_date=JONES.birth_date)


def drain(receiver: Receiver, name: str) -> int:
    step = next(job for job in receiver.jobs() if job.name == name).step
    done = 0
    while changed := step():
        done += changed
    return done


def both(one: ReceiverBench, other: ReceiverBench, name: str) -> list[int]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda bench: drain(bench.receiver, name), (one, other)))


def test_two_processes_file_and_answer_each_report_once(make_receiver: MakeReceiver) -> None:
    one, other = make_receiver(), make_receiver()
    one.know(INDEXED_SMITH)
    for number in range(MESSAGES):
        one.deliver(report(consultation_id=f"consultation-{number}"))
    one.step("collect")

    processed = both(one, other, "process")
    replied = both(one, other, "reply")

    assert (sum(processed), sum(replied)) == (MESSAGES, 2 * MESSAGES)
    assert Counter(one.answers()) == {"20013": MESSAGES, "30001": MESSAGES}
    assert len(one.tasks()) == MESSAGES
    assert len({post.local_id for post in one.posts()}) == 2 * MESSAGES


def test_two_processes_take_a_report_that_came_twice_once(make_receiver: MakeReceiver) -> None:
    one, other = make_receiver(), make_receiver()
    one.know(INDEXED_SMITH)
    for _ in range(6):
        one.deliver(report())
    one.step("collect")

    both(one, other, "process")

    assert Counter(message["state"] for message in one.messages()) == {"filed": 1, "duplicate": 5}
    assert len(one.tasks()) == 1
    assert "work.postponed" not in one.logged.getvalue() + other.logged.getvalue()


def test_two_processes_keep_one_version_of_a_consultation_open(make_receiver: MakeReceiver) -> None:
    one, other = make_receiver(), make_receiver()
    one.know(INDEXED_SMITH)
    for version in range(1, 7):
        one.deliver(report(version))
    one.step("collect")

    for _ in range(4):
        both(one, other, "process")
        one.pass_time(hours=2)

    assert {task["version"] for task in one.tasks() if task["state"] == "open"} == {6}
    assert len(one.tasks()) == 6


def test_two_processes_notice_that_versions_name_different_patients(make_receiver: MakeReceiver) -> None:
    one, other = make_receiver(), make_receiver()
    one.know(INDEXED_SMITH, JONES)
    for number in range(MESSAGES // 2):
        one.deliver(report(1, consultation_id=f"consultation-{number}"))
        one.deliver(report(2, consultation_id=f"consultation-{number}", patient=ABOUT_JONES))
    one.step("collect")

    both(one, other, "process")

    flagged = [alert["subject_id"] for alert in one.alerts() if alert["kind"] == "patient_differs"]
    assert sorted(flagged) == sorted(task["task_id"] for task in one.tasks() if task["version"] == 1)
    assert "work.postponed" not in one.logged.getvalue() + other.logged.getvalue()


def someone_waits(database: Database) -> bool:
    with database.snapshot() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_go_that_the_server_breaks_off_over_a_clerks_decision_is_recorded_all_the_same(
    receiver: ReceiverBench,
) -> None:
    """Two processes wait for each other; PostgreSQL ends one of them, here the one that began to wait first."""
    for number in range(2):
        receiver.deliver(report(consultation_id=f"consultation-{number}"))
    receiver.step("collect")
    receiver.step("process")
    first, last = sorted(each["mesh_message_id"] for each in receiver.messages())

    with ThreadPoolExecutor(1) as pool:
        with suppress(OperationalError), receiver.database.transaction() as clerk:
            clerk.get_one(Message, last, with_for_update=True)
            going = pool.submit(receiver.step, "reply")
            while not (going.done() or someone_waits(receiver.database)):
                pass
            clerk.get_one(Message, first, with_for_update=True)
        done = going.result()

    assert done == 4
    assert Counter(receiver.answers()) == {"20013": 2, "30001": 2}
    assert [line["event"] for line in receiver.log_lines()].count("response.sent") == 4


def test_two_processes_collect_a_message_once(make_receiver: MakeReceiver) -> None:
    one, other = make_receiver(), make_receiver()
    for number in range(MESSAGES):
        one.deliver(report(consultation_id=f"consultation-{number}"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda bench: bench.step("collect"), (one, other)))

    assert len(one.messages()) == MESSAGES
    assert "outage.began" not in one.logged.getvalue() + other.logged.getvalue()


def test_one_process_at_a_time_looks_into_the_mailbox_and_another_takes_over_when_it_dies(
    receiver: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    other = make_receiver()
    died = Turn(receiver.database, Poller, receiver.now)
    receiver.deliver(report())
    died.take()

    during, asked = [each.step("collect") for each in (receiver, other)], len(receiver.mesh.requests)
    receiver.pass_time(minutes=3)
    after = other.step("collect")

    assert (during, asked, after) == ([0, 0], 0, 1)
    assert receiver.step("collect") == 0
    assert len(receiver.mesh.requests) > 0


def test_a_round_that_was_too_slow_stops_when_another_process_has_taken_over(
    receiver: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    other = make_receiver()
    for number in range(3):
        receiver.deliver(report(consultation_id=f"consultation-{number}"))

    def slow(request: Any, serve: Any) -> Any:
        answer = serve(request)
        receiver.pass_time(minutes=5)
        other.step("collect")
        return answer

    receiver.mesh.fail_next("GET", "/inbox/", slow)
    receiver.step("collect")
    receiver.once()

    assert Counter(message["state"] for message in receiver.messages()) == {"filed": 3}
    assert receiver.mesh.inbox("BIRCHMB1") == []


def test_a_claimed_message_is_nobody_elses_until_its_lease_ends(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.step("collect")

    first = claim(receiver.database, receiver.now())
    second = claim(receiver.database, receiver.now())
    receiver.pass_time(minutes=2)
    third = claim(receiver.database, receiver.now())

    assert (len(first), second, len(third)) == (1, [], 1)


def test_a_few_messages_are_claimed_at_once_the_oldest_first(receiver: ReceiverBench) -> None:
    delivered = []
    for version in range(1, 8):
        delivered.append(receiver.deliver(report(version)))
        receiver.step("collect")
        receiver.pass_time(seconds=1)

    first = claim(receiver.database, receiver.now())
    second = claim(receiver.database, receiver.now())

    assert [each.mesh_message_id for each in first] == delivered[:5]
    assert [each.mesh_message_id for each in second] == delivered[5:]


@pytest.mark.parametrize("reason", ["the daemon stops", "the first one took long"])
def test_messages_that_were_claimed_and_not_begun_are_given_back(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    for version in range(1, 4):
        receiver.deliver(report(version))
    receiver.step("collect")

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.undo()
        if reason == "the daemon stops":
            receiver.receiver.stopping.set()
        else:
            receiver.pass_time(seconds=31)
        return validate(*arguments)

    monkeypatch.setattr(process, "validate", interrupted)

    assert receiver.step("process") == 1
    assert Counter(message["state"] for message in receiver.messages()) == {"filed": 1, "received": 2}

    receiver.receiver.stopping.clear()
    assert receiver.step("process") == 2
    assert Counter(message["state"] for message in receiver.messages()) == {"filed": 3}


def test_what_is_given_back_too_late_stays_with_whoever_took_it_over(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.step("collect")
    claimed = claim(receiver.database, receiver.now())
    receiver.pass_time(minutes=2)
    taken_over = claim(receiver.database, receiver.now())

    give_back(receiver.database, claimed)

    assert (len(taken_over), claim(receiver.database, receiver.now())) == (1, [])


def test_a_process_that_was_too_slow_leaves_the_message_to_whoever_took_it_over(
    receiver: ReceiverBench, make_receiver: MakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_receiver()
    receiver.deliver(report())
    receiver.step("collect")

    def slow(*arguments: Any) -> Any:
        monkeypatch.undo()
        receiver.pass_time(minutes=2)
        other.once()
        return validate(*arguments)

    monkeypatch.setattr(process, "validate", slow)

    assert receiver.step("process") == 1

    assert receiver.only()["state"] == "filed"
    assert receiver.timeline(receiver.only()["mesh_message_id"]).count("accepted") == 1
    assert receiver.answers() == ["20013", "30001"]
    assert "work.postponed" not in receiver.logged.getvalue()


def test_a_claimed_response_is_nobody_elses(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.step("collect")
    receiver.step("process")

    with receiver.database.transaction() as session:
        first = response_queue.claim(session, receiver.now())
    with receiver.database.transaction() as session:
        second = response_queue.claim(session, receiver.now())

    assert (len(first), second) == (2, [])
