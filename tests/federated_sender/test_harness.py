"""The synthetic sender: what it posts, what it takes for conforming, and what it says of a system that does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from federated_sender.harness_catalogue import GOOD, catalogue
from federated_sender.harness_command import add_harness_command
from federated_sender.harness_run import Outside
from registered_receiver.harness import ReceiverHarness
from registered_receiver.replies import Responder
from shared.cli import Commands
from shared.itk3.build import build_response
from shared.itk3.codes import find
from shared.itk3.identity import response_id
from shared.itk3.model import ResponseMessage
from shared.itk3.parse import read
from shared.itk3.payload import Payload
from shared.itk3.payloads import PAYLOADS
from shared.itk3.rules import TABLE
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh, Message
from tests.fakes.mesh_faults import answer, timeout_after
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench, wire_receiver
from tests.shared.itk3.examples import Draft

ALDER, BIRCH = "ALDERMB1", "BIRCHMB1"
WORKFLOW = "GPFED_CONSULT_REPORT"
PATIENT = {
    "nhs_number": "9690937278",
    "title": "Mr",
    "family": "Smith",
    "given": ["Richard", "John"],
    "birth_date": "1957-01-09",
    "registered_practice_ods_code": "B82002",
}
PDF = b"%PDF-1.7\nsynthetic"


@dataclass
class World:
    """The harness's command line over a MESH in memory; ``work`` is what the other system does while it waits."""

    mesh: InMemoryMesh
    directory: Path
    work: Callable[[], object] = lambda: None
    pauses: int = 0
    patience: int = 1000
    environment: dict[str, str] = field(default_factory=dict)

    def pause(self, seconds: float) -> bool:
        self.pauses += 1
        self.work()
        self.mesh.clock.move(timedelta(seconds=seconds))  # type: ignore[attr-defined]
        return self.pauses < self.patience

    def run(self, *options: str, patient: object = PATIENT) -> Result:
        file = self.directory / "patient.json"
        file.write_text(json.dumps(patient))
        commands = Commands("federated-sender")
        inside = Outside(lambda _: self.mesh.client(ALDER), self.mesh.clock, lambda _: PDF, self.pause)
        add_harness_command(commands, inside)
        return CliRunner().invoke(commands, ["harness", "--patient", str(file), *options], env=self.environment)

    def report(self, *options: str) -> dict[str, Any]:
        result = self.run("--json", *options)
        assert result.exit_code in (0, 1), result.output
        document: dict[str, Any] = json.loads(result.stdout)
        assert document["conforms"] == (result.exit_code == 0)
        return document

    def faults(self, *options: str) -> dict[str, list[str]]:
        return {each["name"]: each["faults"] for each in self.report(*options)["exemplars"]}

    def posts(self) -> list[Message]:
        return [post for post in self.mesh.posts if post.sender == ALDER]

    def answer_with(self, *codes: str, change: Callable[[Draft], None] = lambda _: None, **more: Any) -> None:
        """Let the other system answer every message with these codes, each response changed as told."""

        def work() -> None:
            for message in self.mesh.inbox(BIRCH):
                message.status = "acknowledged"
                for number, code in enumerate(codes):
                    draft = Draft(self._response(message, code, number))
                    change(draft)
                    self.mesh.put(ALDER, draft.body, **{"sender": BIRCH, "workflow_id": f"{WORKFLOW}_ACK"} | more)

        self.work = work

    def _response(self, message: Message, code: str, number: int) -> bytes:
        asked = read(message.body, len(message.body))
        return build_response(
            ResponseMessage(
                response_id=response_id(f"{message.message_id}{number}", "test"),
                code=code,
                issue_type=find(code).issue_type,
                diagnostics="for the test",
                request_message_id=asked.message_id,
                sender_reference=asked.sender_reference,
                responder_ods_code="B82002",
                responder_mailbox=BIRCH,
                generated_at=self.mesh.clock(),
            )
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    mesh = InMemoryMesh()
    mesh.add_mailbox(ALDER, ods_code="A81001")
    mesh.add_mailbox(BIRCH, ods_code="B82002")
    mesh.register("9690937278", date(1957, 1, 9), "Smith", BIRCH)
    federation = tmp_path / "federation.csv"
    federation.write_text("ods_code,name,telephone\nB82002,Birch Surgery,01632 960020\n")
    environment = {
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
        "MESH_URL": "https://msg.intspineservices.nhs.uk",
        "MESH_MAILBOX_ID": ALDER,
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
    }
    return World(mesh, tmp_path, environment=environment)


@pytest.fixture
def receiver(world: World, tmp_path: Path) -> Iterator[ReceiverBench]:
    """Give our own receiver at the other end, who knows Mr Smith and takes a megabyte."""
    url = f"sqlite:///{tmp_path}/receiver.sqlite3"
    bench = wire_receiver(url, world.mesh, tmp_path / "receiver", MAX_MESSAGE_SIZE="1MB")
    bench.know(INDEXED_SMITH)
    world.work = bench.once
    yield bench
    bench.receiver.close()


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
    # these are about what a replacement takes the place of, and no message shows that by itself
    assert {rule.id for rule in TABLE} - usual == {"replaced-consultation", "replaced-patient"}
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
        ALDER, world._response(Message("x", BIRCH, WORKFLOW, b"<Bundle/>"), "20013", 0), workflow_id=f"{WORKFLOW}_ACK"
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


def test_the_page_stands_by_itself_and_names_no_patient(world: World) -> None:
    world.answer_with("20013", "30002")
    page = world.directory / "report.html"

    found = world.run("--only", "plain", "--only", "owner", "--html", str(page))

    html = page.read_text(encoding="utf-8")
    assert "BAD plain: 20013, 30002" in found.stdout
    assert "0 of 2 conform" in found.stdout
    assert "the business response is 30002, it must be 30001" in html
    assert "0 of 2 exemplars were answered as they must be" in html
    assert not any(word in html for word in ("<script", "<link", "http:", "https:", "src="))
    for secret in ("Smith", "9690937278", "Richard"):
        assert secret not in html + found.output


def test_exemplars_are_listed_and_chosen_by_name(world: World) -> None:
    usual, every = world.run("--list").stdout, world.run("--list", "--all").stdout

    assert "sender-reference: MessageHeader handling key SenderReference must identify the encounter" in usual
    assert "sender-reference-2:" in every
    assert "sender-reference-2:" not in usual
    assert world.posts() == []


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--only", "nothing-like-it"], 2, "there is no exemplar nothing-like-it"),
        (["--business", "20013"], 2, "--business is no business response code"),
        (["--within", "soon"], 2, "must be an ISO 8601 duration"),
        (["--within", "P1M"], 2, "must be an ISO 8601 duration"),
        (["--to", "x"], 2, "--to is not a MESH mailbox id"),
        (["--patient", "/nowhere.json"], 1, "cannot be read"),
        (["--html", "/nowhere/page.html", "--only", "plain"], 1, "cannot be written"),
    ],
)
def test_wrong_wishes_are_named(world: World, options: list[str], status: int, words: str) -> None:
    world.answer_with("20013", "30001")

    found = world.run(*options)

    assert found.exit_code == status
    assert words in found.stderr


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        ([], "must be a patient"),
        (PATIENT | {"registered_practice_ods_code": "C83003"}, "is not in FEDERATION_FILE"),
        (PATIENT | {"nhs_number": "9690937279"}, "patient.nhs_number"),
    ],
)
def test_a_patient_that_no_report_can_be_made_of_is_refused(world: World, patient: object, words: str) -> None:
    found = world.run("--only", "plain", patient=patient)

    assert found.exit_code == 1
    assert words in found.stderr
    assert "9690937279" not in found.output
    assert world.posts() == []


def test_without_a_patient_nothing_is_posted(world: World) -> None:
    commands = Commands("federated-sender")
    add_harness_command(commands)

    found = CliRunner().invoke(commands, ["harness"], env=world.environment)

    assert found.exit_code == 2
    assert "--patient is needed" in found.stderr


def test_a_patient_file_must_be_json(world: World) -> None:
    file = world.directory / "no.json"
    file.write_text("{")

    found = world.run("--patient", str(file))

    assert found.exit_code == 1
    assert "is not JSON" in found.stderr


def test_it_works_in_test_environments_only_unless_the_host_is_named(world: World) -> None:
    world.answer_with("20013", "30001")
    world.environment["MESH_URL"] = "https://mesh-sync.spineservices.nhs.uk"

    refused = world.run("--only", "plain")
    named = world.run("--only", "plain", "--allow-host", "mesh-sync.spineservices.nhs.uk")

    assert (refused.exit_code, named.exit_code) == (1, 0)
    assert "--allow-host mesh-sync.spineservices.nhs.uk" in refused.stderr
    assert len(world.posts()) == 1
