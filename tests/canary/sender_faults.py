"""What may break around the sender: the renderer, the database, the disk, the mail server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from federated_sender.pdf import PdfRenderer
from tests.canary import words
from tests.canary.sender_paths import file, path, respond
from tests.canary.worlds import SenderWorld
from tests.federated_sender.bench import CONSULTATION
from tests.federated_sender.rows import write


@path("a renderer that is too slow, one that dies, and a document that cannot be laid out")
def renderer_fails(sender: SenderWorld) -> None:
    with PdfRenderer(timeout=timedelta(milliseconds=1)) as slow:
        jobs = _with_renderer(sender, slow)
        sender.bench.jobs = jobs
        for _ in range(2):
            sender.send()
            sender.pass_time(hours=2)
        report_id = sender.bench.status()[0]["report_id"]
        sender.command("retry", report_id)
        for worker in slow._idle.queue:
            if worker is not None:
                worker._process.kill()
        sender.once()


def _with_renderer(sender: SenderWorld, renderer: Any) -> Any:
    sender.app.renderer = renderer
    return tuple(sender.world.net.watch(job) for job in sender.app.jobs())


class _Spiteful(PdfRenderer):
    def render(self, html: str) -> bytes:
        raise RuntimeError(f"cannot lay out {html}")


@path("a library that quotes what it was given")
def spiteful_library(sender: SenderWorld) -> None:
    sender.world.net.tolerates("RuntimeError")
    sender.bench.jobs = _with_renderer(sender, _Spiteful())
    for _ in range(12):
        sender.send()
        sender.pass_time(hours=2)


@path("a row that the database refuses")
def constraint(sender: SenderWorld) -> None:
    sender.forbid("report", "content")
    for _ in range(2):
        sender.command("enqueue", file(sender, json.dumps(words.consultation())))
        write(sender.bench, words.consultation(attachments=[]))
        sender.once()


@path("a response that the database refuses")
def constraint_of_responses(sender: SenderWorld) -> None:
    sender.send()
    sender.forbid("inbox", "body")
    respond(sender, "30001", diagnostics=words.DIAGNOSTICS)


@path("a response whose effect the database refuses")
def constraint_of_effects(sender: SenderWorld) -> None:
    sender.send()
    sender.forbid("timeline", "event")
    respond(sender, "30002", diagnostics=words.DIAGNOSTICS)
    for _ in range(12):
        sender.pass_time(hours=2)
        sender.once()


@path("a database that cannot be reached")
def database_away(sender: SenderWorld) -> None:
    sender.enqueue()
    sender.environment["DATABASE_URL"] = "sqlite:////nowhere/at/all"
    for words_of_it in (("status",), ("check",), ("migrate",), ("once",), ("show", CONSULTATION)):
        sender.command(*words_of_it)
    sender.environment["DATABASE_URL"] = sender.world.database_url
    sender.execute("ALTER TABLE report RENAME TO gone")
    sender.once()
    sender.command("enqueue", file(sender, json.dumps(words.consultation())))
    sender.command("status")
    sender.execute("ALTER TABLE gone RENAME TO report")


@path("a full disk")
def full_disk(sender: SenderWorld) -> None:
    sender.fill_disk()
    large = [{"title": words.LABEL, "content_type": "text/plain", "data": "d29tYmF0" * 90_000}]
    sender.world.net.try_(lambda: write(sender.bench, words.consultation(attachments=[])))
    sender.world.net.try_(lambda: sender.enqueue(attachments=large, consultation_id=CONSULTATION[:-1] + "2"))
    sender.once()


@path("a report that is too large", MAX_MESSAGE_SIZE="10KB")
def too_large(sender: SenderWorld) -> None:
    assert sender.send()["state"] == "invalid"


@path("a mail server that refuses, quotes and is away")
def mail_refused(sender: SenderWorld) -> None:
    server = sender.world.mail
    server.refused_recipients = {"manager@alder.example"}
    server.answers_to_data = [f"550 {words.FAMILY}"]
    sender.send()
    respond(sender, "30002", diagnostics=words.DIAGNOSTICS)
    sender.pass_time(hours=1)
    sender.once()
    server.refused_recipients = set()
    sender.pass_time(hours=1)
    sender.once()
    server.stop()
    sender.pass_time(hours=1)
    respond(sender, "20009", diagnostics=words.DIAGNOSTICS)
    server.start()
    sender.pass_time(hours=1)
    sender.once()


@path("a mail that may name the patient, and nothing else may", ALERT_EMAIL_PATIENT="on")
def mail_names_the_patient(sender: SenderWorld) -> None:
    sender.send()
    respond(sender, "30002", diagnostics=words.DIAGNOSTICS)
    sender.pass_time(hours=1)
    sender.once()
    mails = sender.world.mail.mails
    assert words.FAMILY in mails[0].text
    sender.world.net.see("the head of a mail", *(str(mail.message.items()) for mail in mails))
    mails.clear()
