"""The synthetic sender's command: its report as text, JSON and a page, its wishes, and where it may work."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from federated_sender.harness_command import add_harness_command
from shared.cli import Commands
from tests.federated_sender.harness_world import PATIENT, World


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
