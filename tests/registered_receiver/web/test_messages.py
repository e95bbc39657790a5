from __future__ import annotations

import pytest

from tests.registered_receiver.bench import ReceiverBench, person, report
from tests.registered_receiver.web.conftest import Open
from tests.registered_receiver.web.test_tasks import words

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
