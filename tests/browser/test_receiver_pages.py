"""The receiver's pages in Chromium: each job as a person does it, without scripts, and what axe-core finds."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import NAMESPACE_OID, uuid5

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from pypdf import PdfWriter

from registered_receiver.web.site import site
from tests.browser.served import Served, enter, faults_of_pages, press, printed, served, shoot, tab_to
from tests.fakes.mesh import InMemoryMesh
from tests.registered_receiver.bench import (
    INDEXED_SMITH,
    PHOTOGRAPH,
    REPORT,
    ReceiverBench,
    person,
    report,
    wire_receiver,
)

STRANGER = "9434765919"


def photograph() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(picture, "JPEG")
    return picture.getvalue()


def page_of_paper() -> bytes:
    document, written = PdfWriter(), io.BytesIO()
    document.add_blank_page(210, 297)
    document.write(written)
    return written.getvalue()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverBench]:
    """A receiver with an open and a superseded task, two near misses, a refusal and a patient whom nobody knows."""
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001")
    mesh.add_mailbox("BIRCHMB1", ods_code="B82002")
    directory = tmp_path_factory.mktemp("receiver")
    receiver = wire_receiver(f"sqlite:///{directory}/receiver.sqlite3", mesh, directory)
    receiver.know(INDEXED_SMITH)
    documents = (replace(REPORT, data=page_of_paper()), replace(PHOTOGRAPH, data=photograph()))
    receiver.deliver(report(documents=documents))
    receiver.deliver(report(2, documents=documents))
    for family in ("Smyth", "Smithson"):
        receiver.deliver(another(family=family))
    receiver.deliver(another(family="Penhallow", nhs_number=STRANGER))
    receiver.deliver(b"<Bundle/>", subject="Federated consultation report")
    receiver.once()
    receiver.pass_time(hours=25)
    receiver.once()
    yield receiver
    receiver.receiver.close()


def another(**changes: object) -> object:
    identifiers = {name: str(uuid5(NAMESPACE_OID, f"{name} {changes}")) for name in ("consultation_id", "report_id")}
    return report(patient=person(**changes), documents=(replace(REPORT, data=page_of_paper()),), **identifiers)


@pytest.fixture(scope="module")
def pages(bench: ReceiverBench, chromium: Browser) -> Iterator[Served]:
    with served(site(bench.receiver), chromium) as given:
        yield given


def task(bench: ReceiverBench, state: str) -> str:
    return next(each["task_id"] for each in bench.tasks() if each["state"] == state)


def addresses(bench: ReceiverBench) -> dict[str, list[str]]:
    """Every page that is fetched, with what stands for each part of its address."""
    refused = bench.messages("rejected")[0]["mesh_message_id"]
    return {
        "/": ["/"],
        "/login": ["/login"],
        "/alerts": ["/alerts"],
        "/alerts/{alert_id}": [f"/alerts/{bench.alerts()[0]['alert_id']}"],
        "/audit": ["/audit"],
        "/users": ["/users"],
        "/tasks": ["/tasks?state=all"],
        "/tasks/{task_id}": [f"/tasks/{task(bench, state)}" for state in ("open", "superseded")],
        "/search": ["/search"],
        "/near-misses": ["/near-misses"],
        "/near-misses/{review_id}": [f"/near-misses/{bench.reviews()[0]['review_id']}"],
        "/messages": ["/messages"],
        "/messages/{identifier}": [f"/messages/{refused}", "/messages/nothing"],
    }


def test_no_page_has_a_fault_that_axe_core_finds_or_is_wider_than_a_narrow_screen(
    pages: Served, bench: ReceiverBench
) -> None:
    assert "\n".join(faults_of_pages(pages, addresses(bench))) == ""


@pytest.mark.requirement("GPCM-SD-092", "GPCM-SD-093", "FHIR-DOC-04")
def test_a_clerk_opens_a_task_its_documents_and_completes_it(pages: Served, bench: ReceiverBench) -> None:
    with pages.person("clerk") as page:
        page.goto("/")
        shoot(page, "receiver-tasks")
        page.get_by_role("link", name="Federated consultation report for Mr Richard John Smith").click()
        shoot(page, "receiver-task")
        page.get_by_role("link", name="Open document 2").click()
        assert page.evaluate("document.images[0].naturalWidth") == 320
        page.go_back()
        with page.expect_response("**/documents/1") as opened:
            page.get_by_role("link", name="Open document 1").click()
        assert opened.value.headers["content-type"] == "application/pdf"
        page.goto(f"/tasks/{task(bench, 'open')}")
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download document 2").click()
        assert saved.value.suggested_filename == "02-attachment.jpg"
        press(page, "Complete the task")
        page.goto("/tasks?state=completed")
        expect(page.get_by_role("link", name="Federated consultation report for")).to_have_count(1)


def test_a_clerk_without_a_mouse_decides_a_near_miss(pages: Served, bench: ReceiverBench) -> None:
    with pages.person("clerk") as page:
        page.goto("/near-misses")
        page.get_by_role("link", name="Smyth").focus()
        enter(page)
        shoot(page, "receiver-near-miss")
        tab_to(page, "Decide")
        enter(page)
        tab_to(page, page.get_by_role("alert").get_by_role("link").inner_text())
        enter(page)
        page.keyboard.press("Space")
        tab_to(page, "Decide")
        enter(page)
        page.goto("/near-misses")
        expect(page.get_by_role("link", name="Smyth")).to_have_count(0)
    assert any("Smyth" in each["subject"] for each in bench.tasks())


def test_a_clerk_says_that_nobody_here_is_meant(pages: Served, bench: ReceiverBench) -> None:
    with pages.person("clerk") as page:
        page.goto("/near-misses")
        page.get_by_role("link", name="Smithson").click()
        page.get_by_label("Nobody here").check()
        page.get_by_label("Reason").fill("The birth date is another")
        press(page, "Decide")
        page.goto("/messages?state=unmatched")
    assert [each["business_code"] for each in bench.messages("unmatched")] == ["30002", "30002"]


def test_a_patient_is_found_by_number_and_no_address_has_it(pages: Served) -> None:
    with pages.person("clerk") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/search")
        page.get_by_label("NHS number").fill("969 093 7278")
        enter(page)
        expect(page.get_by_role("heading", name="Tasks of the patient with NHS number 969 093 7278")).to_be_visible()
    # the port, which may be any number, is no part of it
    assert not any("969" in urlsplit(url)._replace(netloc="").geturl() for url in asked)


def test_what_was_refused_is_said_in_plain_english(pages: Served, bench: ReceiverBench) -> None:
    with pages.person("viewer") as page:
        page.goto("/messages")
        page.get_by_role("link", name="MESH message").click()
        shoot(page, "receiver-refused")
        code = bench.messages("rejected")[0]["infrastructure_code"]
        assert f"{code}: " in page.get_by_role("main").inner_text()


def test_on_paper_there_is_the_task_and_nothing_to_press(pages: Served, bench: ReceiverBench, tmp_path: Path) -> None:
    with pages.person("clerk") as page:
        page.goto(f"/tasks/{task(bench, 'superseded')}")

        words = printed(page, tmp_path)

    assert "Federated consultation report for Mr Richard John Smith" in words
    assert "Versions of this consultation" in words
    assert not {"Sign out", "Complete the task", "Near misses"} & set(words.splitlines())


def test_a_narrow_screen_shows_the_same(pages: Served) -> None:
    with pages.person("clerk") as page:
        page.set_viewport_size({"width": 320, "height": 800})
        page.goto("/tasks?state=all")
        shoot(page, "receiver-narrow")
        assert page.get_by_role("link", name="Federated consultation report for").first.is_visible()
