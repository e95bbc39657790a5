from __future__ import annotations

import pytest
from sqlalchemy import text

from shared.itk3.build import build_report
from tests.registered_receiver.bench import REPORT, THEM, ReceiverBench, person, report
from tests.registered_receiver.test_desk import acts
from tests.registered_receiver.test_migrations import MESSAGE
from tests.registered_receiver.web.conftest import Open
from tests.registered_receiver.web.test_tasks import OTHER, words

# what differs between the databases is in test_journey.py
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.requirement("FHIR-V&V-01")
def test_what_was_refused_is_listed_with_the_reason_in_plain_words(receiver: ReceiverBench, open_pages: Open) -> None:
    mesh_id = receiver.deliver(b"<html>not a message</html>", subject="nothing")
    receiver.deliver(report())
    receiver.once()
    page = open_pages(receiver, "viewer")

    listed = words(page.get("/messages").text)
    shown = words(page.get(f"/messages/{mesh_id}").text)

    assert "Rejected (1) Not our patient (0) Filed (1)" in listed
    assert "20006: The message&#39;s header breaks a rule of ITK3." in listed
    assert listed.count("MESH message") == 1
    assert "What the sending practice is told to do: Tell the registered practice by telephone" in shown
    assert "What happened" in shown
    assert "refused rejected 20006 registered-receiver The root element must be a Bundle" in shown


def test_a_message_leads_to_its_task_its_near_miss_and_its_codes(receiver: ReceiverBench, open_pages: Open) -> None:
    filed = receiver.deliver(report())
    near = receiver.deliver(
        report(
            patient=person(family="Smyth"),
            consultation_id="0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e02",
            report_id="0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e03",
        )
    )
    receiver.once()
    page, viewer = open_pages(receiver), open_pages(receiver, "viewer")
    task, review = receiver.tasks()[0]["task_id"], receiver.reviews()[0]["review_id"]

    of_filed = page.get(f"/messages/{filed}").text
    by_task = page.get(f"/messages/{task}").text
    of_near = page.get(f"/messages/{near}").text

    assert f'href="/tasks/{task}"' in of_filed
    assert "30001" in of_filed
    assert filed in by_task
    assert f'href="/near-misses/{review}"' in of_near
    assert "/near-misses/" + review not in viewer.get(f"/messages/{near}").text


def test_lists_and_messages_that_are_not_there_are_no_pages(receiver: ReceiverBench, open_pages: Open) -> None:
    page = open_pages(receiver, "viewer")

    assert page.get("/messages?state=nonsense").status_code == 404
    assert page.get("/messages/nobody").status_code == 404
    assert "There are no such messages." in page.get("/messages?state=all").text


@pytest.mark.requirement("GPCM-SD-092")
def test_the_messages_of_a_confidential_consultation_do_not_name_the_practice_either(
    receiver: ReceiverBench, open_pages: Open
) -> None:
    filed = receiver.deliver(report(confidential=True, documents=(REPORT,)))
    near = receiver.deliver(report(patient=person(family="Smyth"), confidential=True, documents=(REPORT,), **OTHER))
    receiver.once()
    page = open_pages(receiver, "viewer")

    listed = page.get("/messages?state=all").text
    shown = [page.get(f"/messages/{each}").text for each in (filed, near)]

    assert {message["state"] for message in receiver.messages()} == {"filed", "review"}
    for each in (listed, *shown):
        assert THEM not in each
        assert "Alder Practice" not in each
    assert listed.count("from mailbox confidential") == 2
    assert all("From mailbox confidential" in words(each) for each in shown)


def test_the_messages_of_any_other_consultation_name_the_mailbox(filed: ReceiverBench, open_pages: Open) -> None:
    page = open_pages(filed, "viewer")
    task = filed.tasks()[0]["task_id"]

    assert f"from mailbox {THEM}" in page.get("/messages?state=all").text
    assert f"From mailbox {THEM}" in words(page.get(f"/messages/{task}").text)


