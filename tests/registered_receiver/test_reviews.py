from __future__ import annotations

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier

import pytest
from sqlalchemy import text

from registered_receiver import reviews
from registered_receiver.deciding import Decider
from registered_receiver.tables import Review
from shared.errors import CommandFailed
from tests.registered_receiver.bench import (
    ALDER,
    CONSULTATION,
    INDEXED_SMITH,
    REPORT,
    SMITH,
    ReceiverBench,
    person,
    report,
)
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

    heading, rule, *facts = shown.splitlines()[2:12]
    assert re.split(r"\s{2,}", heading.strip()) == ["the report says", "candidate 1"]
    assert set(rule) == {"-", " "}
    cells = [re.split(r"\s{2,}", fact) for fact in facts]
    assert ["NHS number", "9690937278", "9690937278"] in cells
    assert ["family name", "Smyth", "Smith"] in cells
    assert ["given names", "Richard John", "Richard John"] in cells
    assert ["status", "registered"] in cells
    assert ["agrees", "NHS number, birth date"] in cells
    assert f"of {ALDER.ods_code}" in shown


@pytest.mark.requirement("GPCM-SD-092")
def test_nobody_is_shown_which_practice_a_confidential_report_is_from(receiver: ReceiverBench) -> None:
    receiver.deliver(report(patient=person(family="Smyth"), confidential=True, documents=(REPORT,)))
    receiver.once()

    shown = receiver.command("reviews").output
    (review,) = receiver.json("reviews", "--json")
    full = receiver.json("reviews", "show", review["review_id"], "--json")

    assert "of a practice that is not shown" in shown
    assert (full["sender_ods_code"], full["consultation_id"]) == (None, CONSULTATION)
    assert ALDER.ods_code not in f"{shown} {review} {full}"


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


def detail(receiver: ReceiverBench, event: str) -> list[str]:
    """Return what the timelines say beside an event, the newest message first."""
    found = [receiver.json("show", message["mesh_message_id"], "--json") for message in receiver.messages()]
    return [line.get("detail", "") for shown in found for line in shown["timeline"] if line["event"] == event]


def test_the_timeline_says_which_facts_agreed_who_decided_and_in_which_review(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]
    waiting.command("reviews", "match", review_id, "--candidate", "1")
    waiting.deliver(report(2, patient=MISSPELT))
    waiting.deliver(report(3))
    waiting.once()

    (near,) = detail(waiting, "nearly_matched")
    assert near == f"review {review_id}; candidate 1: NHS number and birth date agree"
    assert near in " ".join(waiting.command("show", waiting.messages()[-1]["mesh_message_id"]).output.split())
    assert sorted(detail(waiting, "matched")) == [
        "NHS number, birth date and family name agree",
        f"a person decided in review {review_id}; NHS number and birth date agree",
        f"a person decided in review {review_id}; NHS number and birth date agree",
    ]


def test_who_decided_what_and_why_is_kept_and_shown(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]
    reason = "telephoned Alder Practice"
    waiting.command("reviews", "match", review_id, "--candidate", "1", "--reason", reason)

    shown = waiting.json("reviews", "show", review_id, "--json")
    printed = waiting.command("reviews", "show", review_id).output
    (matched,) = [
        line
        for line in waiting.json("show", waiting.only()["mesh_message_id"], "--json")["timeline"]
        if line["event"] == "matched"
    ]

    assert (shown["nhs_number"], shown["reason"]) == ("9690937278", reason)
    assert matched["by"] == shown["decided_by"] != "registered-receiver"
    assert f"by {shown['decided_by']}: the patient is 9690937278: {reason}" in printed
    assert waiting.command("reviews", "show", "no-such-review").exit_code == 1


