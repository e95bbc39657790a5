"""The synthetic receiver: it answers what comes to a mailbox and files nothing.

It keeps no state. A response's ids follow from the message that it answers, so after a crash MESH itself says
which responses it has already; the message is acknowledged to MESH when all of them are there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from registered_receiver.harness_choice import INVALID, WITHDRAWN, Choice, broken_rules, choose, level_of
from registered_receiver.replies import Request, Responder, subject
from shared.clock import Clock
from shared.errors import MeshPending
from shared.harness.draft import Draft
from shared.itk3.build import build_response
from shared.itk3.codes import find
from shared.itk3.identity import response_id
from shared.itk3.model import ResponseMessage
from shared.itk3.parse import Reading, read
from shared.itk3.primitives import is_fhir_id
from shared.mesh.delivery import deliver
from shared.mesh.inbox import Collector
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import IncomingMessage, MessageHeaders, MessageType, OutgoingMessage
from shared.mesh.ownership import ACKNOWLEDGEMENT_SUFFIX, Role, owns
from shared.presentation import printable, rfc3339

_DIAGNOSTICS: Final = "Answered by a test harness as the message asks; nothing was looked up or filed"
_INVALID_CODE: Final = "INVALIDVALUE"
_CODE: Final = "//f:OperationOutcome/f:issue/f:details/f:coding/f:code"

Line = dict[str, Any]
"""What is told of one message: ids and codes, no patient data."""


@dataclass(frozen=True)
class ReceiverHarness:
    """Answers one mailbox; ``tell`` gets a line for each message when its responses are with MESH."""

    client: MeshMailbox
    clock: Clock
    responder: Responder
    workflows: Collection[str]
    max_message_size: int
    tell: Callable[[Line], None]

    def collector(self) -> Collector:
        """Return what goes through the mailbox, round after round."""
        return Collector(
            self.client,
            owns=lambda headers: owns(Role.RECEIVER, headers, self.workflows, links_to_ours=False),
            keep=self._answer,
            left=self._leave,
            max_bytes=self.max_message_size,
            workflows=self.workflows,
        )

    def _answer(self, message: IncomingMessage) -> None:
        """Answer one message; an error leaves it in MESH, and the next round goes on where this one broke off."""
        headers = message.headers
        if headers.message_type is MessageType.REPORT:
            self.tell(self._line(headers, "mesh_report") | {"code": headers.status_code})
            return
        reading = read(message.body, self.max_message_size, truncated=message.truncated)
        if reading.is_response or not headers.sender:
            # decision 15: nobody answers a response; and without Mex-From there is nobody to answer
            self.tell(self._line(headers, "ignored"))
            return
        choice = choose(reading)
        for answer in choice.answers:
            self._send(answer, headers, reading)
        self.tell(self._line(headers, "answered") | self._answered(choice, reading, headers))

    def _send(self, answer: str, headers: MessageHeaders, reading: Reading) -> None:
        request = Request(headers.message_id, reading.message_id, reading.sender_reference)
        identity = response_id(headers.message_id, level_of(answer))
        code = "20013" if answer == INVALID else answer
        outgoing = OutgoingMessage(
            to=headers.sender or "",
            workflow_id=headers.workflow_id + ACKNOWLEDGEMENT_SUFFIX,
            local_id=f"{identity}.1",
            subject=subject(code),
            body=self._body(answer, identity, request),
        )
        # the MESH client has it then, and the same local id finds it there again
        with suppress(MeshPending):
            deliver(self.client, outgoing, look_first=True)

    def _body(self, answer: str, identity: str, request: Request) -> bytes:
        # what is not published cannot be built, so it is built as something else and changed
        code = {INVALID: "20013", WITHDRAWN: "10007"}.get(answer, answer)
        body = build_response(
            ResponseMessage(
                response_id=identity,
                code=code,
                issue_type=find(code).issue_type,
                diagnostics=_DIAGNOSTICS,
                request_message_id=request.message_id,
                sender_reference=request.sender_reference,
                responder_ods_code=self.responder.ods_code,
                responder_mailbox=self.responder.mailbox_id,
                generated_at=self.clock(),
            )
        )
        return body if code == answer else _changed(body, answer)

    def _line(self, headers: MessageHeaders, done: str) -> Line:
        return {
            "at": rfc3339(self.clock()),
            "mesh_message_id": headers.message_id,
            "from": headers.sender,
            "done": done,
        }

    def _answered(self, choice: Choice, reading: Reading, headers: MessageHeaders) -> Line:
        message_id = reading.message_id
        return {
            "message_id": message_id if message_id and is_fhir_id(message_id) else None,
            "chosen_by": str(choice.chosen_by),
            "name": choice.name,
            "answers": list(choice.answers),
            "broken_rules": list(broken_rules(reading, self.responder.ods_code, headers.sender)),
        }

    def _leave(self, headers: MessageHeaders) -> None:
        self.tell(self._line(headers, "left"))


def words(line: Line) -> str:
    """Return a line as text."""
    parts = [f"{line['at']} {line['mesh_message_id']} from {line['from'] or 'nobody'}: {line['done']}"]
    if line["done"] == "mesh_report":
        parts.append(f"code {line['code']}")
    elif line["done"] == "answered":
        decided = f"{line['chosen_by']} {line['name']}" if line["name"] else line["chosen_by"]
        parts.append(f"with {', '.join(line['answers']) or 'nothing'} (by {decided})")
        parts.append(f"message {line['message_id']}")
        parts.append(f"broken rules: {', '.join(line['broken_rules']) or 'none'}")
    return printable("; ".join(parts))


def _changed(body: bytes, answer: str) -> bytes:
    draft = Draft(body)
    draft.set(_CODE, _INVALID_CODE if answer == INVALID else answer)
    if answer != INVALID:
        draft.set(_CODE.removesuffix("code") + "display", find(answer).display)
    return draft.body
