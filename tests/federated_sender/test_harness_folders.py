"""Both harnesses over the folders of NHS England's MESH client: a mailbox is a mailbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from registered_receiver.harness import ReceiverHarness
from registered_receiver.replies import Responder
from shared.identifiers import MailboxId
from shared.mesh_folder.client import FolderClient
from tests.fakes.mesh_folders import JavaClient
from tests.federated_sender.harness_world import ALDER, BIRCH, PATIENT, WORKFLOW, World


@pytest.fixture
def ours(world: World) -> JavaClient:
    """Give the MESH client of the synthetic sender's mailbox, whose settings are those of folders."""
    root = world.directory / ALDER
    of_the_api = ("MESH_URL", "MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY")
    world.environment = {name: value for name, value in world.environment.items() if name not in of_the_api} | {
        "MESH_TRANSPORT": "folder",
        "MESH_FOLDER": str(root),
        "STATE_DIRECTORY": str(world.directory / "state"),
        "MESH_POLL_INTERVAL": "PT1M",
    }
    return JavaClient(world.mesh, ALDER, root)


def test_what_one_asks_for_the_other_gives_and_nothing_stays_in_the_folders(
    world: World, ours: JavaClient, tmp_path: Path
) -> None:
    theirs = JavaClient(world.mesh, BIRCH, tmp_path / BIRCH)
    mailbox = FolderClient(MailboxId(BIRCH), theirs.root, world.mesh.clock, directory=tmp_path)
    lines: list[dict[str, object]] = []
    receiver = ReceiverHarness(
        mailbox, world.mesh.clock, Responder("B82002", BIRCH), (WORKFLOW,), 20_000_000, lines.append
    )
    collector = receiver.collector()

    def work() -> None:
        ours.work()
        theirs.collect()
        assert collector.collect().failures == []
        theirs.send()

    world.work = work

    faults = world.faults("--only", "plain", "--only", "sparse", "--allow-host", ALDER, "--within", "PT20M")

    assert faults == {"plain": [], "sparse": []}
    assert [line["answers"] for line in lines] == [["20013", "30001"]] * 2
    assert len(world.mesh.posts) == 2 + 4
    for java in (ours, theirs):
        assert [path for folder in ("IN", "OUT", "FAILED") for path in (java.root / folder).iterdir()] == []


def test_a_message_that_the_client_cannot_send_shows_nothing_of_the_other_system(
    world: World, ours: JavaClient
) -> None:
    ours.fails_with = "06"
    world.work = ours.work

    assert world.faults("--only", "plain", "--allow-host", ALDER) == {"plain": ["MESH did not deliver it: 06"]}
    assert list((ours.root / "FAILED").iterdir()) == []


def test_where_a_clients_folders_lead_to_is_not_seen_so_the_mailbox_must_be_named(
    world: World, ours: JavaClient
) -> None:
    refused = world.run("--only", "plain", patient=PATIENT)

    assert refused.exit_code == 1
    assert f"--allow-host {ALDER}" in refused.stderr
    assert list((ours.root / "OUT").iterdir()) == []
