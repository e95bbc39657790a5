"""The sender's pages in Chromium: each job as a person does it, without scripts, and what axe-core finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from federated_sender.web.site import site
from shared.config import load
from tests.browser.served import Served, enter, faults_of_pages, press, printed, served, shoot, sign_in, tab_to
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.printing import ThriftyRenderer
from tests.federated_sender.bench import wire_sender
from tests.federated_sender.command_line import settings
from tests.federated_sender.web.day import Day, play

WHY = "The other practice asked for it"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001")
    mesh.add_mailbox("BIRCHMB1", ods_code="B82002")
    directory = tmp_path_factory.mktemp("sender")
    with ThriftyRenderer() as renderer:
        bench = wire_sender(f"sqlite:///{directory}/sender.sqlite3", mesh, renderer, directory)
        yield play(bench)
        bench.database.close()


@pytest.fixture(scope="module")
def pages(day: Day, chromium: Browser) -> Iterator[Served]:
    directory = day.sender.directory
    chosen = settings(directory) | {"DATABASE_URL": f"sqlite:///{directory}/sender.sqlite3"}
    sender = Sender(load(SenderSettings, chosen, None), clock=day.sender.now)
    with served(site(sender), chromium) as given:
        yield given
    sender.close()


def addresses(day: Day) -> dict[str, list[str]]:
    """Every page that is fetched, with what stands for each part of its address."""
    failed, delivered = day.reports["failed"], day.reports["delivered"]
    states = [day.reports[state] for state in ("failed", "waiting", "invalid", "overdue")]
    return {
        "/": ["/"],
        "/login": ["/login"],
        "/alerts": ["/alerts", "/alerts?show=all"],
        "/alerts/{alert_id}": [f"/alerts/{day.sender.alerts()[0]['alert_id']}"],
        "/audit": ["/audit"],
        "/users": ["/users"],
        "/reports": ["/reports", "/reports?show=overdue", "/reports?show=nothing&page=9"],
        "/reports/{report_id:uuid}": [f"/reports/{report}" for report in (*states, "nothing")],
        "/reports/{report_id:uuid}/resend": [f"/reports/{failed}/resend"],
        "/reports/{report_id:uuid}/route": [f"/reports/{failed}/route"],
        "/reports/{report_id:uuid}/reissue": [f"/reports/{failed}/reissue"],
        "/reports/{report_id:uuid}/documents": [f"/reports/{delivered}/documents"],
    }


def test_no_page_has_a_fault_that_axe_core_finds_or_is_wider_than_a_narrow_screen(pages: Served, day: Day) -> None:
    assert "\n".join(faults_of_pages(pages, addresses(day))) == ""


@pytest.mark.requirement("GPCM-SD-094")
def test_a_clerk_signs_in_finds_what_failed_and_closes_its_alert_with_a_reason(pages: Served, day: Day) -> None:
    with pages.person("clerk") as page:
        page.goto("/")
        shoot(page, "sender-reports")
        page.get_by_role("link", name="Failed (2)").click()
        page.get_by_role("link", name="Patient not known").click()
        page.get_by_role("link", name="The alert of").click()
        page.get_by_label("How it was settled").fill("The number is corrected")
        shoot(page, "sender-alert")
        press(page, "Close the alert")
        page.get_by_role("link", name="All", exact=True).click()
        expect(page.get_by_text("closed").first).to_be_visible()
    closed = [each for each in day.sender.alerts(open_only=False) if each["closed_at"] and each["kind"] == "invalid"]
    assert len(closed) == 1


def test_a_clerk_follows_an_alert_and_names_the_registered_practice(pages: Served, day: Day) -> None:
    with pages.person("clerk") as page:
        page.goto("/alerts")
        page.get_by_role("link", name="A report was not filed").click()
        page.get_by_role("link", name="Name the registered practice").click()
        page.get_by_label("Registered practice").select_option("Birch Surgery (B82002)")
        page.get_by_label("Why").fill(WHY)
        shoot(page, "sender-route")
        press(page, "Name the registered practice")
        expect(page.get_by_text("Practice named")).to_be_visible()
    assert day.sender.shown(day.reports["failed"])["routed_because"] == WHY


def test_a_clerk_without_a_mouse_resends_a_report(pages: Served, day: Day) -> None:
    report = day.reports["failed"]
    with pages.person("clerk") as page:
        page.goto(f"/reports/{report}")
        shoot(page, "sender-report")
        tab_to(page, "Resend")
        enter(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Resend the report")
        tab_to(page, "Resend the report")
        enter(page)
        expect(page.get_by_role("alert")).to_contain_text("Say why")
        tab_to(page, "Say why")
        enter(page)
        page.keyboard.type(WHY)
        tab_to(page, "Resend the report")
        enter(page)
        expect(page.get_by_role("main").get_by_text("queued").first).to_be_visible()
    assert day.sender.shown(report)["sends"][-1]["reason"] == WHY


def test_a_clerk_reissues_a_report(pages: Served, day: Day) -> None:
    report = day.reports["delivered"]
    with pages.person("clerk") as page:
        page.goto(f"/reports/{report}")
        page.get_by_role("button", name="Reissue").click()
        page.get_by_label("Why").fill(WHY)
        press(page, "Reissue the report")
        expect(page.get_by_role("main").get_by_text("waiting").first).to_be_visible()
    consultation = day.sender.shown(report)["consultation_id"]
    assert [each["state"] for each in day.sender.status() if each["consultation_id"] == consultation] == [
        "waiting",
        "delivered",
    ]


def test_a_clerk_opens_the_report_as_it_was_sent(pages: Served, day: Day) -> None:
    with pages.person("clerk", scripts=True) as page:
        page.goto(f"/reports/{day.reports['accepted']}")
        # Chromium's own viewer shows it, in spite of the sandbox that the answer asks for
        viewer = page.expect_event("framenavigated", lambda frame: frame.url.startswith("chrome-extension:"))
        with viewer, page.expect_response("**/documents/01-report.pdf") as opened:
            page.get_by_role("link", name="The report as it was sent (PDF)").click()
        assert opened.value.headers["content-type"] == "application/pdf"


def test_on_paper_there_is_the_story_and_nothing_to_press(pages: Served, day: Day, tmp_path: Path) -> None:
    with pages.person("clerk") as page:
        page.goto(f"/reports/{day.reports['overdue']}")

        words = printed(page, tmp_path)

    assert "Report about Mr Robin Stanhope" in words
    assert "What happened" in words
    assert not {"Sign out", "Resend", "Alerts"} & set(words.splitlines())


def test_a_narrow_screen_shows_the_same(pages: Served) -> None:
    with pages.person("clerk") as page:
        page.set_viewport_size({"width": 320, "height": 800})
        page.goto("/reports?show=overdue")
        shoot(page, "sender-narrow")
        assert page.get_by_role("link", name="Mr Robin Stanhope").is_visible()


def test_who_types_a_wrong_password_is_told_no_more_than_that(pages: Served) -> None:
    with pages.person(None) as page:
        page.goto("/login")
        page.get_by_label("Name").fill("clerk")
        page.get_by_label("Password").fill("not it")
        enter(page)
        expect(page.get_by_role("alert")).to_contain_text("Name and password do not fit")
        shoot(page, "sign-in")
        sign_in(page, "clerk")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/login")
        assert page.get_by_role("heading", level=1).inner_text() == "Sign in"
