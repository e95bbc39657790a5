"""The synthetic receiver: chosen by a given name it answers whatever a sender must be able to live with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from registered_receiver.harness_choice import NAMES
from registered_receiver.harness_command import add_harness_command
from shared.cli import Commands
from shared.itk3.build import build_report, build_response
from shared.itk3.codes import RESPONSE_CODES
from shared.itk3.model import PersonName, Practitioner
from shared.itk3.responses import read_response
from shared.mesh.mailbox import MeshMailbox
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh, Message
from tests.registered_receiver.bench import BIRCH, SMITH, THEM, US, WORKFLOW, report
from tests.shared.itk3.examples import RESPONSE, Draft, profile_problems

PLAIN = build_report(report())
Harness = Callable[..., Result]


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox(THEM, ods_code="A81001")
    mesh.add_mailbox(US, ods_code=BIRCH.ods_code)
    return mesh


@pytest.fixture
def harness(mesh: InMemoryMesh) -> Harness:
    """Give a runner of ``harness --once`` on our mailbox, as the command line runs it."""

    def run(*options: str, url: str = "https://msg.intspineservices.nhs.uk") -> Result:
        commands = Commands("registered-receiver")
        add_harness_command(commands, lambda _: mesh.client(US))
        environment = {
            "PRACTICE_ODS_CODE": BIRCH.ods_code,
            "MESH_URL": url,
            "MESH_MAILBOX_ID": US,
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": SHARED_KEY,
        }
        return CliRunner().invoke(commands, ["harness", "--once", *options], env=environment)

    return run


def asking(name: str, *, of: str = "patient") -> bytes:
    """Return a report that asks for an answer by the patient's, or the practitioner's, second given name."""
    if of == "patient":
        return build_report(report(patient=replace(SMITH, name=PersonName("Smith", ("Richard", name)))))
    return build_report(report(practitioner=Practitioner("033345750518", PersonName("Pritchard", (name,)))))


def posted(mesh: InMemoryMesh) -> list[Message]:
    return [post for post in mesh.posts if post.sender == US]


def codes(mesh: InMemoryMesh) -> list[str | None]:
    return [read_response(post.body).code for post in posted(mesh)]


def told(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_published_code_is_given_when_it_is_a_given_name(mesh: InMemoryMesh, harness: Harness) -> None:
    for code in RESPONSE_CODES:
        mesh.put(US, asking(code), sender=THEM)

    harness()

    assert codes(mesh) == list(RESPONSE_CODES)
    assert {(answer.recipient, answer.workflow_id) for answer in posted(mesh)} == {(THEM, f"{WORKFLOW}_ACK")}
    assert mesh.inbox(US) == []


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("IB001", ["20013", "30001"]),
        ("IB002", ["20013", "30002"]),
        ("ib003", ["20013", "30003"]),
        ("IB004", ["20013", "30004"]),
        ("noresponse", []),
        ("invrep", ["INVALIDVALUE"]),
        ("10006", ["10006"]),
        ("Anthony", ["20013", "30001"]),
    ],
)
@pytest.mark.parametrize("of", ["patient", "practitioner"])
def test_words_stand_for_several_answers_for_none_or_for_one_that_means_nothing(
    mesh: InMemoryMesh, harness: Harness, name: str, answers: list[str], of: str
) -> None:
    mesh.put(US, asking(name, of=of), sender=THEM)

    (line,) = told(harness("--format", "json"))

    assert codes(mesh) == answers
    assert line["chosen_by"] == ("flags" if name == "Anthony" else of)
    assert line["name"] == (None if name == "Anthony" else name.replace("ib", "IB"))
    assert mesh.inbox(US) == []


@pytest.mark.requirement("GPCM-SD-050", "GPCM-SD-052", "GPCM-SD-053", "GPCM-SD-058")
def test_answers_correlate_and_conform_to_the_published_profiles(mesh: InMemoryMesh, harness: Harness) -> None:
    mesh.put(US, asking("IB002"), sender=THEM)

    (line,) = told(harness("--format", "json"))

    for post in posted(mesh):
        answer = read_response(post.body)
        assert answer.request_id == line["message_id"]
        assert answer.sender_reference == report().consultation_id
        assert answer.sender_ods_code == BIRCH.ods_code
    assert [problem for post in posted(mesh) for problem in profile_problems(post.body)] == []


@pytest.mark.parametrize(
    ("flags", "answers"),
    [
        ({"InfAckRequested": "false"}, ["30001"]),
        ({"BusAckRequested": "false"}, ["20013"]),
        ({"InfAckRequested": "false", "BusAckRequested": "false"}, []),
    ],
)
def test_without_a_name_each_level_that_is_asked_for_gets_its_good_news(
    mesh: InMemoryMesh, harness: Harness, flags: dict[str, str], answers: list[str]
) -> None:
    draft = Draft(PLAIN)
    for url, value in flags.items():
        draft.set(f"//f:MessageHeader/f:extension/f:extension[@url='{url}']/f:valueBoolean", value)
    mesh.put(US, draft.body, sender=THEM)

    harness()

    assert codes(mesh) == answers


def test_what_cannot_be_read_gets_10009_and_what_is_too_large_20015(mesh: InMemoryMesh, harness: Harness) -> None:
    mesh.put(US, b"<Bundle", sender=THEM)
    mesh.put(US, PLAIN + b" " * 20_000_000, sender=THEM)

    lines = told(harness("--format", "json"))

    assert codes(mesh) == ["10009", "20015"]
    assert [line["chosen_by"] for line in lines] == ["fault", "fault"]


@pytest.mark.requirement("FHIR-BA-02")
def test_a_line_tells_ids_codes_and_broken_rules_and_nothing_of_the_patient(
    mesh: InMemoryMesh, harness: Harness
) -> None:
    draft = Draft(asking("IB001"))
    draft.set("//f:Task/f:priority", "urgent")
    draft.set("//f:MessageHeader/f:id", "9690937278 Smith")
    mesh.put(US, draft.body, sender=THEM, subject="Federated consultation report for Mr Smith")

    said = harness().stdout
    mesh.put(US, draft.body, sender=THEM)
    in_json = harness("--format", "json").stdout

    assert "answered; with 20013, 30001 (by patient IB001); message None; broken rules: " in said
    assert "message-id" in said
    assert "task-priority" in said
    for secret in ("Smith", "9690937278", "Richard", "1957"):
        assert secret not in said + in_json


def test_a_response_is_never_answered_and_strangers_messages_stay_in_mesh(mesh: InMemoryMesh, harness: Harness) -> None:
    mesh.put(US, build_response(RESPONSE), sender=THEM)
    mesh.put(US, b"hello", sender=THEM, workflow_id="SOMETHING_ELSE")
    mesh.put(US, PLAIN, sender=THEM)
    harness()

    mesh.report(posted(mesh)[0].message_id, "14")
    said = harness().stdout

    assert "mesh_report; code 14" in said
    assert [message.workflow_id for message in mesh.inbox(US)] == ["SOMETHING_ELSE"]


def test_a_crash_before_mesh_is_told_repeats_no_response(mesh: InMemoryMesh, harness: Harness) -> None:
    def cut(_request: httpx.Request, _serve: object) -> httpx.Response:
        raise httpx.ConnectError("the process was killed")

    mesh.put(US, asking("IB001"), sender=THEM)
    mesh.fail_next("PUT", "status/acknowledged", *[cut] * 20)
    first = harness()
    mesh._faults.clear()

    second = harness()

    assert (first.exit_code, second.exit_code) == (1, 0)
    assert "MESH" in first.stderr
    assert codes(mesh) == ["20013", "30001"]
    assert mesh.inbox(US) == []


def test_a_message_that_cannot_be_answered_is_told_and_ends_once_with_1(mesh: InMemoryMesh, harness: Harness) -> None:
    mesh.put(US, PLAIN, sender="NOSUCHMB")

    result = harness()

    assert result.exit_code == 1
    assert "12" in result.stderr or "Unregistered" in result.stderr
    assert "NOSUCHMB" in [message.sender for message in mesh.inbox(US)]


@pytest.mark.parametrize(
    ("url", "works"),
    [
        ("https://mesh-sync.spineservices.nhs.uk", False),
        ("https://gateway.example.org", False),
        ("https://msg.depspineservices.nhs.uk", True),
        ("http://127.0.0.1:8700", True),
    ],
)
def test_it_works_in_test_environments_only_unless_the_host_is_named(
    mesh: InMemoryMesh, harness: Harness, url: str, works: bool
) -> None:
    mesh.put(US, PLAIN, sender=THEM)

    refused = harness(url=url)
    still_there = len(mesh.inbox(US))
    other = harness("--allow-host", "other.example.org", url=url)

    assert (refused.exit_code, still_there) == ((0, 0) if works else (1, 1))
    assert other.exit_code == refused.exit_code
    if not works:
        host = url.removeprefix("https://")
        assert f"--allow-host {host}" in refused.stderr
        assert harness("--allow-host", host, url=url).exit_code == 0
        assert mesh.inbox(US) == []


def test_the_names_are_those_of_the_national_harness() -> None:
    words = set(NAMES) - set(RESPONSE_CODES)

    assert words == {"IB001", "IB002", "IB003", "IB004", "invrep", "noresponse", "10006"}


def test_its_own_client_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from registered_receiver.harness_command import open_mailbox
    from registered_receiver.settings import ReceiverSettings
    from shared.config import load

    settings = load(
        ReceiverSettings,
        {
            "PRACTICE_ODS_CODE": "B82002",
            "MESH_URL": "http://127.0.0.1:1",
            "MESH_MAILBOX_ID": US,
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": "key",
        },
    )

    mailbox: MeshMailbox = open_mailbox(settings)

    assert mailbox.mailbox_id == US  # type: ignore[attr-defined]
    mailbox.close()
