from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.registered_receiver.bench import JPEG, PDF, PHOTOGRAPH, REPORT, ReceiverBench, person, report
from tests.registered_receiver.test_desk import acts
from tests.registered_receiver.web.conftest import Open

# what differs between the databases is in test_journey.py
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OTHER = {
    "consultation_id": "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e02",
    "report_id": "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e03",
}


def words(html: str) -> str:
    """Return the words of a page's main part."""
    found = re.search(r"<main.*</main>", html, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


def task_id(bench: ReceiverBench, state: str = "open") -> str:
    return next(str(task["task_id"]) for task in bench.tasks() if task["state"] == state)


@pytest.mark.requirement("GPCM-SD-092")
def test_the_worklist_shows_the_subject_letter_by_letter_as_it_came(receiver: ReceiverBench, open_pages: Open) -> None:
    subject = 'Federated consultation report for  Mr <b>Smith</b> "R" , NHS Number 9690937278, seen at  Alder  & Co'
    receiver.deliver(report(), subject=subject)
    receiver.once()
    page = open_pages(receiver, "viewer")

    listed = page.get("/tasks").text
    shown = page.get(f"/tasks/{task_id(receiver)}").text

    escaped = subject.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    assert f"<bdi>{escaped}</bdi>" in listed
    assert f"<bdi>{escaped}</bdi>" in shown


def test_the_filters_show_open_completed_and_superseded_tasks_with_their_numbers(
    receiver: ReceiverBench, open_pages: Open
) -> None:
    receiver.deliver(report())
    receiver.deliver(report(2))
    receiver.deliver(report(**OTHER))
    receiver.once()
    receiver.command("tasks", "complete", task_id(receiver))
    page = open_pages(receiver, "viewer")

    shown = {
        state: words(page.get(f"/tasks?state={state}").text) for state in ("open", "completed", "superseded", "all")
    }

    assert "Open (1) Completed (1) Superseded (1) All Near misses" in shown["open"]
    counted = {state: found.count("Federated consultation report") for state, found in shown.items()}
    assert counted == {"open": 1, "completed": 1, "superseded": 1, "all": 3}
    assert page.get("/tasks?state=nonsense").status_code == 404


@pytest.mark.requirement("GPCM-SD-093", "FHIR-DOC-04")
def test_a_task_shows_its_facts_its_documents_and_how_every_version_stands(
    receiver: ReceiverBench, open_pages: Open
) -> None:
    receiver.deliver(report())
    receiver.once()
    receiver.command("tasks", "complete", task_id(receiver))
    receiver.deliver(report(2))
    receiver.once()
    page, older, newer = open_pages(receiver), task_id(receiver, "superseded"), task_id(receiver)

    shown = page.get(f"/tasks/{newer}").text
    superseded = page.get(f"/tasks/{older}").text

    assert "NHS number 969 093 7278 Version 2 Written 20 November 2026, 17:50" in words(shown)
    assert "Rash on the left arm JPEG 24 Bytes Open document 2 Download document 2" in words(shown)
    assert "An earlier version was completed already." in shown
    assert f'href="/tasks/{older}"' in shown
    assert f'<a class="nhsuk-link" href="/tasks/{newer}">open the newer task</a>' in superseded
    assert "Complete the task" in shown
    assert "Complete the task" not in superseded


def test_of_a_confidential_consultation_nobody_is_shown_where_it_was(receiver: ReceiverBench, open_pages: Open) -> None:
    receiver.deliver(report(confidential=True, documents=(REPORT,)))
    receiver.once()

    shown = open_pages(receiver).get(f"/tasks/{task_id(receiver)}").text

    assert "Sending practice confidential" in words(shown)
    assert "A81001" not in shown
    assert "Alder Practice" not in shown


def test_versions_that_name_different_patients_are_told_apart(receiver: ReceiverBench, open_pages: Open) -> None:
    receiver.deliver(report())
    receiver.once()
    with receiver.database.transaction() as session:
        session.execute(
            text("UPDATE task SET nhs_number = '9990000018', flag = 'Another version names another patient.'")
        )
    receiver.deliver(report(2))
    receiver.once()
    tasks = {task["version"]: task["task_id"] for task in receiver.tasks()}
    page = open_pages(receiver)

    older, newer = (words(page.get(f"/tasks/{tasks[version]}").text) for version in (1, 2))

    assert "1 open another patient" in newer
    assert "2 open another patient" in older
    assert "Know before you go on" in older


@pytest.mark.requirement("FHIR-DOC-02", "FHIR-DOC-03")
def test_a_clerk_opens_and_downloads_documents_byte_for_byte_and_each_view_is_in_the_audit(
    filed: ReceiverBench, open_pages: Open
) -> None:
    page, wanted = open_pages(filed), task_id(filed)

    opened = page.get(f"/tasks/{wanted}/documents/1")
    downloaded = page.get(f"/tasks/{wanted}/documents/2?download=1")

    assert (opened.content, opened.headers["content-type"]) == (PDF, "application/pdf")
    assert opened.headers["content-disposition"] == 'inline; filename="01-report.pdf"'
    assert (downloaded.content, downloaded.headers["content-type"]) == (JPEG, "application/octet-stream")
    assert downloaded.headers["content-disposition"] == 'attachment; filename="02-attachment.jpg"'
    lines = filed.json("audit", "--json")
    assert [(line["action"], line["user"], line["role"], line["nhs_number"], line["reason"]) for line in lines] == [
        ("document_viewed", "web:clerk", "clerk", "9690937278", "document 2"),
        ("document_viewed", "web:clerk", "clerk", "9690937278", "document 1"),
    ]


def test_a_viewer_sees_that_there_are_documents_and_opens_none(filed: ReceiverBench, open_pages: Open) -> None:
    page, wanted = open_pages(filed, "viewer"), task_id(filed)

    shown = page.get(f"/tasks/{wanted}").text
    refused = page.get(f"/tasks/{wanted}/documents/1")

    assert ("Rash on the left arm" in shown, "/documents/" in shown) == (True, False)
    assert (refused.status_code, PDF in refused.content) == (403, False)
    assert acts(filed) == [("task_viewed", wanted, "9690937278")]


def test_a_document_that_a_task_does_not_have_is_no_page_and_no_view(filed: ReceiverBench, open_pages: Open) -> None:
    page, wanted = open_pages(filed), task_id(filed)
    positions = ("0", "3", "-1", "99999999999999999999", "1.pdf", "../1", "%2e%2e%2f1", "1%00")

    answers = {position: page.get(f"/tasks/{wanted}/documents/{position}").status_code for position in positions}

    assert answers == dict.fromkeys(positions, 404)
    assert acts(filed) == []


@pytest.mark.requirement("FHIR-DOC-02")
def test_a_view_that_cannot_be_written_down_is_not_shown(filed: ReceiverBench, open_pages: Open) -> None:
    page, wanted = open_pages(filed), task_id(filed)
    with filed.database.transaction() as session:
        session.execute(text("ALTER TABLE audit RENAME TO elsewhere"))

    for path in (f"/tasks/{wanted}/documents/1", f"/tasks/{wanted}", "/tasks"):
        answer = page.get(path)
        assert answer.status_code in (500, 503)
        assert (PDF in answer.content, "Smith" in answer.text) == (False, False)


HOSTILE = (
    replace(REPORT, description="Federated Consultation Report", data=b"%PDF-1.7 /OpenAction << /JS (app.alert(1)) >>"),
    replace(
        PHOTOGRAPH, description='"><script>alert(1)</script>', content_type="text/html", data=b"<script>1</script>"
    ),
    replace(PHOTOGRAPH, description="../../../etc/passwd\r\nX-Evil: 1", content_type="text/plain", data=b"nothing"),
)


def test_what_a_hostile_sender_stored_runs_nowhere(receiver: ReceiverBench, open_pages: Open) -> None:
    receiver.deliver(report(documents=HOSTILE))
    receiver.once()
    page, wanted = open_pages(receiver), task_id(receiver)

    shown = page.get(f"/tasks/{wanted}").text
    answers = [page.get(f"/tasks/{wanted}/documents/{number}") for number in (1, 2, 3)]

    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "marks of something that runs" in shown
    assert "Open<span" not in shown
    for number, answer in enumerate(answers, 1):
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="0{number}-')
        assert "passwd" not in answer.headers["content-disposition"]
        assert answer.headers["content-security-policy"].startswith("sandbox;")
        assert answer.content == HOSTILE[number - 1].data


def test_a_clerk_completes_a_task_once_and_is_named_for_it(filed: ReceiverBench, open_pages: Open) -> None:
    page, wanted = open_pages(filed), task_id(filed)
    page.get(f"/tasks/{wanted}")

    done = page.post(f"/tasks/{wanted}/complete")
    again = page.post(f"/tasks/{wanted}/complete")

    assert done.headers["location"] == f"/tasks/{wanted}"
    assert (again.status_code, "is completed, not open" in again.text) == (409, True)
    record = filed.json("show", wanted, "--json")
    assert [line["by"] for line in record["timeline"] if line["event"] == "task_completed"] == ["web:clerk"]
    assert acts(filed)[-1] == ("task_completed", wanted, "9690937278")


def test_a_task_that_was_superseded_while_somebody_looked_is_not_completed(
    filed: ReceiverBench, open_pages: Open
) -> None:
    page, wanted = open_pages(filed), task_id(filed)
    page.get(f"/tasks/{wanted}")
    filed.deliver(report(2))
    filed.once()

    answer = page.post(f"/tasks/{wanted}/complete")

    assert (answer.status_code, "is superseded, not open" in answer.text) == (409, True)


def test_a_patient_is_found_by_nhs_number_and_the_number_is_in_no_address_and_no_log(
    filed: ReceiverBench, open_pages: Open
) -> None:
    page = open_pages(filed)
    page.get("/search")

    found = page.post("/search", {"nhs_number": "969 093 7278"})
    nobody = page.post("/search", {"nhs_number": "9990000018"})
    in_the_address = page.get("/search?nhs_number=9690937278")

    assert (found.status_code, "Mr Richard John Smith" in found.text) == (200, True)
    assert "There are no such tasks." in nobody.text
    assert "Smith" not in in_the_address.text
    addresses = re.findall(r"(?:href|action)=\"([^\"]*)\"", found.text)
    assert not any("9690937278" in address for address in addresses)
    assert found.headers["referrer-policy"] == "no-referrer"
    assert "9690937278" not in json.dumps(filed.log_lines())
    assert acts(filed) == [("tasks_searched", None, "9690937278"), ("tasks_searched", None, "9990000018")]
    lines = [line for line in filed.json("audit", "--json") if line["action"] == "tasks_searched"]
    assert [line["reason"] for line in lines] == ["not found", "found"]


def test_what_is_no_nhs_number_is_said_and_not_looked_for(filed: ReceiverBench, open_pages: Open) -> None:
    page = open_pages(filed)
    page.get("/search")

    answers = [page.post("/search", {"nhs_number": typed}) for typed in ("", "9690937279", "<script>", "Smith")]

    assert not any("<script" in answer.text for answer in answers)
    said = [(answer.status_code, "is not a valid NHS number" in answer.text) for answer in answers]
    assert said == [(422, True)] * 4
    assert acts(filed) == []


def test_a_long_worklist_comes_in_pages(filed: ReceiverBench, open_pages: Open) -> None:
    _copy(filed, 120)
    page = open_pages(filed, "viewer")

    first, second, third = (page.get(f"/tasks?page={number}").text for number in (1, 2, 3))

    assert [found.count("<article") for found in (first, second, third)] == [50, 50, 21]
    assert ('href="/tasks?state=open&amp;page=2"' in first, "Newer" in first, "Older" in third) == (True, False, False)
    assert page.get("/tasks?page=0").text.count("<article") == 50
    assert page.get("/tasks?page=%C2%B2").text.count("<article") == 50


def _copy(bench: ReceiverBench, times: int) -> None:
    columns: dict[str, Any] = {
        "message": "message_type, workflow_id, received_at, changed_at, truncated, left_in_mesh, state, attempts",
        "task": "state, subject, sender_ods_code, version, authored_on, nhs_number, received_at, confidential",
    }
    with bench.database.transaction() as session:
        for number in range(times):
            new = {"new": f"copy-{number}"}
            session.execute(
                text(
                    f"INSERT INTO message (mesh_message_id, {columns['message']}) SELECT :new, {columns['message']}"
                    " FROM message WHERE mesh_message_id NOT LIKE 'copy-%'"
                ),
                new,
            )
            session.execute(
                text(
                    f"INSERT INTO task (task_id, mesh_message_id, consultation_id, {columns['task']})"
                    f" SELECT :new, :new, :new, {columns['task']} FROM task WHERE task_id NOT LIKE 'copy-%'"
                ),
                new,
            )


def test_what_is_not_kept_any_more_is_said(filed: ReceiverBench, open_pages: Open) -> None:
    page, wanted = open_pages(filed), task_id(filed)
    page.get(f"/tasks/{wanted}")
    page.post(f"/tasks/{wanted}/complete")
    filed.pass_time(days=366 * 9)
    filed.once()
    page = open_pages(filed)

    shown = page.get(f"/tasks/{wanted}").text
    answer = page.get(f"/tasks/{wanted}/documents/1")

    assert ("The subject is not kept any more" in shown, "The documents are not kept any more since" in shown) == (
        True,
        True,
    )
    assert (answer.status_code, "were pruned at" in answer.text) == (404, True)


def test_a_near_miss_patient_is_nobodys_task_yet(receiver: ReceiverBench, open_pages: Open) -> None:
    receiver.deliver(report(patient=person(family="Smyth")))
    receiver.once()

    assert "There are no such tasks." in open_pages(receiver, "viewer").get("/tasks").text


@pytest.mark.parametrize("position", ["9" * 5000, "99999999999", "-1", "x", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_place_that_no_document_can_have_is_no_page(filed: ReceiverBench, open_pages: Open, position: str) -> None:
    page = open_pages(filed)

    assert page.get(f"/tasks/{task_id(filed)}/documents/{position}").status_code == 404


def test_a_number_that_is_none_stays_in_its_field(receiver: ReceiverBench, open_pages: Open) -> None:
    page = open_pages(receiver)
    page.get("/search")

    assert 'value="969 093 7279"' in page.post("/search", {"nhs_number": "969 093 7279"}).text
