"""Every way that a consultation of the canary patient may go through the sender when people and rows act on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from tests.canary import words
from tests.canary.worlds import SenderWorld, World
from tests.federated_sender.bench import CONSULTATION
from tests.federated_sender.rows import attach, write

PATHS: dict[str, Callable[[World], object]] = {}
Drive = Callable[[SenderWorld], object]


def path(name: str, *, shows: bool = False, **environment: str) -> Callable[[Drive], Drive]:
    """Let a function be one of the paths; afterwards everything that people look at is looked at."""

    def add(drive: Drive) -> Drive:
        def driven(world: World) -> None:
            sender = world.sender(**environment)
            drive(sender)
            sender.finish(shows=shows)
            sender.app.database.close()

        PATHS[f"sender: {name}"] = driven
        return drive

    return add


def file(sender: SenderWorld, content: str, name: str = "consultation.json") -> str:
    where = sender.world.directory / name
    where.write_text(content, encoding="utf-8")
    return str(where)


def respond(sender: SenderWorld, *codes: str, **changes: Any) -> None:
    for code in codes:
        sender.bench.respond(code, **changes)
    sender.once()


@path("delivered, and followed by every command")
def delivered(sender: SenderWorld) -> None:
    sender.command("enqueue", file(sender, json.dumps(words.consultation())))
    sender.once()
    respond(sender, "20013", "30001")
    assert sender.bench.only()["state"] == "delivered"
    report_id = sender.bench.only()["report_id"]
    sender.command("show", report_id, "--json")
    sender.command("export", report_id, "--to", str(sender.world.directory / "export"))
    sender.command("export", report_id, "--to", str(sender.world.directory / "export"))
    sender.command("check")
    sender.command("check", "--online")
    sender.command("health")
    sender.command("audit", shows=True)


@path("rows that are invalid in every field")
def invalid(sender: SenderWorld) -> None:
    broken = dict.fromkeys(("patient__nhs_number", "patient__birth_date", "patient__gender"), words.STRANGE)
    broken |= {"patient__address": words.STRANGE, "patient__given": words.STRANGE, "patient__title": f"{words.TITLE}\t"}
    broken |= {"practitioner__sds_user_id": f"{words.USER_ID} {words.STRANGE}", "notes": words.TEXT}
    broken |= {"patient__nhs_number_verified": words.STRANGE, "confidential": words.STRANGE}
    broken |= {
        "patient__registered_practice_ods_code": f"{words.STRANGE} {words.FAMILY}",
        "consultation_id": words.STRANGE,
    }
    broken |= {"patient__family": "", "started_at": words.STRANGE, "patient__telephones": [words.TELEPHONE + "\n1"]}
    for name, value in broken.items():
        sender.command("enqueue", file(sender, json.dumps(words.consultation(**{name: value}))))
    odd = words.consultation()
    odd["attachments"] = [{"title": words.LABEL, "content_type": words.STRANGE, "path": words.FILE}]
    for content in (json.dumps(odd), json.dumps(words.consultation())[:-40], f'["{words.FAMILY}"]', f"{words.FAMILY}"):
        sender.command("enqueue", file(sender, content))
    sender.command("enqueue", file(sender, f'{{"{words.FAMILY}": 1, "{words.FAMILY}": 2}}'))


@path("rows that the clinical system writes badly")
def bad_rows(sender: SenderWorld) -> None:
    good = words.consultation(attachments=[])
    for number, raw in enumerate(
        (
            {"patient_nhs_number": words.STRANGE},
            {"patient_birth_date": words.FAMILY},
            {"patient_given": words.GIVEN},
            {"notes": f'{{"{words.HEADING}":'},
            {"updated_at": words.FAMILY},
            {"patient_address": json.dumps({"lines": words.LINES, words.STRANGE: words.POSTCODE})},
            {"patient_family": None},
            {"patient_nhs_number_verified": "false", "patient_gender": None},
        )
    ):
        identifier = {"consultation_id": f"0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1f{number:02}"}
        sender.world.net.try_(partial(write, sender.bench, good | identifier, **raw))
        sender.once()
    write(sender.bench, good)
    attach(sender.bench, words.FILE, None)
    sender.once()
    for record in sender.bench.status():
        sender.command("show", record["report_id"], "--json")


@path("a correction, an older row, a deletion in the row, an attachment by path")
def corrected(sender: SenderWorld) -> None:
    document = sender.world.directory / "document.txt"
    document.write_bytes(words.CONTENT)
    write(sender.bench, words.consultation(attachments=[], patient__nhs_number=words.STRANGE))
    sender.once()
    write(sender.bench, words.consultation(attachments=[]))
    sender.once()
    sender.execute("UPDATE outbox SET patient_title = 'Ms', updated_at = '2026-11-20T17:20:00+00:00'")
    sender.once()
    sender.execute("UPDATE outbox SET deleted = true")
    sender.once()
    document.unlink()


@path("not required: registered here, elsewhere, regular")
def not_required(sender: SenderWorld) -> None:
    for change in (
        {"patient__registered_practice_ods_code": "A81001"},
        {"patient__registered_practice_ods_code": "Z99999"},
        {"patient__registration_type": "regular"},
    ):
        sender.send(**change)


@path("a confidential consultation")
def confidential(sender: SenderWorld) -> None:
    sender.send(confidential=True)


@path("delete, resend, reissue, route, retry, reconcile, alerts close")
def lifecycle(sender: SenderWorld) -> None:
    report_id = sender.send()["report_id"]
    for words_of_it in (
        ("resend", report_id, "--reason", words.WHY),
        ("resend", report_id, "--reason", words.WHY),
        ("reissue", CONSULTATION, "--reason", words.WHY),
        ("reissue", CONSULTATION, "--reason", words.WHY, "--again"),
        ("route", CONSULTATION, "--practice", "B82002", "--reason", words.WHY),
        ("route", CONSULTATION, "--practice", "A81001", "--reason", words.WHY),
        ("retry", report_id),
    ):
        sender.command(*words_of_it)
        sender.once()
    days = f"consultation_id,patient\n{CONSULTATION},{words.FAMILY}\n11111111-2222-4333-8444-555555555555,x\n"
    sender.command("reconcile", file(sender, days, "day.csv"))
    sender.command("reconcile", file(sender, f"patient\n{words.FAMILY}\n", "day.csv"))
    sender.command("reconcile", file(sender, f"consultation_id\n{words.NUMBER}\n", "day.csv"), "--json", shows=True)
    sender.command("delete", CONSULTATION, shows=True)
    sender.command("delete", CONSULTATION, "--json", shows=True)
    for alert in sender.bench.alerts():
        sender.command("alerts", "close", alert["alert_id"], "--reason", words.WHY)
    sender.command("audit", "--json", shows=True)


@path("a row whose id is none", shows=True)
def no_id(sender: SenderWorld) -> None:
    """Its id is shown to people, for whom it is the only way to find the row; it goes nowhere else."""
    write(sender.bench, words.consultation(attachments=[]), consultation_id=words.FAMILY)
    sender.once()


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
