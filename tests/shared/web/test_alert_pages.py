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
    (line,) = bench.json("audit", "--json", "--subject", alert_id)
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