@pytest.mark.requirement("GPCM-SD-092")
@pytest.mark.parametrize(
    ("said", "instead", "state"),
    [(b'"Smith"', b'"Smyth"', "review"), (b'<status value="requested"/>', b'<status value="draft"/>', "rejected")],
    ids=["a near miss", "refused"],
)
def test_a_message_says_itself_whether_it_is_confidential_whatever_its_subject_says(
    receiver: ReceiverBench, open_pages: Open, said: bytes, instead: bytes, state: str
) -> None:
    body = build_report(report(confidential=True, documents=(REPORT,)))
    mesh_id = receiver.deliver(body.replace(said, instead), subject="whatever somebody wrote")
    receiver.once()
    page = open_pages(receiver, "viewer")

    shown = words(page.get(f"/messages/{mesh_id}").text)

    assert receiver.only()["state"] == state
    assert "From mailbox confidential" in shown
    assert THEM not in shown + page.get("/messages?state=all").text


def test_what_was_refused_and_cannot_be_read_names_the_mailbox_so_that_somebody_can_ask(
    receiver: ReceiverBench, open_pages: Open
) -> None:
    mesh_id = receiver.deliver(b"<html>not a message</html>", subject="nothing")
    receiver.once()

    assert f"From mailbox {THEM}" in words(open_pages(receiver, "viewer").get(f"/messages/{mesh_id}").text)


def test_where_nothing_tells_whether_it_is_confidential_the_mailbox_is_not_shown(
    filed: ReceiverBench, open_pages: Open
) -> None:
    with filed.database.transaction() as session:
        session.execute(text("UPDATE message SET confidential = NULL"))
    page = open_pages(filed, "viewer")

    shown = words(page.get(f"/messages/{filed.only()['mesh_message_id']}").text)

    assert "From mailbox not shown" in shown
    assert THEM not in shown + page.get("/messages").text


@pytest.mark.requirement("FHIR-DOC-02", "FHIR-DOC-03")
def test_whoever_looks_at_messages_is_in_the_audit_with_whose_report_it_is(
    receiver: ReceiverBench, open_pages: Open
) -> None:
    near = receiver.deliver(report(patient=person(family="Smyth"), **OTHER))
    filed = receiver.deliver(report())
    refused = receiver.deliver(b"<html>not a message</html>", subject="nothing")
    receiver.once()
    page = open_pages(receiver, "viewer")

    for path in ("/messages", f"/messages/{filed}", f"/messages/{near}", f"/messages/{refused}"):
        page.get(path)

    assert acts(receiver) == [
        ("messages_listed", None, None),
        ("message_viewed", filed, "9690937278"),
        ("message_viewed", near, "9690937278"),
        ("message_viewed", refused, None),
    ]


def test_a_message_that_was_set_aside_is_taken_back_into_work_by_a_clerk(
    filed: ReceiverBench, open_pages: Open
) -> None:
    mesh_id = filed.only()["mesh_message_id"]
    with filed.database.transaction() as session:
        session.execute(text("UPDATE message SET parked_at = changed_at"))
    clerk, viewer = open_pages(filed), open_pages(filed, "viewer")
    clerk.get(f"/messages/{mesh_id}")
    offered = "Take it back into work" in clerk.page

    refused = viewer.get(f"/messages/{mesh_id}")
    answer = clerk.post(f"/messages/{mesh_id}/retry")
    again = clerk.post(f"/messages/{mesh_id}/retry")

    assert (offered, "Take it back" in refused.text) == (True, False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/messages/{mesh_id}")
    assert (again.status_code, "is parked" in again.text) == (409, True)
    assert filed.json("show", mesh_id, "--json")["record"]["parked_at"] is None
    assert ("record_retried", mesh_id, "9690937278") in acts(filed)


def test_many_messages_come_a_page_at_a_time(receiver: ReceiverBench, open_pages: Open) -> None:
    with receiver.database.transaction() as session:
        for number in range(51):
            session.execute(text(MESSAGE), {"id": f"m{number}", "state": "rejected"})
    page = open_pages(receiver, "viewer")

    first, second = (page.get(f"/messages?page={number}").text for number in (1, 2))

    assert [found.count("<article") for found in (first, second)] == [50, 1]
    assert 'href="/messages?state=rejected&amp;page=2"' in first