def test_a_rejection_is_shown_with_its_reason(waiting: ReceiverBench) -> None:
    review_id = waiting.reviews()[0]["review_id"]
    waiting.command("reviews", "reject", review_id, "--reason", "unknown at this address")

    printed = waiting.command("reviews", "show", review_id).output

    assert "nobody here is meant: unknown at this address" in printed
    assert detail(waiting, "not_matched") == [f"a person decided in review {review_id}; nobody here is meant"]


def test_no_name_can_move_the_cursor_of_whoever_compares(receiver: ReceiverBench) -> None:
    receiver.deliver(report(patient=person(family="Smi\N{RIGHT-TO-LEFT OVERRIDE}htims")), subject="a report")
    receiver.once()

    shown = receiver.command("reviews").output

    assert "Smi\N{REPLACEMENT CHARACTER}htims" in shown


@pytest.mark.parametrize("decision", [("match", "--candidate", "1"), ("reject", "--reason", "not ours")])
def test_a_decision_on_what_the_index_no_longer_says_is_refused_until_it_was_shown_anew(
    waiting: ReceiverBench, decision: tuple[str, ...]
) -> None:
    review_id = waiting.reviews()[0]["review_id"]
    command, *arguments = decision
    waiting.know(replace(INDEXED_SMITH, given="Robert"))

    refused = waiting.command("reviews", command, review_id, *arguments)
    between = waiting.only()["state"]
    (shown,) = waiting.json("reviews", "--json")
    number = str(shown["candidates"][0]["candidate"])
    accepted = waiting.command("reviews", command, review_id, *(number if each == "1" else each for each in arguments))

    assert (refused.exit_code, between) == (1, "review")
    assert "the patient index has changed" in refused.output
    assert [candidate["given"] for candidate in shown["candidates"]] == ["Robert"]
    assert accepted.exit_code == 0, accepted.output


