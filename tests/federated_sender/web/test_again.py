"""Resending and reissuing by a page: why is asked, a refusal keeps what was typed, and what was done is kept."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import text

from federated_sender import ledger
from federated_sender.desk import Desk
from shared.audit import Actor
from tests.federated_sender import rows
from tests.federated_sender.bench import BIRCH, CONSULTATION, SenderBench, consultation
from tests.federated_sender.web.conftest import SignIn
from tests.shared.web.browsing import Browser

WHY = "The other practice lost it"
# what differs between the databases is in the tests without it
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def refused(sender: SenderBench) -> SenderBench:
    """Give a sender whose report the registered practice did not file."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    sender.respond("20013")
    sender.respond("30002")
    sender.once()
    assert sender.only()["state"] == "failed"
    return sender


def opened(browser: Browser, sender: SenderBench, what: str) -> str:
    """Open the form as a person does, and return its address."""
    at = f"/reports/{sender.status()[0]['report_id']}/{what}"
    assert browser.get(at).status_code == 200
    return at


def said(page: Browser) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.page.partition("<main")[2])).split())


def latest(sender: SenderBench) -> tuple[str, str, str | None]:
    with sender.database.snapshot() as session:
        line = ledger.AUDIT.listing(session, limit=1)[0]
    return line.user_name, line.action, line.reason


def test_a_report_is_sent_again_with_the_reason_and_its_alert_is_closed(refused: SenderBench, sign_in: SignIn) -> None:
    clerk = sign_in("clerk")
    at = opened(clerk, refused, "resend")

    answer = clerk.post(at, {"reason": WHY})

    assert (answer.status_code, answer.headers["location"]) == (303, at.removesuffix("/resend"))
    assert (refused.only()["state"], refused.alerts()) == ("queued", [])
    assert latest(refused) == ("web:clerk", "report_resent", WHY)
    (_, again) = refused.shown(refused.only()["report_id"])["sends"]
    assert (again["by"], again["reason"]) == ("web:clerk", WHY)
    refused.once()
    assert len(refused.posts()) == 2
    assert refused.posts()[0].body == refused.posts()[1].body


@SQLITE
@pytest.mark.parametrize("what", ["resend", "reissue"])
def test_without_a_reason_nothing_is_done(refused: SenderBench, sign_in: SignIn, what: str) -> None:
    clerk = sign_in("clerk")
    at = opened(clerk, refused, what)

    answer = clerk.post(at, {"reason": " \n"})

    assert (answer.status_code, refused.only()["state"]) == (422, "failed")
    assert "There is a problem Say why" in said(clerk)


@SQLITE
@pytest.mark.parametrize("what", ["resend", "reissue"])
def test_a_second_time_so_soon_must_be_meant(refused: SenderBench, sign_in: SignIn, what: str) -> None:
    clerk = sign_in("clerk")
    clerk.post(opened(clerk, refused, what), {"reason": WHY})
    refused.pass_time(hours=4)
    refused.once()
    refused.respond("20013")
    refused.respond("30002")
    refused.once()
    clerk = sign_in("admin")
    at = opened(clerk, refused, what)
    offered_at_first = 'name="again"' in clerk.page

    unmeant = clerk.post(at, {"reason": WHY})
    words, kept = said(clerk), WHY in clerk.page
    meant = clerk.post(at, {"reason": WHY, "again": "yes"})

    assert (offered_at_first, unmeant.status_code, kept) == (False, 409, True)
    assert "already. Tick the box to do it all the same" in words
    assert "--again" not in words
    assert meant.status_code == 303


def test_the_next_version_is_made_with_the_reason(refused: SenderBench, sign_in: SignIn) -> None:
    clerk = sign_in("clerk")
    at = opened(clerk, refused, "reissue")

    answer = clerk.post(at, {"reason": WHY})

    newest = next(each for each in refused.status() if each["state"] == "waiting")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/reports/{newest['report_id']}")
    assert latest(refused) == ("web:clerk", "report_reissued", WHY)


@SQLITE
@pytest.mark.parametrize(
    ("what", "why_not"), [("resend", "It goes out by itself"), ("reissue", "It goes out by itself")]
)
def test_what_goes_out_by_itself_is_not_repeated(sender: SenderBench, sign_in: SignIn, what: str, why_not: str) -> None:
    sender.enqueue(consultation())
    clerk = sign_in("clerk")
    at = opened(clerk, sender, what)

    answer = clerk.post(at, {"reason": WHY})

    assert answer.status_code == 409
    assert why_not.lower() in said(clerk).lower()


