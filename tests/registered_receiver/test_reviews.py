from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier

import pytest

from registered_receiver import reviews
from registered_receiver.deciding import Decider
from registered_receiver.tables import Review
from shared.errors import CommandFailed
from tests.registered_receiver.bench import INDEXED_SMITH, SMITH, ReceiverBench, person, report
from tests.registered_receiver.conftest import MakeReceiver

MISSPELT = person(family="Smyth")
NAMESAKE = replace(INDEXED_SMITH, nhs_number="9434765919")


@pytest.fixture
def waiting(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver with one near miss: the number is known, under another family name."""
    receiver.deliver(report(patient=MISSPELT))
    receiver.once()
    return receiver


def test_a_near_miss_waits_for_a_person_with_20013_sent(waiting: ReceiverBench) -> None:
    message = waiting.only()

    assert (message["state"], message["infrastructure_code"], message["business_code"]) == ("review", "20013", None)
    assert waiting.answers() == ["20013"]
    (review,) = waiting.reviews()
    assert review["mesh_message_id"] == message["mesh_message_id"]
    assert review["message_facts"] == {
        "nhs_number": "9690937278",
        "family": "Smyth",
        "given": "Richard John",
        "birth_date": "1957-01-09",
    }
    (candidate,) = review["candidates"]
    assert (candidate["candidate"], candidate["family"]) == (1, "Smith")
    assert candidate["agrees"] == ["nhs_number", "birth_date"]


def test_a_person_sees_the_report_beside_the_candidates(waiting: ReceiverBench) -> None:
    shown = waiting.command("reviews").output

    assert "Smyth" in shown
    assert "nhs_number, birth_date" in shown


def test_choosing_a_candidate_files_the_report_and_answers_the_sender(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]

    result = waiting.command("reviews", "match", review_id, "--candidate", "1")
    waiting.once()

    assert result.exit_code == 0, result.output
    assert waiting.only()["state"] == "filed"
    assert waiting.answers() == ["20013", "30001"]
    assert [task["nhs_number"] for task in waiting.tasks()] == ["9690937278"]
    assert waiting.reviews() == []


def test_a_decision_answers_by_how_the_chosen_patient_stands_here_now(waiting: ReceiverBench) -> None:
    waiting.know(replace(INDEXED_SMITH, status="left", left_on=date(2020, 1, 1)))
    review_id = waiting.reviews()[0]["review_id"]

    waiting.command("reviews", "match", review_id, "--candidate", "1")
    waiting.once()

    assert waiting.answers() == ["20013", "30003"]
    assert waiting.tasks() == []


def test_a_patient_who_is_not_among_the_candidates_is_typed_and_never_an_argument(waiting: ReceiverBench) -> None:
    waiting.know(replace(NAMESAKE, family="Smythe"))
    review_id = waiting.reviews()[0]["review_id"]

    result = waiting.command("reviews", "match", review_id, "--nhs-number-stdin", stdin="943 476 5919\n")

    assert result.exit_code == 0, result.output
    assert "9434765919" not in result.output
    assert [task["nhs_number"] for task in waiting.tasks()] == ["9434765919"]


class SlowTypist(io.BytesIO):
    """Types ``line``; when it is read, ``meanwhile`` happens."""

    def __init__(self, line: bytes, meanwhile: Callable[[], None]) -> None:
        super().__init__(line)
        self.meanwhile = meanwhile

    def read1(self, size: int | None = -1, /) -> bytes:
        self.meanwhile()
        return super().read1(size)


def test_while_a_person_types_nothing_is_locked(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]
    changed: list[str] = []

    def change_the_review() -> None:
        with waiting.database.transaction() as session:
            changed.append(session.get_one(Review, review_id, with_for_update={"nowait": True}).review_id)

    typist = SlowTypist(b"9690937278\n", change_the_review)

    result = waiting.command("reviews", "match", review_id, "--nhs-number-stdin", stdin=typist)

    assert result.exit_code == 0, result.output
    assert set(changed) == {review_id}


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "words"),
    [
        (("--candidate", "2"), None, 1, "has no candidate 2"),
        (("--nhs-number-stdin",), "1234567890\n", 1, "not a valid NHS number"),
        (("--nhs-number-stdin",), "9690937286\n", 1, "not in the index"),
        ((), None, 2, "give either"),
        (("--candidate", "1", "--nhs-number-stdin"), None, 2, "give either"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_words_and_changes_nothing(
    waiting: ReceiverBench, arguments: tuple[str, ...], stdin: str | None, status: int, words: str
) -> None:
    review_id = waiting.reviews()[0]["review_id"]

    result = waiting.command("reviews", "match", review_id, *arguments, stdin=stdin)

    assert result.exit_code == status
    assert words in result.output
    assert "1234567890" not in result.output
    assert waiting.only()["state"] == "review"


def test_rejecting_answers_that_the_patient_is_not_known(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]

    result = waiting.command("reviews", "reject", review_id, "--reason", "someone else's number")
    waiting.once()

    assert result.exit_code == 0, result.output
    assert waiting.only()["state"] == "unmatched"
    assert waiting.answers() == ["20013", "30002"]


def test_a_review_is_decided_once(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]
    waiting.command("reviews", "match", review_id, "--candidate", "1")

    again = waiting.command("reviews", "reject", review_id, "--reason", "changed my mind")
    unknown = waiting.command("reviews", "reject", "no-such-review", "--reason", "x")

    assert (again.exit_code, unknown.exit_code) == (1, 1)
    assert "was decided already" in again.output
    assert "there is no review" in unknown.output


def test_one_decision_covers_later_versions_with_the_same_demographics(waiting: ReceiverBench) -> None:
    waiting.command("reviews", "match", waiting.reviews()[0]["review_id"], "--candidate", "1")

    waiting.deliver(report(2, patient=MISSPELT))
    waiting.deliver(report(3, patient=person(family="Smythe")))
    waiting.once()

    states = {task["version"]: task["state"] for task in waiting.tasks()}
    assert states == {1: "superseded", 2: "open"}
    (other,) = waiting.reviews()
    assert other["message_facts"]["family"] == "Smythe"


def test_a_rejection_covers_later_versions_too(waiting: ReceiverBench) -> None:
    waiting.command("reviews", "reject", waiting.reviews()[0]["review_id"], "--reason", "not ours")

    waiting.deliver(report(2, patient=MISSPELT))
    waiting.once()

    assert waiting.answers() == ["20013", "20013", "30002", "30002"] or waiting.answers() == [
        *("20013", "30002", "20013", "30002")
    ]
    assert waiting.reviews() == []


def test_one_decision_settles_every_version_that_waits(waiting: ReceiverBench) -> None:
    waiting.deliver(report(2, patient=MISSPELT))
    waiting.once()
    assert len(waiting.reviews()) == 2

    result = waiting.command("reviews", "match", waiting.reviews()[0]["review_id"], "--candidate", "1")

    assert len(result.stdout.splitlines()) == 2
    assert waiting.reviews() == []
    assert {task["version"]: task["state"] for task in waiting.tasks()} == {1: "superseded", 2: "open"}


def test_the_reports_of_a_chain_are_locked_and_settled_in_the_order_of_their_ids(waiting: ReceiverBench) -> None:
    waiting.pass_time(hours=-1)
    waiting.deliver(report(2, patient=MISSPELT))
    waiting.once()

    result = waiting.command("reviews", "match", waiting.reviews()[0]["review_id"], "--candidate", "1")

    settled = [line.split()[1] for line in result.stdout.splitlines()]
    assert len(settled) == 2
    assert settled == sorted(settled)


def test_two_people_who_decide_two_reviews_of_a_chain_at_once_do_not_stand_in_each_others_way(
    waiting: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    other = make_receiver()
    waiting.deliver(report(2, patient=MISSPELT))
    waiting.once()
    together = Barrier(2)

    def decide(bench: ReceiverBench, review_id: str) -> int:
        decider = Decider(bench.receiver.practice, bench.now(), "somebody")
        together.wait()
        try:
            with bench.database.transaction() as session:
                return len(decider.match(session, review_id, lambda review: reviews.candidate_number(review, 1)))
        except CommandFailed:
            return 0

    with ThreadPoolExecutor(2) as pool:
        ids = [review["review_id"] for review in waiting.reviews()]
        settled = list(pool.map(decide, (waiting, other), ids))

    assert sorted(settled) == [0, 2]
    assert {task["version"]: task["state"] for task in waiting.tasks()} == {1: "superseded", 2: "open"}


def test_several_patients_who_fit_are_all_shown(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    receiver.know(NAMESAKE, replace(NAMESAKE, nhs_number="9690937286"))
    receiver.deliver(report(patient=SMITH))

    receiver.once()

    (review,) = receiver.reviews()
    assert [candidate["candidate"] for candidate in review["candidates"]] == [1, 2]


def test_a_review_that_waits_too_long_opens_one_alert_which_the_decision_closes(waiting: ReceiverBench) -> None:
    waiting.pass_time(hours=23)
    waiting.once()
    assert waiting.alerts() == []

    waiting.pass_time(hours=1)
    waiting.once()
    waiting.once()

    (alert,) = waiting.alerts()
    review_id = waiting.reviews()[0]["review_id"]
    assert (alert["kind"], alert["subject_id"]) == ("review_waiting", review_id)
    waiting.command("alerts", "close", alert["alert_id"], "--reason", "I know")
    waiting.once()
    assert waiting.alerts() == []


def test_a_decision_closes_the_alert_about_its_review(waiting: ReceiverBench) -> None:
    waiting.pass_time(days=2)
    waiting.once()

    waiting.command("reviews", "match", waiting.reviews()[0]["review_id"], "--candidate", "1")

    assert waiting.alerts() == []


def test_no_reviews_is_said_in_words(receiver: ReceiverBench) -> None:
    assert receiver.command("reviews").output == "no reviews\n"
    assert receiver.reviews() == []
