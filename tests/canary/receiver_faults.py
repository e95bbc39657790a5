"""What may break around the receiver: MESH, the drop directory, the database, the disk."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.canary import words
from tests.canary.receiver_paths import PATHS, import_patients, misspelt, path, received
from tests.canary.words import report
from tests.canary.worlds import WORKFLOW, ReceiverWorld, World
from tests.fakes.mesh_faults import answer, connection_refused, timeout_after


@path("MESH is hostile at every call, and away")
def hostile_mesh(receiver: ReceiverWorld) -> None:
    routed = f"GPPROVIDER_{words.NUMBER}_19311229_{words.FAMILY} {words.NUMBER}"
    body = json.dumps({"detail": [{"event": "SEND", "code": "x", "msg": routed}]}).encode()
    receiver.deliver(report())
    for method, call, faults in (
        ("GET", "inbox", (answer(200, b'{"messages": ["Kumquat", 7]}'), answer(500, body), answer(403, body))),
        ("GET", "inbox/", (answer(200, b"", mex_messageid=words.STRANGE), answer(410, body), answer(417, body))),
        ("GET", "inbox/", (answer(200, body, mex_subject=words.FAMILY), connection_refused, answer(500, body))),
        ("PUT", "acknowledged", (answer(500, body), answer(403, body))),
        ("POST", "outbox", (answer(417, body), timeout_after, answer(400, body), answer(503, body), answer(200, body))),
    ):
        receiver.mesh.fail_next(method, call, *faults)
        for _ in faults:
            receiver.once()
            receiver.pass_time(hours=2)
    receiver.mesh.down()
    receiver.deliver(report(2))
    receiver.once()
    receiver.mesh.up()
    receiver.once()


@path("responses that MESH does not take")
def refused_responses(receiver: ReceiverWorld) -> None:
    body = json.dumps({"detail": [{"event": "SEND", "code": "x", "msg": words.NUMBER}]}).encode()
    away, refused = answer(503, body), answer(417, body)
    receiver.mesh.fail_next("POST", "outbox", away, away, away, away, timeout_after, refused, refused, refused)
    receiver.deliver(report())
    for _ in range(12):
        receiver.once()
        receiver.pass_time(hours=3)
    receiver.command("retry", receiver.bench.only()["mesh_message_id"])


@path("MESH reports about our responses, and strangers' messages")
def mesh_reports(receiver: ReceiverWorld) -> None:
    received(receiver, report())
    for post in receiver.bench.posts():
        receiver.mesh.report(post.message_id, "14", f"not for {words.FAMILY} {words.NUMBER}")
    more = {"local_id": words.NUMBER, "description": words.FAMILY}
    receiver.mesh.put("BIRCHMB1", b"", message_type="REPORT", workflow_id=f"{WORKFLOW}_ACK", code="EPL-151", **more)
    receiver.mesh.put("BIRCHMB1", words.CONTENT, workflow_id="ANOTHER_WORKFLOW", subject=words.FAMILY)
    receiver.once()


def _drop(world: World) -> None:
    drop = world.directory / "drop"
    drop.mkdir()
    receiver = world.receiver(TASK_DROP_DIR=str(drop))
    received(receiver, report())
    (dropped,) = drop.iterdir()
    world.net.see("a dropped file's name", *(file.name for file in dropped.iterdir()))
    for file in dropped.iterdir():
        file.unlink()
    dropped.rmdir()
    drop.rmdir()
    received(receiver, report(2))
    receiver.command("check")
    drop.mkdir()
    for task in receiver.bench.tasks():
        (drop / task["task_id"]).write_text("something else")
    receiver.pass_time(hours=2)
    receiver.once()
    receiver.finish()
    receiver.app.close()


PATHS["receiver: a drop directory that works, is full and is gone"] = _drop


@path("a message that the database refuses")
def constraint(receiver: ReceiverWorld) -> None:
    receiver.forbid("message", "subject")
    received(receiver, report())


@path("a task that the database refuses")
def constraint_of_tasks(receiver: ReceiverWorld) -> None:
    receiver.forbid("task", "subject")
    received(receiver, report())
    for _ in range(12):
        receiver.pass_time(hours=2)
        receiver.once()


@path("a review that the database refuses")
def constraint_of_reviews(receiver: ReceiverWorld) -> None:
    receiver.forbid("review", "facts")
    received(receiver, misspelt())


@path("an alert that the database refuses")
def constraint_of_alerts(receiver: ReceiverWorld) -> None:
    received(receiver, misspelt())
    receiver.forbid("alert", "text")
    receiver.pass_time(days=2)
    receiver.once()


@path("a patient whom the database refuses")
def constraint_of_patients(receiver: ReceiverWorld) -> None:
    receiver.execute("DELETE FROM patient")
    receiver.forbid("patient", "family")
    import_patients(receiver, f"{words.NUMBER},{words.FAMILY},{words.GIVEN},1931-12-29,registered,,")


@path("an audit that cannot be written")
def constraint_of_audit(receiver: ReceiverWorld) -> None:
    received(receiver, report(), misspelt())
    receiver.forbid("audit", "nhs_number")
    for words_of_it in (("tasks",), ("tasks", "show", receiver.bench.tasks()[0]["task_id"]), ("reviews",)):
        receiver.command(*words_of_it)


@path("a database that cannot be reached")
def database_away(receiver: ReceiverWorld) -> None:
    received(receiver, report())
    receiver.environment["DATABASE_URL"] = "sqlite:////nowhere/at/all"
    for words_of_it in (("status",), ("check",), ("migrate",), ("once",), ("tasks",), ("reviews",)):
        receiver.command(*words_of_it)
    receiver.environment["DATABASE_URL"] = receiver.world.database_url


@path("a full disk")
def full_disk(receiver: ReceiverWorld) -> None:
    receiver.fill_disk()
    large = replace(words.DOCUMENTS[1], data=words.CONTENT * 50_000)
    received(receiver, report(documents=(words.DOCUMENTS[0], large)))


@path("kept for RETENTION, and then given up")
def pruned(receiver: ReceiverWorld) -> None:
    received(receiver, report())
    task_id = receiver.bench.tasks()[0]["task_id"]
    receiver.command("tasks", "complete", task_id)
    receiver.pass_time(days=366 * 9)
    receiver.once()
    receiver.command("tasks", "export", task_id, "--to", str(receiver.world.directory / "late"))
