"""Responses in another order, again, against each other, late, and from elsewhere."""

from __future__ import annotations

import pytest

from tests.conformance.answering import HANDLING, answer, draft_of, kinds, outcome, receive
from tests.federated_sender.bench import SenderBench
from tests.shared.itk3.examples import Draft


def test_the_business_response_may_come_before_the_infrastructure_response(sent: SenderBench) -> None:
    answer(sent, "30001")
    first = outcome(sent)
    answer(sent, "20013")

    assert first == ("sent", None, "30001")
    assert outcome(sent) == ("delivered", "20013", "30001")


@pytest.mark.requirement("FHIR-BA-01")
def test_the_same_response_in_two_mesh_messages_changes_nothing_more(sent: SenderBench) -> None:
    body = draft_of(sent, "20013").body
    receive(sent, body)
    receive(sent, body)
    answer(sent, "30001")
    receive(sent, body)

    assert (outcome(sent), kinds(sent)) == (("delivered", "20013", "30001"), [])


@pytest.mark.requirement("GPCM-SD-094")
@pytest.mark.parametrize(
    ("codes", "state", "alerts"),
    [
        (("20013", "20009"), "failed", ["negative_response"]),
        (("20009", "20013"), "failed", ["negative_response"]),
        (("20013", "30001", "30002"), "delivered", ["negative_response"]),
        (("20013", "30002", "30001"), "delivered", []),
        (("30002", "20013", "30001"), "delivered", []),
    ],
)
def test_responses_that_contradict_each_other_end_where_the_decisions_say(
    sent: SenderBench, codes: tuple[str, ...], state: str, alerts: list[str]
) -> None:
    for code in codes:
        answer(sent, code)

    assert (sent.only()["state"], kinds(sent)) == (state, alerts)


@pytest.mark.requirement("GPCM-SD-095")
def test_responses_that_come_after_their_alert_close_it(sent: SenderBench) -> None:
    sent.pass_time(days=8)
    sent.once()
    missed = kinds(sent)

    answer(sent, "30001")
    answer(sent, "20013")

    assert missed == ["business_overdue", "infrastructure_overdue"]
    assert (outcome(sent), sent.only()["overdue"], kinds(sent)) == (("delivered", "20013", "30001"), [], [])


@pytest.mark.requirement("FHIR-BA-01")
def test_a_response_from_another_practice_than_the_routed_one_is_accepted_and_flagged(sent: SenderBench) -> None:
    answer(sent, "20013", lambda draft: draft.set("//f:Organization/f:identifier/f:value", "C83003"))

    assert (outcome(sent), kinds(sent)) == (("accepted", "20013", None), ["other_responder"])


@pytest.mark.requirement("FHIR-BA-01")
def test_a_response_that_fits_no_report_is_told_as_one_for_nobody(sent: SenderBench) -> None:
    def stranger(draft: Draft) -> None:
        draft.set("//f:response/f:identifier", "99999999-9999-4999-8999-999999999999")
        draft.set(f"{HANDLING}/f:extension[@url='SenderReference']/f:valueString", "another-encounter")

    answer(sent, "20013", stranger)

    assert (outcome(sent), kinds(sent)) == (("sent", None, None), ["response_for_nobody"])
