"""Several processes on one database: each row is worked on by one of them at a time."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import httpx
import pytest

from federated_sender import send
from federated_sender.consultation import Consultation
from federated_sender.drafts import Outcome
from federated_sender.setbacks import MOST_ATTEMPTS
from federated_sender.tables import Poller
from shared.itk3.parse import read
from shared.turn import Turn
from tests.fakes.mesh_faults import Serve, timeout_before
from tests.federated_sender.bench import SenderBench, consultation
from tests.federated_sender.conftest import MakeSender
from tests.federated_sender.rows import write

REPORTS = 12


def run_together(*senders: SenderBench) -> None:
    threads = [threading.Thread(target=sender.once) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_each_report_is_sent_once_by_whichever_process_claims_it(make_sender: MakeSender) -> None:
    senders = [make_sender() for _ in range(3)]
    numbered = [consultation(consultation_id=str(UUID(int=number + 1))) for number in range(REPORTS)]
    senders[0].enqueue(*numbered)
    senders[0].pass_time(hours=4)

    run_together(*senders)

    assert [record["state"] for record in senders[0].status()] == ["sent"] * REPORTS
    assert len({post.local_id for post in senders[0].posts()}) == len(senders[0].posts()) == REPORTS


def test_a_claimed_report_is_left_alone_until_its_lease_ends(make_sender: MakeSender) -> None:
    from federated_sender import workload

    one, other = make_sender(), make_sender()
    one.enqueue(consultation())
    one.pass_time(hours=4)
    with one.database.transaction() as session:
        workload.claim(session, one.now(), "GPFED_CONSULT_REPORT")

    during = other.step("send")
    other.pass_time(minutes=16)
    after = other.step("send")

    assert (during, after) == (0, 1)


def test_a_process_that_slept_past_its_lease_posts_nothing(make_sender: MakeSender) -> None:
    one, other = make_sender(), make_sender()
    one.enqueue(consultation())
    one.pass_time(hours=4)
    one.mesh.fail_next("POST", "outbox", timeout_before)
    one.once()
    one.pass_time(minutes=5)

    def sleep(request: httpx.Request, serve: Serve) -> httpx.Response:
        not_there = serve(request)
        one.pass_time(minutes=20)
        other.once()
        return not_there

    one.mesh.fail_next("GET", "outbox/tracking/", sleep)

    one.step("send")

    assert len(one.posts()) == 1
    assert one.only()["state"] == "sent"


def test_two_processes_that_empty_one_mailbox_store_each_response_once(make_sender: MakeSender) -> None:
    senders = [make_sender() for _ in range(2)]
    senders[0].enqueue(consultation())
    senders[0].pass_time(hours=4)
    senders[0].once()
    senders[0].respond("20013")
    senders[0].respond("30001")

    run_together(*senders)
    senders[0].once()

    record = senders[0].only()
    assert record["state"] == "delivered"
    events = senders[0].timeline(record["report_id"])
    # which of the two was applied first is a matter of chance
    first = events.count("infrastructure_positive") + events.count("business_positive")
    assert (first, events.count("both_positive")) == (1, 1)


def test_one_process_at_a_time_looks_into_the_mailbox_and_another_takes_over_when_it_dies(
    make_sender: MakeSender,
) -> None:
    one, other = make_sender(), make_sender()
    died = Turn(one.database, Poller, one.now)
    died.take()

    during, asked = [each.step("collect") for each in (one, other)], len(one.mesh.requests)
    one.pass_time(minutes=3)
    other.step("collect")

    assert (during, asked) == ([0, 0], 0)
    assert [method for method, path in one.mesh.requests if "/inbox" in path] == ["GET"]


def test_two_processes_take_the_oldest_first_by_turns(make_sender: MakeSender) -> None:
    one, other = make_sender(), make_sender()
    for number in range(4):
        one.enqueue(consultation(consultation_id=str(UUID(int=9 - number)), updated_at=f"2026-11-20T17:2{number}:00Z"))
    one.pass_time(hours=4)

    for process in (one, other, one, other):
        # the first step builds the message, the second posts it
        process.step("send")
        process.step("send")

    sent = {record["message_id"]: record["consultation_id"] for record in one.status()}
    posted = [sent[str(read(post.body, len(post.body)).message_id)] for post in one.posts()]
    assert posted == [str(UUID(int=9 - number)) for number in range(4)]


def test_a_poisonous_report_backs_off_and_is_set_aside_while_two_processes_send_the_others(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders = [make_sender() for _ in range(2)]
    numbered = [consultation(consultation_id=str(UUID(int=number + 1))) for number in range(3)]
    real = send.report_html

    def poisoned(content: Consultation, **facts: Any) -> str:
        if content.consultation_id == UUID(int=1):
            raise KeyError("poison")
        return real(content, **facts)

    monkeypatch.setattr(send, "report_html", poisoned)
    senders[0].enqueue(*numbered)
    senders[0].pass_time(hours=4)

    run_together(*senders)
    at_once = sorted(record["state"] for record in senders[0].status())
    for _ in range(MOST_ATTEMPTS):
        senders[0].pass_time(hours=2)
        run_together(*senders)

    assert at_once == ["queued", "sent", "sent"]
    (alert,) = [alert for alert in senders[0].alerts() if alert["kind"] == "parked"]
    assert f"failed {MOST_ATTEMPTS} times" in alert["text"]


def test_two_calls_that_enqueue_the_same_new_consultations_at_once_make_one_report_of_each(
    make_sender: MakeSender,
) -> None:
    one, other = make_sender(), make_sender()
    numbered = [consultation(consultation_id=str(UUID(int=number + 1))) for number in range(REPORTS)]
    outcomes: list[Outcome] = []
    barrier = threading.Barrier(2)

    def enqueue(sender: SenderBench, contents: list[dict[str, object]]) -> None:
        barrier.wait()
        outcomes.extend(outcome for _, outcome in sender.enqueue(*contents))

    threads = [
        threading.Thread(target=enqueue, args=[one, numbered]),
        threading.Thread(target=enqueue, args=[other, numbered[::-1]]),
    ]
    one._files = 100  # each writes a file of its own
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome.name for outcome in outcomes) == ["NEW"] * REPORTS + ["UNCHANGED"] * REPORTS
    assert len(one.status()) == REPORTS


def test_a_row_and_a_call_about_the_same_consultation_never_wait_for_each_other(make_sender: MakeSender) -> None:
    daemon, clinic = make_sender(), make_sender()
    for number in range(REPORTS):
        write(daemon, consultation(consultation_id=str(UUID(int=number + 1))))
    later = [
        consultation(consultation_id=str(UUID(int=number + 1)), updated_at="2026-11-20T17:45:00+00:00", notes=[])
        for number in reversed(range(REPORTS))
    ]

    thread = threading.Thread(target=lambda: [daemon.step("intake") for _ in range(REPORTS + 1)])
    thread.start()
    clinic.enqueue(*later)
    thread.join()
    daemon.once()

    assert [record["state"] for record in daemon.status()] == ["waiting"] * REPORTS
    assert daemon.alerts() == []
