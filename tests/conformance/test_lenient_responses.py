"""Responses as other systems write them reach the sender's record: no answer is lost, and none does harm."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.itk3.codes import RESPONSE_CODES, ResponseCode
from tests.conformance.answering import HANDLING, Change, answer, draft_of, kinds, outcome, receive
from tests.federated_sender.bench import SenderBench, consultation
from tests.shared.itk3.examples import CONFORMANCE, Draft

CODE = "//f:issue/f:details/f:coding/f:code"
ACCEPTED = ("20013", "20007", "20008")
"""Decision 26: who has the report already has accepted it."""


def recode(code: str) -> Change:
    return lambda draft: draft.set(CODE, code)


# every code of the code system


def expected_state(code: ResponseCode) -> str:
    if code.code in ACCEPTED:
        return "accepted"
    return "sent" if code.positive else "failed"


@pytest.mark.requirement("RC-HS-01", "RC-HS-02", "FHIR-BA-01", "GPCM-SD-094")
def test_every_published_code_reaches_the_record_of_its_report(sender: SenderBench) -> None:
    codes = {str(uuid4()): code for code in RESPONSE_CODES.values()}
    sender.enqueue(*(consultation(consultation_id=identifier) for identifier in codes))
    sender.pass_time(hours=4)
    sender.once()
    for record in sender.status():
        code = codes[record["consultation_id"]].code
        sender.respond(code, record["message_id"], sender_reference=record["consultation_id"])

    sender.once()

    found = {codes[record["consultation_id"]].code: record for record in sender.status()}
    assert {code: record["state"] for code, record in found.items()} == {
        code.code: expected_state(code) for code in codes.values()
    }
    told = {alert["code"] for alert in sender.alerts() if alert["kind"] == "negative_response"}
    assert told == {code for code, record in found.items() if record["state"] == "failed"}


@pytest.mark.requirement("RC-HS-01", "RC-HS-02")
@pytest.mark.parametrize("code", ["30001", "30004"])
def test_a_patient_who_is_known_there_means_delivered(sent: SenderBench, code: str) -> None:
    answer(sent, "20013")
    answer(sent, code)

    assert (outcome(sent), kinds(sent)) == (("delivered", "20013", code), [])


@pytest.mark.requirement("GPCM-SD-071", "RC-HS-02")
@pytest.mark.parametrize("code", ["10006", "10099", "20099", "200001"])
def test_a_code_of_infrastructure_that_nobody_published_is_negative(sent: SenderBench, code: str) -> None:
    answer(sent, "20006", recode(code))

    assert (sent.only()["state"], sent.only()["reason"]) == ("failed", code)
    assert kinds(sent) == ["negative_response"]


@pytest.mark.requirement("GPCM-SD-095", "FHIR-BA-01")
@pytest.mark.parametrize("code", ["30099", "INVALIDVALUE", "40001"])
def test_a_code_that_says_nothing_certain_is_told_and_the_clocks_go_on(sent: SenderBench, code: str) -> None:
    answer(sent, "30001", recode(code))
    told = (sent.only()["state"], kinds(sent))
    sent.pass_time(days=8)
    sent.once()

    assert told == ("sent", ["unknown_response"])
    assert sent.only()["overdue"] == ["infrastructure", "business"]


# the published examples


@pytest.mark.parametrize(
    "code", ["10001", "10009", "20006", "20007", "20009", "20013", "30001", "30002", "30003", "30004"]
)
def test_the_published_examples_are_understood(sent: SenderBench, code: str) -> None:
    file = CONFORMANCE / "examples" / f"ITK-Response-{code}-Example-1.xml"
    if not file.exists():
        pytest.skip("skipped: ../shared is not here")
    draft = Draft(file.read_bytes())
    draft.set("//f:MessageHeader/f:response/f:identifier", str(sent.only()["message_id"]))

    receive(sent, draft.body)

    # the examples answer from practices of their own
    expected = {"20007": "accepted", "20013": "accepted", "30001": "sent", "30004": "sent"}
    assert sent.only()["state"] == expected.get(code, "failed")
    assert code in (sent.only()["infrastructure_code"], sent.only()["business_code"])


@pytest.mark.parametrize("code", ["20013", "30001"])
def test_a_published_example_as_it_stands_is_a_response_for_nobody(sent: SenderBench, code: str) -> None:
    file = CONFORMANCE / "examples" / f"ITK-Response-{code}-Example-1.xml"
    if not file.exists():
        pytest.skip("skipped: ../shared is not here")

    receive(sent, file.read_bytes())

    assert (sent.only()["state"], kinds(sent)) == ("sent", ["response_for_nobody"])


# oddly written


def practitioner(draft: Draft) -> None:
    draft.find("//f:Organization")[0].tag = "{http://hl7.org/fhir}Practitioner"
    draft.set("//f:Practitioner/f:identifier/f:system", "https://fhir.nhs.uk/Id/sds-user-id")


def unreadable(draft: Draft) -> None:
    draft.set("//f:response/f:identifier", "UNREADABLE-IN-ORIGINAL-MESSAGE")


def without(*keys: str) -> Change:
    def change(draft: Draft) -> None:
        for key in keys:
            draft.remove(f"{HANDLING}/f:extension[@url='{key}']")

    return change


def bare(draft: Draft) -> None:
    draft.remove(
        f"{HANDLING} | //f:MessageHeader/f:sender | //f:MessageHeader/f:source | //f:MessageHeader/f:timestamp"
    )


def asking_for_an_answer(draft: Draft) -> None:
    draft.set(f"{HANDLING}/f:extension[@url='InfAckRequested']/f:valueBoolean", "true")
    draft.set(f"{HANDLING}/f:extension[@url='BusAckRequested']/f:valueBoolean", "true")


ODD = [
    pytest.param(without("MessageDefinition"), id="no MessageDefinition"),
    pytest.param(without("SenderReference"), id="no SenderReference"),
    pytest.param(without("BusAckRequested"), id="no BusAckRequested"),
    pytest.param(without("MessageDefinition", "SenderReference", "BusAckRequested", "LocalExtension"), id="few keys"),
    pytest.param(bare, id="hardly a header"),
    pytest.param(practitioner, id="a Practitioner as sender"),
    pytest.param(unreadable, id="UNREADABLE-IN-ORIGINAL-MESSAGE"),
    pytest.param(asking_for_an_answer, id="asking for an answer"),
    pytest.param(lambda draft: draft.set("//f:issue/f:severity", "warning"), id="another severity"),
    pytest.param(lambda draft: draft.set("//f:response/f:code", "fatal-error"), id="a fatal-error that is none"),
]


@pytest.mark.requirement("RC-HS-01")
@pytest.mark.parametrize("change", ODD)
def test_an_oddly_written_response_counts_and_is_never_answered(sent: SenderBench, change: Change) -> None:
    posts = len(sent.mesh.posts)

    answer(sent, "20013", change)
    answer(sent, "30001", change)

    assert outcome(sent) == ("delivered", "20013", "30001")
    assert len(sent.mesh.posts) == posts
    assert sent.mesh.inbox("ALDERMB1") == []


@pytest.mark.requirement("RC-HS-01")
@pytest.mark.parametrize("polarity", ["ok", "fatal-error"])
def test_30004_is_good_news_whatever_the_header_says(sent: SenderBench, polarity: str) -> None:
    answer(sent, "20013")
    answer(sent, "30004", lambda draft: draft.set("//f:response/f:code", polarity))

    assert (outcome(sent), kinds(sent)) == (("delivered", "20013", "30004"), [])


@pytest.mark.requirement("GPCM-SD-094")
def test_bad_news_is_bad_although_the_header_says_ok(sent: SenderBench) -> None:
    answer(sent, "20009", lambda draft: draft.set("//f:response/f:code", "ok"))

    assert (outcome(sent), kinds(sent)) == (("failed", "20009", None), ["negative_response"])


@pytest.mark.requirement("FHIR-V&V-01")
def test_a_response_may_be_written_as_json(sent: SenderBench) -> None:
    from fhir.resources.STU3.bundle import Bundle

    receive(sent, Bundle.model_validate_xml(draft_of(sent, "20013").body).model_dump_json().encode())

    assert outcome(sent) == ("accepted", "20013", None)
