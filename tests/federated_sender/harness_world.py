"""The synthetic sender's command line over a MESH in memory, and what the other system answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from federated_sender.harness_command import add_harness_command
from federated_sender.harness_run import Outside
from federated_sender.settings import SenderSettings
from shared.cli import Commands
from shared.connect import open_quietly
from shared.itk3.build import build_response
from shared.itk3.codes import find
from shared.itk3.identity import response_id
from shared.itk3.model import ResponseMessage
from shared.itk3.parse import read
from shared.mesh.mailbox import MeshMailbox
from tests.fakes.mesh import InMemoryMesh, Message
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

    def open(self, settings: SenderSettings) -> MeshMailbox:
        if settings.mesh_folder is not None:
            return open_quietly(settings, self.mesh.clock)
        return self.mesh.client(ALDER)

    def pause(self, seconds: float) -> bool:
        self.pauses += 1
        self.work()
        self.mesh.clock.move(timedelta(seconds=seconds))  # type: ignore[attr-defined]
        return self.pauses < self.patience

    def run(self, *options: str, patient: object = PATIENT) -> Result:
        file = self.directory / "patient.json"
        file.write_text(json.dumps(patient))
        commands = Commands("federated-sender")
        inside = Outside(self.open, self.mesh.clock, lambda _: PDF, self.pause)
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
                    draft = Draft(self.response(message, code, number))
                    change(draft)
                    self.mesh.put(ALDER, draft.body, **{"sender": BIRCH, "workflow_id": f"{WORKFLOW}_ACK"} | more)

        self.work = work

    def response(self, message: Message, code: str, number: int) -> bytes:
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
