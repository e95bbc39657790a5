"""One walk through the pages, on each database: everything in them that asks it something new."""

from __future__ import annotations

import json
import re

import pytest

from registered_receiver.web.site import site as receiver_site
from registered_receiver.web.site import subject_links
from tests.registered_receiver.bench import ReceiverBench, person, report
from tests.registered_receiver.test_desk import acts
from tests.registered_receiver.web.conftest import Open
from tests.registered_receiver.web.test_near_misses import shown_in
from tests.registered_receiver.web.test_tasks import OTHER
from tests.shared.web.browsing import PASSWORD, add_user, browser

NAMES = ("Richard", "Smith", "Smyth", "9690937278", "969 093 7278")


@pytest.mark.requirement("GPCM-SD-092", "GPCM-SD-093", "FHIR-DOC-02", "FHIR-DOC-03", "FHIR-DOC-04")
def test_a_day_at_the_worklist(receiver: ReceiverBench, open_pages: Open) -> None:
    receiver.deliver(report())
    receiver.deliver(report(2))
    receiver.deliver(report(patient=person(family="Smyth"), **OTHER))
    receiver.once()
    review = receiver.reviews()[0]["review_id"]
    page = open_pages(receiver)
    asked: list[str] = []

    def get(path: str) -> None:
        asked.append(path)
        assert page.get(path).status_code == 200, path

    for path in ("/tasks", "/tasks?state=all&page=1", "/near-misses", "/messages?state=all", f"/near-misses/{review}"):
        get(path)
    assert page.post(f"/near-misses/{review}", {"choice": "1", "shown": shown_in(page)}).status_code == 303
    get("/search")
    assert page.post("/search", {"nhs_number": "9690937278"}).text.count("<article") == 3
    first = next(task["task_id"] for task in receiver.tasks() if task["state"] == "open" and task["version"] == 2)
    for path in (f"/tasks/{first}/documents/1", f"/tasks/{first}/documents/2", f"/tasks/{first}"):
        get(path)
    assert page.post(f"/tasks/{first}/complete").status_code == 303
    receiver.once()

    assert receiver.answers().count("30001") == 3
    assert {"document_viewed", "task_completed", "review_matched", "tasks_searched"} <= {
        act for act, _, _ in acts(receiver)
    }
    logged = json.dumps(receiver.log_lines())
    assert not any(name in logged or name in address for name in NAMES for address in asked)


def test_signing_in_and_out_on_each_database(receiver: ReceiverBench) -> None:
    site = receiver_site(receiver.receiver)
    add_user(site, "jane", "admin")

    with browser(site) as page:
        assert page.sign_in("jane", PASSWORD[::-1]).status_code == 403
        assert page.sign_in("jane").status_code == 303
        receiver.pass_time(minutes=2)
        for path in ("/users", "/audit", "/alerts"):
            assert page.get(path).status_code == 200
        page.get("/tasks")
        assert page.post("/logout").status_code == 303
        assert page.get("/tasks").status_code == 303


def test_an_alert_leads_to_the_page_of_what_it_is_about(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.deliver(report(patient=person(family="Smyth"), **OTHER))
    receiver.once()
    task, review = receiver.tasks()[0]["task_id"], receiver.reviews()[0]["review_id"]
    message = receiver.messages()[0]["mesh_message_id"]

    with receiver.database.snapshot() as session:
        found = [subject_links(session, subject_id) for subject_id in (task, review, message, "BIRCHMB1")]

    paths = [[link.path for link in links] for links in found]
    assert [[str(link.role) for link in links] for links in found] == [["viewer"], ["clerk"], ["viewer"], []]
    assert paths == [[f"/tasks/{task}"], [f"/near-misses/{review}"], [f"/messages/{message}"], []]
    assert all(re.fullmatch(r"/[a-z-]+/[A-Za-z0-9_-]+", path) for (path,) in paths[:3])