def test_somebody_who_agrees_in_everything_by_now_is_the_only_candidate(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    receiver.know(NAMESAKE)
    receiver.deliver(report())
    receiver.once()
    (before,) = receiver.reviews()

    receiver.know(INDEXED_SMITH)
    refused = receiver.command("reviews", "match", before["review_id"], "--candidate", "1")
    (after,) = receiver.json("reviews", "--json")
    number = str(after["candidates"][0]["candidate"])
    result = receiver.command("reviews", "match", before["review_id"], "--candidate", number)

    assert (refused.exit_code, result.exit_code) == (1, 0)
    assert [candidate["nhs_number"] for candidate in before["candidates"]] == [NAMESAKE.nhs_number]
    assert [candidate["nhs_number"] for candidate in after["candidates"]] == [INDEXED_SMITH.nhs_number]
    assert after["candidates"][0]["agrees"] == ["nhs_number", "birth_date", "family"]
    assert [task["nhs_number"] for task in receiver.tasks()] == [INDEXED_SMITH.nhs_number]


def test_a_number_that_a_person_read_does_not_become_another_patients_because_somebody_else_looked(
    make_receiver: MakeReceiver,
) -> None:
    receiver = make_receiver()
    receiver.know(NAMESAKE)
    receiver.deliver(report())
    receiver.once()
    (read,) = receiver.json("reviews", "--json")
    receiver.know(replace(INDEXED_SMITH, family="Smyth"))
    (seen_by_another,) = receiver.json("reviews", "--json")

    result = receiver.command("reviews", "match", read["review_id"], "--candidate", "1")

    numbers = {each["nhs_number"]: each["candidate"] for each in seen_by_another["candidates"]}
    assert numbers == {NAMESAKE.nhs_number: 1, INDEXED_SMITH.nhs_number: 2}
    assert result.exit_code == 0, result.output
    assert [task["nhs_number"] for task in receiver.tasks()] == [NAMESAKE.nhs_number]


def test_a_review_whose_candidates_are_all_gone_can_still_be_rejected(waiting: ReceiverBench) -> None:
    with waiting.database.transaction() as session:
        session.execute(text("UPDATE patient SET nhs_number = '9434765919', birth_date = '1990-01-01'"))

    shown = waiting.command("reviews").output
    result = waiting.command("reviews", "reject", waiting.reviews()[0]["review_id"], "--reason", "not ours")

    assert "nobody in the patient index fits any more" in shown
    assert result.exit_code == 0, result.output


def test_a_chosen_patient_who_is_gone_from_the_index_is_asked_about_again(waiting: ReceiverBench) -> None:
    waiting.know(NAMESAKE)
    waiting.command("reviews", "match", waiting.reviews()[0]["review_id"], "--nhs-number-stdin", stdin="9434765919\n")
    with waiting.database.transaction() as session:
        session.execute(text("DELETE FROM patient WHERE nhs_number = '9434765919'"))

    waiting.deliver(report(2, patient=MISSPELT))
    waiting.once()

    assert [message["state"] for message in waiting.messages()].count("review") == 1


def test_a_report_that_a_newer_version_overtook_is_answered_by_the_decision_and_filed_as_superseded(
    waiting: ReceiverBench,
) -> None:
    waiting.deliver(report(2))
    waiting.once()
    newer = waiting.tasks()[0]["task_id"]

    result = waiting.command("reviews", "match", waiting.reviews()[0]["review_id"], "--candidate", "1")
    waiting.once()

    assert result.exit_code == 0, result.output
    tasks = {task["version"]: (task["state"], task["superseded_by"]) for task in waiting.tasks()}
    assert tasks == {1: ("superseded", newer), 2: ("open", None)}
    assert sorted(waiting.answers()) == ["20013", "20013", "30001", "30001"]


def test_of_two_people_who_decide_one_review_at_once_the_second_is_told_who_was_first(
    waiting: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    other = make_receiver()
    review_id = waiting.reviews()[0]["review_id"]
    together = Barrier(2)

    def decide(bench: ReceiverBench, by: str) -> str:
        decider = Decider(bench.receiver.practice, bench.now(), by)
        together.wait()
        try:
            with bench.database.transaction() as session:
                if by == "Ann":
                    decider.match(session, review_id, lambda review: reviews.candidate_number(review, 1))
                else:
                    decider.reject(session, review_id, "not ours")
        except CommandFailed as refusal:
            return str(refusal)
        return by

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(decide, (waiting, other), ("Ann", "Bob")))
    waiting.once()

    first = next(who for who in said if who in {"Ann", "Bob"})
    assert f"review {review_id} was decided already, by {first}" in said
    assert waiting.answers() == ["20013", "30001" if first == "Ann" else "30002"]


def test_a_version_that_is_matched_while_a_person_decides_follows_the_decision(
    waiting: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    other = make_receiver()
    waiting.deliver(report(2, patient=MISSPELT))
    waiting.step("collect")
    decider = Decider(waiting.receiver.practice, waiting.now(), "somebody")
    review_id = waiting.reviews()[0]["review_id"]

    with ThreadPoolExecutor(1) as pool:
        with waiting.database.transaction() as session:
            decider.match(session, review_id, lambda review: reviews.candidate_number(review, 1))
            processed = pool.submit(other.step, "process")
        assert processed.result() == 1

    assert waiting.reviews() == []
    assert {task["version"]: task["state"] for task in waiting.tasks()} == {1: "superseded", 2: "open"}


def test_a_review_opened_while_reviews_are_on_can_be_decided_when_they_are_off(
    waiting: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    off = make_receiver(MATCH_REVIEW="off")
    off.deliver(report(2, patient=person(family="Smythe")))
    off.once()

    result = off.command("reviews", "match", waiting.reviews()[0]["review_id"], "--candidate", "1")
    off.once()

    assert result.exit_code == 0, result.output
    assert sorted(off.answers()) == ["20013", "20013", "30001", "30002"]
    assert detail(off, "not_matched") == [
        "near misses are not reviewed; candidate 1: NHS number and birth date agree",
    ]
