"""The example of the guide works as it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared import errors
from shared.clock import system_clock
from shared.errors import MeshError
from shared.mesh.account import MeshAccount
from tests.fakes import mesh_faults as faults
from tests.fakes.fault_server import FaultServer
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import RECEIVER, SENDER

GUIDE = (Path(__file__).parents[3] / "docs/mesh-client.md").read_text(encoding="utf-8")


@dataclass
class Example:
    """The functions of the example, and the two accounts that they are tried with."""

    functions: dict[str, Any]
    sender: MeshAccount
    receiver: MeshAccount
    pauses: list[float]


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh(system_clock)
    mesh.add_mailbox(SENDER)
    mesh.add_mailbox(RECEIVER)
    return mesh


@pytest.fixture
def example(faulty: FaultServer) -> Example:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    functions: dict[str, Any] = {}
    exec(compile(code, "docs/mesh-client.md", "exec"), functions)
    pauses: list[float] = []
    functions["sleep"] = pauses.append
    return Example(functions, faulty.account(SENDER), faulty.account(RECEIVER), pauses)


def test_the_example_sends_and_collects(example: Example, mesh: InMemoryMesh, tmp_path: Path) -> None:
    message_id = example.functions["send"](example.sender, RECEIVER, b"<Bundle/>")

    assert example.functions["collect"](example.receiver, tmp_path) == [message_id]
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == b"<Bundle/>"
    # whatever an id may hold
    assert re.fullmatch("[0-9a-f]{64}", file.name)
    assert mesh.acknowledged == [message_id]


def test_the_example_sends_once_although_the_answer_was_lost(example: Example, mesh: InMemoryMesh) -> None:
    mesh.fail_next("POST", "outbox", faults.answer_after(502))

    message_id = example.functions["send"](example.sender, RECEIVER, b"<Bundle/>")

    assert [each.message_id for each in mesh.posts] == [message_id]
    assert example.pauses == [30.0]


def test_the_example_shows_the_reports_of_mesh(
    example: Example, mesh: InMemoryMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message_id = example.functions["send"](example.sender, RECEIVER, b"<Bundle/>")
    mesh.report(message_id, "14")

    example.functions["collect"](example.sender, tmp_path)

    assert capsys.readouterr().out == f"MESH reports 14 about {message_id}\n"


def test_the_guide_names_every_error() -> None:
    tree = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, MeshError)}

    assert tree - {"MeshError"} == set(re.findall(r"^\| `(Mesh\w+)` \|", GUIDE, re.MULTILINE))
