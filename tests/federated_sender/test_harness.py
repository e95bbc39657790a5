"""The synthetic sender: what it posts, and what it takes for conforming."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from federated_sender.harness_catalogue import GOOD, catalogue
from registered_receiver.harness import ReceiverHarness
from registered_receiver.replies import Responder
from shared.itk3.payload import Payload
from shared.itk3.payloads import PAYLOADS
from shared.itk3.rules import TABLE
from tests.fakes.mesh import Message
from tests.fakes.mesh_faults import answer, timeout_after
from tests.federated_sender.harness_world import ALDER, BIRCH, PATIENT, WORKFLOW, World
from tests.registered_receiver.bench import ReceiverBench


@pytest.mark.requirement("GPCM-SD-065", "GPCM-SD-066", "GPCM-SD-074")
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_our_own_receiver_answers_every_exemplar_as_it_must(
    world: World, receiver: ReceiverBench, payload: Payload
) -> None:
    report = world.report("--too-large", "1000001", "--to", BIRCH, "--payload", payload.name.lower())

    assert {each["name"]: each["faults"] for each in report["exemplars"] if each["faults"]} == {}
    assert [each["name"] for each in report["exemplars"]] == [entry.name for entry in catalogue(payload) if entry.usual]
    found = {each["name"]: [response["code"] for response in each["responses"]] for each in report["exemplars"]}
    good = {name: ["20013", "30001"] for name in found if name in GOOD} | {"unknown-patient": ["20013", "30002"]}
    assert found == good | {rule.id: [rule.code] for rule in TABLE if rule.id in found}
    assert len(receiver.tasks()) == len(good) - 1


def test_every_rule_of_the_table_has_an_exemplar_and_each_exemplar_a_name_of_its_own() -> None:
    entries = [entry for payload in PAYLOADS for entry in catalogue(payload)]

    usual = {entry.name for entry in entries if entry.usual}
    # one mailbox is one practice
    assert {rule.id for rule in TABLE} - usual == {"replaced-practice"}
    for payload in PAYLOADS:
        assert len({entry.name for entry in catalogue(payload)}) == len(catalogue(payload))


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ("IB001", []),
        ("noresponse", ["no infrastructure response came", "no business response came"]),
        ("20013", ["no business response came"]),
        ("30001", ["no infrastructure response came"]),
        ("IB002", ["the business response is 30002, it must be 30001"]),
        ("20009", ["the infrastructure response is 20009, it must be 20013"]),
    ],
)
def test_the_synthetic_receiver_shows_what_the_synthetic_sender_says(
    world: World, given: str, faults: list[str]
) -> None:
    receiver = ReceiverHarness(
        *(world.mesh.client(BIRCH), world.mesh.clock, Responder("B82002", BIRCH), (WORKFLOW,), 20_000_000),
        tell=lambda _: None,
    )
    collector = receiver.collector()
    world.work = collector.collect

    found = world.run("--json", "--only", "plain", patient=PATIENT | {"given": [given]})

    (exemplar,) = json.loads(found.stdout)["exemplars"]
    assert exemplar["faults"] == faults
    assert found.exit_code == (1 if faults else 0)


def test_a_response_that_means_nothing_is_named_without_its_words(world: World) -> None:
    world.answer_with("20013", change=lambda draft: draft.set("//f:details/f:coding/f:code", "Mr Smith"))

    found = world.run("--only", "plain")

    assert "a response of no known level came: its code is missing" in found.stdout
    assert "Smith" not in found.stdout + found.stderr


@pytest.mark.parametrize(
    ("codes", "faults"),
    [
        (("20013", "20013", "30001"), ["2 infrastructure responses came: 20013, 20013"]),
        (("20013", "30001", "30001"), ["2 business responses came: 30001, 30001"]),
        (
            ("20009", "30001"),
            [
                "the infrastructure response is 20009, it must be 20013",
                "a business response came although the infrastructure response is negative",
            ],
        ),
    ],
)
def test_one_response_of_each_level_is_right_and_none_after_bad_news(
    world: World, codes: tuple[str, ...], faults: list[str]
) -> None:
    world.answer_with(*codes)

    assert world.faults("--only", "plain") == {"plain": faults}


def test_a_response_may_be_another_code_that_is_as_good(world: World) -> None:
    world.answer_with("10001")

    assert world.faults("--only", "message-definition", "--only", "inf-ack-requested") == {
        "message-definition": [],
        "inf-ack-requested": ["the infrastructure response is 10001, it must be 10002"],
    }


def test_the_business_code_for_the_patient_may_be_another(world: World) -> None:
    world.answer_with("20013", "30004")

    assert world.faults("--only", "plain", "--business", "30004") == {"plain": []}


@pytest.mark.requirement("GPCM-SD-050")
def test_a_response_that_is_not_as_it_must_be_is_said_with_the_requirement(world: World) -> None:
    world.answer_with("20013", "30001", change=lambda d: d.set("//f:extension[@url='BusAckRequested']/*", "true"))

    assert world.faults("--only", "plain") == {
        "plain": [f"the response {code} breaks GPCM-SD-050: BusAckRequested must be false" for code in (20013, 30001)]
    }


@pytest.mark.requirement("GPCM-SD-058")
def test_a_response_in_the_workflow_of_reports_is_found_and_does_not_conform(world: World) -> None:
    world.answer_with("20013", "30001", workflow_id=WORKFLOW)
    world.mesh.put(ALDER, b"<Bundle/>", sender=BIRCH, workflow_id=WORKFLOW)

    report = world.report("--only", "plain")

    words = "breaks GPCM-SD-058: Mex-WorkflowID must be that of acknowledgements"
    assert report["exemplars"][0]["faults"] == [f"the response {code} {words}" for code in ("20013", "30001")]
    # somebody's report to this practice stays where it is
    assert report["other_messages"] == [message.message_id for message in world.mesh.inbox(ALDER)]


def test_responses_that_come_late_do_not_conform(world: World) -> None:
    world.environment["MESH_POLL_INTERVAL"] = "PT1M"
    world.answer_with("20013", "30001")
    answering = world.work
    world.work = lambda: answering() if world.pauses == 3 else None

    late = world.faults("--only", "plain", "--within", "PT2M")

    assert late == {"plain": ["the response 20013 came after 180 s", "the response 30001 came after 180 s"]}


def test_without_any_answer_it_ends_when_the_time_is_over(world: World) -> None:
    began = world.mesh.clock()

    report = world.report("--only", "plain", "--only", "readable", "--within", "PT20M")

    assert [each["responses"] for each in report["exemplars"]] == [[], []]
    # what nobody can name is posted when the others had their time
    assert world.mesh.clock() - began == timedelta(minutes=20 + 20 + 5)


def test_a_signal_ends_it_with_what_is_known(world: World) -> None:
    world.patience = 1
    world.answer_with("20013", "30001")

    faults = world.faults("--only", "plain", "--only", "readable", "--only", "new-message")

    assert faults["plain"] == []
    assert faults["readable"] == faults["new-message"] == ["not posted: the run ended before"]


def test_a_message_that_mesh_refuses_or_gives_back_shows_nothing_of_the_other_system(world: World) -> None:
    refused = world.faults("--only", "plain", "--to", "NOSUCHMB1")
    world.mesh.register("9690937278", date(1957, 1, 9), "Jones", BIRCH)
    undelivered = world.faults("--only", "plain")

    assert "not posted: " in refused["plain"][0]
    assert undelivered == {"plain": ["MESH did not deliver it: EPL-154"]}


def test_an_ambiguous_post_is_looked_up_and_not_repeated(world: World) -> None:
    world.answer_with("20013", "30001")
    world.mesh.fail_next("POST", "outbox$", timeout_after)

    assert world.faults("--only", "plain", "--to", BIRCH) == {"plain": []}
    assert len(world.posts()) == 1


def test_responses_to_others_stay_in_mesh_and_an_outage_is_lived_through(world: World) -> None:
    world.answer_with("20013", "30001")
    world.mesh.put(
        ALDER, world.response(Message("x", BIRCH, WORKFLOW, b"<Bundle/>"), "20013", 0), workflow_id=f"{WORKFLOW}_ACK"
    )
    stranger = world.mesh.inbox(ALDER)[0].message_id
    answering = world.work

    def with_an_outage() -> None:
        answering()
        (world.mesh.down if world.pauses == 1 else world.mesh.up)()

    world.work = with_an_outage

    report = world.report("--only", "plain", "--only", "sparse")

    assert report["conforms"]
    assert report["other_messages"] == [stranger]
    assert [message.message_id for message in world.mesh.inbox(ALDER)] == [stranger]


def test_a_response_that_mesh_gives_twice_counts_once(world: World) -> None:
    world.answer_with("20013", "30001")
    world.mesh.fail_next("PUT", "status/acknowledged", *[answer(500)] * 9)

    found = world.run("--only", "plain")

    assert found.exit_code == 0, found.output
    assert "500" in found.stderr
    assert world.mesh.inbox(ALDER) == []


def test_a_response_without_an_id_is_that_to_the_only_message_that_waits(world: World) -> None:
    world.answer_with("10009")

    assert world.faults("--only", "readable", "--only", "not-empty") == {"not-empty": [], "readable": []}