@SQLITE
def test_a_row_that_cannot_be_sent_is_named_by_field_and_rule(refused: SenderBench, sign_in: SignIn) -> None:
    rows.change(refused, "patient_nhs_number = '1234567890'")
    clerk = sign_in("clerk")
    at = opened(clerk, refused, "reissue")

    answer = clerk.post(at, {"reason": WHY})

    assert answer.status_code == 409
    assert "The row cannot be sent as it is: patient.nhs_number: is not a valid NHS number" in said(clerk)
    assert "1234567890" not in clerk.page


@SQLITE
@pytest.mark.parametrize("what", ["resend", "reissue", "route"])
def test_what_was_typed_comes_back_as_text(refused: SenderBench, sign_in: SignIn, what: str) -> None:
    clerk, hostile = sign_in("clerk"), '"></textarea><script>alert(1)</script>'
    at = opened(clerk, refused, what)
    if what == "reissue":
        rows.change(refused, "patient_nhs_number = '1234567890'")
    if what == "resend":
        clerk.post(at, {"reason": "It is queued from here on"})
        clerk.get(at)

    answer = clerk.post(at, {"reason": hostile, "practice": hostile})

    assert answer.status_code in (409, 422)
    assert "<script" not in clerk.page
    assert "&lt;script&gt;" in clerk.page


@SQLITE
def test_a_form_of_another_browser_does_nothing(refused: SenderBench, sign_in: SignIn) -> None:
    clerk, other = sign_in("clerk"), sign_in("admin")
    at = opened(clerk, refused, "resend")
    other.page = clerk.page

    answer = other.post(at, {"reason": WHY})

    assert (answer.status_code, refused.only()["state"]) == (403, "failed")
    assert refused.only()["consultation_id"] == CONSULTATION


@SQLITE
@pytest.mark.parametrize("taken", [True, False], ids=["an update waits", "the row alone says so"])
@pytest.mark.parametrize("what", ["reissue", "route"])
def test_what_is_about_another_patient_by_now_is_not_done_from_the_page_of_the_one_before(
    refused: SenderBench, sign_in: SignIn, what: str, taken: bool
) -> None:
    clerk, smith = sign_in("clerk"), refused.only()["report_id"]
    at = opened(clerk, refused, what)
    rows.change(refused, "patient_nhs_number = '9434765919', updated_at = '2026-11-20T21:40:00+00:00'")
    if taken:
        refused.step("intake")
    if taken and what == "reissue":
        # a version that waits is not reissued at all
        with refused.database.transaction() as session:
            session.execute(text("UPDATE report SET state = 'invalid' WHERE state = 'waiting'"))
    before, acts = refused.status(), latest(refused)

    answer = clerk.post(at, {"reason": WHY, "practice": "B82002"})

    jones = [each["report_id"] for each in before if each["report_id"] != smith]
    told = f"look at report {jones[0]}" if taken else "there is no report about that patient yet"
    assert (answer.status_code, refused.status()) == (409, before)
    assert f"is about another patient by now: {told}" in said(clerk)
    assert refused.shown(smith)["routed_to"] is None
    assert latest(refused)[1] == acts[1] == "report_viewed"


@SQLITE
def test_whom_the_page_showed_stands_in_the_form_and_nothing_is_done_about_anybody_else(
    sender: SenderBench, sign_in: SignIn
) -> None:
    sender.enqueue(consultation())
    clerk = sign_in("clerk")
    at = opened(clerk, sender, "route")
    shown = re.findall(r'name="patient" value="([^"]*)"', clerk.page)

    another = clerk.post(at, {"reason": WHY, "practice": "B82002", "patient": "943 476 5919"})
    told = said(clerk)
    same = clerk.post(at, {"reason": WHY, "practice": "B82002", "patient": shown[0]})

    assert (shown, another.status_code, same.status_code) == (["969 093 7278"], 409, 303)
    assert "is about another patient by now: look at report" in told


@SQLITE
def test_a_consultation_that_is_named_itself_is_routed_whoever_it_is_about_by_now(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    sender.enqueue(consultation(updated_at="2026-11-20T21:40:00+00:00", patient__nhs_number="9434765919"))
    desk = Desk(sender.database, sender.now, sender.intake, {"B82002": BIRCH}, Actor("jane", None, None))

    waiting = desk.route(CONSULTATION, "B82002", WHY)

    assert waiting is not None
    assert waiting.version is None
