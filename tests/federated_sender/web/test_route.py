"""Naming the registered practice by a page."""

from __future__ import annotations

import pytest

from federated_sender import deletion
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.web.conftest import SignIn
from tests.federated_sender.web.test_again import WHY, latest, opened, said

# what differs between the databases is in the tests without it
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def elsewhere(sender: SenderBench) -> SenderBench:
    """Give a sender whose report names a practice that is not in the federation."""
    sender.enqueue(consultation(patient__registered_practice_ods_code="C83003"))
    sender.pass_time(hours=4)
    sender.once()
    assert sender.only()["state"] == "not_required"
    return sender


@pytest.mark.requirement("GPCM-SD-085")
def test_the_report_goes_to_the_practice_that_a_clerk_names_and_who_did_and_why_is_kept(
    elsewhere: SenderBench, sign_in: SignIn
) -> None:
    clerk = sign_in("clerk")
    at = opened(clerk, elsewhere, "route")
    offered = clerk.page

    answer = clerk.post(at, {"practice": "B82002", "reason": WHY})
    line = latest(elsewhere)
    elsewhere.once()

    assert "Birch Surgery (B82002)" in offered
    assert "Alder Practice (A81001)" not in offered
    assert (answer.status_code, answer.headers["location"]) == (303, at.removesuffix("/route"))
    assert line == ("web:clerk", "report_routed", f"to B82002: {WHY}")
    assert (elsewhere.only()["state"], elsewhere.only()["recipient_ods_code"]) == ("sent", "B82002")
    clerk.get(at.removesuffix("/route"))
    assert f"Practice named B82002 Named by web:clerk Because {WHY}" in said(clerk)


@SQLITE
@pytest.mark.parametrize("practice", ["", "A81001", "C83003", "B82002'--"])
def test_a_practice_that_is_not_on_the_page_is_not_named_nor_one_without_a_reason(
    elsewhere: SenderBench, sign_in: SignIn, practice: str
) -> None:
    clerk = sign_in("clerk")
    at = opened(clerk, elsewhere, "route")

    nowhere = clerk.post(at, {"practice": practice, "reason": WHY})
    words, kept = said(clerk), WHY in clerk.page
    silent = clerk.post(at, {"practice": "B82002", "reason": " "})

    assert (nowhere.status_code, "Choose the registered practice" in words, kept) == (422, True, True)
    assert (silent.status_code, "Say how you know" in said(clerk)) == (422, True)
    assert elsewhere.shown(CONSULTATION)["routed_to"] is None


@SQLITE
def test_when_no_version_waits_it_holds_for_the_next_one(sender: SenderBench, sign_in: SignIn) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    clerk = sign_in("clerk")
    at = opened(clerk, sender, "route")

    answer = clerk.post(at, {"practice": "B82002", "reason": WHY})

    assert answer.headers["location"] == at.removesuffix("/route")
    assert (sender.only()["state"], sender.shown(CONSULTATION)["routed_to"]) == ("sent", "B82002")


@SQLITE
def test_of_a_deleted_consultation_no_practice_is_named_and_the_page_says_so_in_its_own_words(
    sender: SenderBench, sign_in: SignIn
) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    clerk = sign_in("clerk")
    at = opened(clerk, sender, "route")
    with sender.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sender.now(), "jane")

    answer = clerk.post(at, {"practice": "B82002", "reason": WHY})
    clerk_said = said(clerk)
    clerk.get(at.removesuffix("/route"))

    assert answer.status_code == 409
    assert "was deleted; reissuing the report takes that back" in clerk_said
    assert "Name the practice" not in said(clerk)
