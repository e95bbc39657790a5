from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date

import pytest

from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench, person, report
from tests.registered_receiver.test_desk import acts
from tests.registered_receiver.web.conftest import Open
from tests.registered_receiver.web.test_tasks import words
from tests.shared.web.browsing import Browser

# what differs between the databases is in test_journey.py
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NAMESAKE = replace(INDEXED_SMITH, nhs_number="9434765919")


@pytest.fixture
def waiting(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver with one near miss: the number is known, under another family name."""
    receiver.deliver(report(patient=person(family="Smyth")))
    receiver.once()
    return receiver


def path_of(bench: ReceiverBench) -> str:
    return f"/near-misses/{bench.reviews()[0]['review_id']}"


def shown_in(page: Browser) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', page.page)
    assert found is not None
    return found[1]


def test_both_sides_stand_side_by_side_and_what_differs_is_said_in_words(
    waiting: ReceiverBench, open_pages: Open
) -> None:
    page = open_pages(waiting)

    listed = words(page.get("/near-misses").text)
    shown = words(page.get(path_of(waiting)).text)

    assert "Richard John Smyth , NHS number 969 093 7278, born 9 January 1957 waits since" in listed
    assert "Fact The report says Candidate 1" in shown
    assert "NHS number 969 093 7278 969 093 7278 (agrees)" in shown
    assert "Family name Smyth Smith (differs)" in shown
    assert "Stands here as not said registered" in shown


def test_choosing_a_candidate_files_the_report_answers_the_sender_and_names_who_decided(
    waiting: ReceiverBench, open_pages: Open
) -> None:
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)

    decided = page.post(path, {"choice": "1", "shown": shown_in(page), "reason": "telephoned"})
    again = page.post(path, {"choice": "1", "shown": "0" * 64})
    waiting.once()

    assert decided.headers["location"] == path
    assert "Decided by web:clerk The patient is 969 093 7278 Reason telephoned" in words(page.get(path).text)
    assert (again.status_code, "was decided already, by web:clerk" in again.text) == (409, True)
    assert waiting.answers() == ["20013", "30001"]
    assert acts(waiting)[-2][0] == "review_matched"


def test_nobody_here_needs_a_reason_and_is_answered_30002(waiting: ReceiverBench, open_pages: Open) -> None:
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)

    silent = page.post(path, {"choice": "nobody", "shown": shown_in(page)})
    decided = page.post(path, {"choice": "nobody", "shown": shown_in(page), "reason": "not ours"})
    waiting.once()

    assert (silent.status_code, "Say why nobody here is meant" in silent.text) == (422, True)
    assert re.search(r'value="nobody"[^>]*checked', silent.text)
    assert decided.status_code == 303
    assert waiting.answers() == ["20013", "30002"]


def test_another_patient_is_chosen_by_a_number_that_is_in_no_address_and_no_log(
    waiting: ReceiverBench, open_pages: Open
) -> None:
    waiting.know(replace(NAMESAKE, family="Smythe"))
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)

    bad = page.post(path, {"choice": "other", "shown": shown_in(page), "nhs_number": "12345"})
    unknown = page.post(
        path, {"choice": "other", "shown": shown_in(page), "nhs_number": "9990000018", "reason": "rang"}
    )
    decided = page.post(path, {"choice": "other", "shown": shown_in(page), "nhs_number": "943 476 5919"})

    assert (bad.status_code, "is not a valid NHS number" in bad.text) == (422, True)
    assert (unknown.status_code, "No patient of this practice is known here by" in unknown.text) == (422, True)
    assert 'value="9990000018"' in unknown.text
    assert "rang</textarea>" in unknown.text
    assert re.search(r'value="other"[^>]*checked', unknown.text)
    looked_up = [line for line in waiting.json("audit", "--json") if line["action"] == "patient_looked_up"]
    assert [(line["nhs_number"], line["reason"]) for line in looked_up] == [
        ("9434765919", "found"),
        ("9990000018", "not found"),
    ]
    assert {f"/near-misses/{line['subject_id']}" for line in looked_up} == {path}
    assert decided.headers["location"] == path
    assert [task["nhs_number"] for task in waiting.tasks()] == ["9434765919"]
    assert not {"9434765919", "9990000018", "9690937278"} & set(re.findall(r"\d{10}", json.dumps(waiting.log_lines())))


def test_a_decision_that_chooses_nothing_is_none(waiting: ReceiverBench, open_pages: Open) -> None:
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)

    answers = [
        page.post(path, {"choice": choice, "shown": shown_in(page)}) for choice in ("", "0x1", "-1", "99999999", "²")
    ]

    said = [(answer.status_code, "Choose who the patient is" in answer.text) for answer in answers]
    assert said == [(422, True)] * 5
    assert len(waiting.reviews()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(INDEXED_SMITH, given="Robert"),
        replace(INDEXED_SMITH, status="left", left_on=date(2020, 1, 1)),
        replace(NAMESAKE, family="Smyth"),
    ],
    ids=["another name", "the patient left", "somebody else fits"],
)
@pytest.mark.parametrize(("looked", "choice"), [(False, "nobody"), (True, "1")], ids=["unseen", "seen by another"])
def test_a_decision_on_what_changed_meanwhile_is_refused_and_shown_anew(
    waiting: ReceiverBench, open_pages: Open, changed: object, looked: bool, choice: str
) -> None:
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)
    before = shown_in(page)
    waiting.know(changed)  # type: ignore[arg-type]
    if looked:
        open_pages(waiting, "admin").get(path)

    answer = page.post(path, {"choice": choice, "shown": before, "reason": "sure"})

    assert (answer.status_code, "The patient index has changed" in answer.text) == (409, True)
    assert shown_in(page) != before
    assert len(waiting.reviews()) == 1
    assert page.post(path, {"choice": "nobody", "shown": shown_in(page), "reason": "sure"}).status_code == 303


def test_a_decision_that_does_not_say_what_was_shown_is_refused(waiting: ReceiverBench, open_pages: Open) -> None:
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)

    for shown in ("", "0" * 64):
        assert page.post(path, {"choice": "1", "shown": shown}).status_code == 409
    assert len(waiting.reviews()) == 1


def test_what_a_hostile_sender_called_the_patient_is_text(receiver: ReceiverBench, open_pages: Open) -> None:
    receiver.deliver(report(patient=person(family="<script>alert(1)</script>")))
    receiver.once()
    page = open_pages(receiver)

    pages = page.get("/near-misses").text + page.get(path_of(receiver)).text

    assert "<script" not in pages
    assert "&lt;script&gt;alert(1)" in pages


def test_a_review_that_is_not_there_is_no_page(waiting: ReceiverBench, open_pages: Open) -> None:
    page = open_pages(waiting)

    assert page.get("/near-misses/nobody").status_code == 404
    assert "No near miss waits." not in page.get("/near-misses").text


def test_everybody_whom_a_near_miss_shows_is_in_the_audit(waiting: ReceiverBench, open_pages: Open) -> None:
    waiting.know(replace(NAMESAKE, family="Smyth"))

    open_pages(waiting).get(path_of(waiting))

    viewed = [number for action, _, number in acts(waiting) if action == "review_viewed"]
    assert viewed == ["9690937278", "9434765919"]


@pytest.mark.parametrize("decided", [False, True], ids=["invented", "decided"])
def test_a_number_is_looked_up_for_an_open_near_miss_alone(
    waiting: ReceiverBench, open_pages: Open, decided: bool
) -> None:
    page, path = open_pages(waiting), path_of(waiting)
    page.get(path)
    shown = shown_in(page)
    if decided:
        page.post(path, {"choice": "1", "shown": shown})

    answer = page.post(
        path if decided else "/near-misses/invented",
        {"choice": "other", "shown": shown, "nhs_number": INDEXED_SMITH.nhs_number},
    )

    why = "was decided already, by web:clerk" if decided else "there is no review invented"
    assert (answer.status_code, why in answer.text) == (409, True)
    lines = acts(waiting)
    assert "patient_looked_up" not in {action for action, *_ in lines}
    assert "invented" not in {subject for _, subject, _ in lines}
