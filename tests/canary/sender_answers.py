"""What the other practice, MESH and PDS may answer the sender, good and hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.itk3.build import build_response
from shared.itk3.identity import response_id
from shared.itk3.model import ResponseMessage
from tests.canary import words
from tests.canary.sender_paths import PATHS, path, respond
from tests.canary.worlds import WORKFLOW, SenderWorld, World
from tests.fakes.mesh_faults import answer, answer_after, timeout_after, timeout_before
from tests.fakes.pds_server import PdsServer, Reply, make_key, outcome, patient, practice, running_pds


@path("negative responses of every kind")
def negative(sender: SenderWorld) -> None:
    sender.send()
    respond(sender, "20009", diagnostics=words.DIAGNOSTICS)
    respond(sender, "30002", diagnostics=f"{words.FAMILY} {words.NUMBER}")


@path("responses that are hostile, odd or for nobody")
def hostile_responses(sender: SenderWorld) -> None:
    record = sender.send()
    spoilt = ResponseMessage(
        response_id=response_id("x", "canary"),
        code="30001",
        issue_type="informational",
        diagnostics=words.DIAGNOSTICS,
        request_message_id=record["message_id"],
        sender_reference=words.FAMILY,
        responder_ods_code="B82002",
        responder_mailbox="BIRCHMB1",
        generated_at=sender.bench.now(),
    )
    good = build_response(spoilt)
    bodies = [
        good,
        good.replace(b"B82002", words.FAMILY.encode()),
        good.replace(b"B82002", words.NUMBER.encode()),
        good.replace(b"30001", words.FAMILY.encode()),
        good.replace(record["message_id"].encode(), words.FAMILY.encode()),
        good[:-30],
        f"<Quillfeather>{words.NUMBER}</Quillfeather>".encode(),
        f'<!DOCTYPE x [<!ENTITY y "{words.FAMILY}">]><Bundle>&y;</Bundle>'.encode(),
        json.dumps({"resourceType": words.FAMILY, "entry": words.NUMBER}).encode(),
        words.FAMILY.encode("utf-16"),
        b"",
    ]
    for body in bodies:
        headers = {"mex-filename": words.FAMILY, "mex-partnerid": words.NUMBER}
        sender.mesh.put(
            "ALDERMB1", body, workflow_id=f"{WORKFLOW}_ACK", sender="BIRCHMB1", subject=words.FAMILY,
            local_id=words.NUMBER, extra_headers=headers,
        )  # fmt: skip
        sender.once()
    for message in sender.mesh.messages.values():
        sender.command("show", message.message_id)
        sender.command("retry", message.message_id)


@path("MESH reports, tracking and a stranger's message")
def mesh_reports(sender: SenderWorld) -> None:
    record = sender.send()
    message = sender.mesh.messages[record["mesh_message_id"]]
    message.description = message.event = words.FAMILY
    sender.mesh.fail_next("GET", "tracking", answer(200, words.FAMILY.encode()))
    for _ in range(2):
        sender.pass_time(days=2)
        sender.once()
    sender.mesh.report(record["mesh_message_id"], "14", f"not for {words.FAMILY} {words.NUMBER}")
    sender.mesh.report(record["mesh_message_id"], "X1", f"not for {words.FAMILY}")
    more = {"local_id": words.NUMBER, "linked_message_id": "20261122150617_000009", "description": words.FAMILY}
    sender.mesh.put("ALDERMB1", b"", message_type="REPORT", workflow_id=WORKFLOW, **more)
    sender.mesh.put("ALDERMB1", words.CONTENT, workflow_id="ANOTHER_WORKFLOW", subject=words.FAMILY)
    sender.once()


@path("an answer of MESH that is hostile at every call")
def hostile_mesh(sender: SenderWorld) -> None:
    sender.enqueue()
    routed = f"{words.NUMBER}_19311229_{words.FAMILY}"
    said = {"event": "SEND", "code": "x", "msg": f"GPPROVIDER_{routed} {words.NUMBER}"}
    body = json.dumps({"detail": [said], "errorDescription": routed}).encode()
    kumquat = json.dumps({"messages": [words.STRANGE, 7], "links": words.STRANGE}).encode()
    for method, call, faults in (
        ("POST", "outbox", (answer(417, body), answer(400, body), answer(503, body), answer(403, body))),
        ("GET", "inbox", (answer(200, kumquat), answer(500, body), answer(302, body), answer(403, body))),
        ("GET", "tracking", (answer(200, body), answer(500, body))),
    ):
        sender.mesh.fail_next(method, call, *faults)
        for _ in faults:
            sender.once()
            sender.pass_time(hours=2)
    sender.mesh.put("ALDERMB1", b"x", workflow_id=f"{WORKFLOW}_ACK")
    strange = answer(200, b"", mex_messageid=words.STRANGE)
    sender.mesh.fail_next(
        "GET", "inbox/", strange, answer(410, body), answer(200, body, mex_subject=words.FAMILY), answer(500, body)
    )
    for _ in range(4):
        sender.once()
        sender.pass_time(hours=1)


@path("MESH lets the mailbox in no more, and gives out a message never")
def not_let_in(sender: SenderWorld) -> None:
    quoting = answer(403, json.dumps({"errorDescription": f"GPPROVIDER_{words.NUMBER}_{words.FAMILY}"}).encode())
    sender.mesh.fail_next("GET", r"inbox(\?|$)", *[quoting] * 3)
    for _ in range(3):
        sender.send()
        sender.pass_time(hours=1)
    sender.mesh.put("ALDERMB1", b"x", workflow_id=f"{WORKFLOW}_ACK", subject=words.FAMILY)
    sender.mesh.fail_next("GET", "inbox/", *[answer(417, words.FAMILY.encode())] * 4)
    for _ in range(4):
        sender.once()
        sender.pass_time(hours=1)


@path("a send that MESH may have taken")
def ambiguous(sender: SenderWorld) -> None:
    sender.enqueue()
    sender.mesh.fail_next("POST", "outbox", timeout_before, timeout_after, answer_after(500, words.FAMILY.encode()))
    for _ in range(4):
        sender.once()
        sender.pass_time(hours=2)


@path("MESH refuses the report for good")
def refused(sender: SenderWorld) -> None:
    said = {"errorEvent": "SEND", "errorCode": "12", "errorDescription": f"{words.FAMILY} {words.NUMBER} unknown"}
    sender.mesh.fail_next("POST", "outbox", answer(417, json.dumps(said).encode()))
    report_id = sender.send()["report_id"]
    sender.command("show", report_id)
    sender.command("retry", report_id)


@path("MESH is away for a day, and then no response ever comes")
def overdue(sender: SenderWorld) -> None:
    sender.mesh.down()
    sender.enqueue()
    sender.once()
    sender.pass_time(hours=26)
    sender.once()
    sender.mesh.up()
    sender.once()
    sender.pass_time(days=8)
    sender.once()
    respond(sender, "20013", "30001")
    sender.pass_time(days=365 * 9)
    sender.once()


@contextmanager
def pds(world: World) -> Iterator[PdsServer]:
    with running_pds(world.mesh.clock, make_key()) as server:
        server.records = {words.NUMBER: record(words.NUMBER)}
        yield server


def record(number: str, *practices: Any, **changes: Any) -> dict[str, Any]:
    name = {"use": "usual", "family": words.FAMILY, "given": [words.GIVEN], "period": {"start": "1931-12-29"}}
    known = {"name": [name], "birthDate": words.BIRTH_DATE.isoformat(), "gender": "female"}
    return patient(number, *practices, **known | {"address": [{"line": words.LINES}]} | changes)


RESTRICTED = {"meta": {"versionId": "1", "security": [{"code": "R", "display": "restricted"}]}}
STRANGE_OUTCOME = outcome("INVALID_VALUE") | {"diagnostics": f"{words.FAMILY} {words.NUMBER}"}
PDS_ANSWERS: dict[str, list[Reply]] = {
    "the practice": [],
    "another number": [Reply(200, record(words.OTHER_NUMBER))],
    "a restricted record": [Reply(200, record(words.NUMBER, **RESTRICTED))],
    "no practice": [Reply(200, record(words.NUMBER, generalPractitioner=None))],
    "another practice, name and birth date": [
        Reply(200, record(words.NUMBER, practice("A81001"), birthDate="1901-01-01", name=[{"family": words.STRANGE}]))
    ],
    "nobody": [Reply(404, outcome("RESOURCE_NOT_FOUND"))],
    "garbage": [Reply(200, f"{words.FAMILY}".encode()), Reply(200, {"resourceType": words.STRANGE, "id": 7})],
    "a wrong form": [Reply(200, record(words.NUMBER, birthDate=words.STRANGE, name=words.FAMILY))],
    "refusals": [Reply(status, STRANGE_OUTCOME) for status in (400, 401, 401, 403, 404, 429, 500, 503)],
    "a cut answer": [Reply(200, record(words.NUMBER), cut=True)] * 3,
}


def _pds_path(name: str, replies: list[Reply]) -> None:
    def driven(world: World) -> None:
        with pds(world) as server:
            sender = world.sender(server)
            server.replies = list(replies)
            sender.enqueue()
            for _ in range(len(replies) + 1):
                sender.once()
                sender.pass_time(hours=1)
            sender.finish()
            sender.app.practices.close()
            sender.database.close()

    PATHS[f"sender: PDS answers {name}"] = driven


for each, answers in PDS_ANSWERS.items():
    _pds_path(each, answers)


def _token_refused(world: World) -> None:
    with pds(world) as server:
        sender = world.sender(server)
        server.token_replies = [
            Reply(status, {"error": "invalid_client", "error_description": words.FAMILY}) for status in (400, 401, 500)
        ]
        sender.enqueue()
        for _ in range(4):
            sender.once()
            sender.pass_time(hours=1)
        sender.finish()
        sender.app.practices.close()


PATHS["sender: PDS gives no token"] = _token_refused
