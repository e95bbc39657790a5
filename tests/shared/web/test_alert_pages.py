from __future__ import annotations

import pytest
from sqlalchemy import text

from registered_receiver.app import Receiver
from shared.web.site import Site
from tests.registered_receiver.bench import ReceiverBench
from tests.registered_receiver.test_migrations import MESSAGE
from tests.shared.web.browsing import browser


def alert(bench: ReceiverBench, subject_id: str, code: str | None = "14", text: str = "A response is lost.") -> str:
    """Open an alert and return its id."""
    with bench.database.transaction() as session:
        bench.receiver.alerts.open(
            session, kind="lost", subject_id=subject_id, now=bench.now(), text=text, action="Telephone them.", code=code
        )
    return str(next(each["alert_id"] for each in bench.alerts() if each["subject_id"] == subject_id))


@pytest.mark.requirement("GPCM-SD-094", "GPCM-SD-095")
def test_an_open_alert_says_what_happened_what_to_do_what_its_code_means_and_where_the_record_is(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    with bench.database.transaction() as session:
        session.execute(text(MESSAGE), {"id": "20261120180000000000_000001", "state": "filed"})
    alert_id = alert(bench, "20261120180000000000_000001")

    with browser(site, "viewer") as page:
        listed = page.get("/alerts").text
        shown = page.get(f"/alerts/{alert_id}").text

    assert all(words in listed for words in ("A response is lost.", "Telephone them.", f"/alerts/{alert_id}"))
    assert "did not collect the message within five days" in shown
    assert 'href="/messages/20261120180000000000_000001"' in shown
    assert '<form action="/alerts' not in shown


def test_a_clerk_closes_an_alert_with_a_reason_that_is_kept(bench: ReceiverBench, site: Site[Receiver]) -> None:
    alert_id = alert(bench, "somewhere", code=None)

    with browser(site, "clerk") as page:
        page.get(f"/alerts/{alert_id}")
        silent = page.post(f"/alerts/{alert_id}/close", {"reason": "  "})
        closed = page.post(f"/alerts/{alert_id}/close", {"reason": "telephoned"})
        again = page.post(f"/alerts/{alert_id}/close", {"reason": "telephoned"})
        listed, everything, shown = page.get("/alerts"), page.get("/alerts?show=all"), page.get(f"/alerts/{alert_id}")

    assert (silent.status_code, "Say how it was settled" in silent.text) == (422, True)
    assert closed.headers["location"] == "/alerts"
    assert (again.status_code, "is closed already" in again.text) == (409, True)
    assert ("A response is lost." in listed.text, "A response is lost." in everything.text) == (False, True)
    assert ("web:clerk" in shown.text, "telephoned" in shown.text) == (True, True)
    lines = bench.json("audit", "--json", "--subject", alert_id)
    assert {each["action"] for each in lines} == {"alert_viewed", "alert_closed"}
    (line,) = (each for each in lines if each["action"] == "alert_closed")
    assert (line["action"], line["user"], line["role"], line["reason"]) == (
        "alert_closed",
        "web:clerk",
        "clerk",
        "telephoned",
    )


def test_an_alert_that_is_not_there_is_no_page(site: Site[Receiver]) -> None:
    with browser(site, "viewer") as page:
        assert page.get("/alerts/nobody").status_code == 404


def test_the_audit_is_shown_to_administrators_and_to_read_it_stands_in_it(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    with browser(site, "clerk") as clerk, browser(site, "admin") as admin:
        clerk.get("/tasks")
        refused = clerk.get("/audit")
        shown = admin.get("/audit").text
        narrowed = admin.get("/audit?subject=elsewhere").text

    assert refused.status_code == 403
    assert ("tasks listed" in shown, "web:clerk" in shown) == (True, True)
    assert "tasks listed" not in narrowed
    assert [line["action"] for line in bench.json("audit", "--json")] == [
        "audit_listed",
        "audit_listed",
        "tasks_listed",
    ]


@pytest.mark.requirement("FHIR-DOC-02", "FHIR-DOC-03")
def test_whoever_looks_at_alerts_is_in_the_audit(bench: ReceiverBench, site: Site[Receiver]) -> None:
    alert_id = alert(bench, "somewhere")

    with browser(site, "viewer") as page:
        for path in ("/alerts", f"/alerts/{alert_id}", "/alerts/nobody"):
            page.get(path)

    lines = bench.json("audit", "--json")
    assert [(line["user"], line["action"], line["subject_id"]) for line in reversed(lines)] == [
        ("web:viewer", "alerts_listed", None),
        ("web:viewer", "alert_viewed", alert_id),
    ]


def test_an_alert_names_no_command_and_leads_to_the_page_only_whom_it_lets_in(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    review = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e09"
    with bench.database.transaction() as session:
        session.execute(text(MESSAGE), {"id": "m", "state": "review"})
        session.execute(
            text(
                "INSERT INTO review (review_id, mesh_message_id, sender_ods_code, consultation_id, facts, candidates,"
                " opened_at) VALUES (:id, 'm', 'A81001', 'c', '{}', '[]', '2026-11-20 18:00:00')"
            ),
            {"id": review},
        )
        line = {"subject_id": review, "now": bench.now(), "text": "A report waits.", "code": None}
        bench.receiver.alerts.open(session, kind="review_waiting", action=f"See `reviews match {review}`.", **line)
    (waiting,) = bench.alerts()

    shown = {}
    for role in ("viewer", "clerk"):
        with browser(site, role) as page:
            shown[role] = page.get(f"/alerts/{waiting['alert_id']}").text
            assert "`" not in shown[role] + page.get("/alerts").text
            assert "Say who the patient is" in page.page

    linked = [f'href="/near-misses/{review}">The near miss' in shown[role] for role in ("viewer", "clerk")]
    assert linked == [False, True]


@pytest.mark.requirement("FHIR-DOC-02", "FHIR-DOC-03")
def test_who_looked_at_one_patient_is_shown_to_administrators_by_a_number_that_is_in_no_address(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    with browser(site, "clerk") as clerk, browser(site, "admin") as admin:
        for number in ("9690937278", "9434765919"):
            clerk.get("/search")
            clerk.post("/search", {"nhs_number": number})
        refused = clerk.post("/audit", {"nhs_number": "9690937278"})
        admin.get("/audit")
        shown = admin.post("/audit", {"nhs_number": "969 093 7278"})
        wrong = admin.post("/audit", {"nhs_number": "969 093 7279"})

    assert refused.status_code == 403
    assert ("tasks searched" in shown.text, "969 093 7278" in shown.text, "943 476 5919" in shown.text) == (
        True,
        True,
        False,
    )
    assert (wrong.status_code, "is not a valid NHS number" in wrong.text) == (422, True)
    newest = bench.json("audit", "--json")[0]
    assert (newest["action"], newest["user"], newest["nhs_number"]) == ("audit_searched", "web:admin", "9690937278")
