"""Every way that a message about the canary patient may go through the receiver, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import islice
from typing import Any

from fhir.resources.STU3.bundle import Bundle

from registered_receiver.matching import IndexedPatient
from shared.itk3.build import build_report
from shared.itk3.model import PersonName, ReportMessage
from tests.canary import words
from tests.canary.words import report
from tests.canary.worlds import ReceiverWorld, World
from tests.shared.itk3 import breakages
from tests.shared.itk3.examples import Draft

PATHS: dict[str, Callable[[World], object]] = {}
Drive = Callable[[ReceiverWorld], object]
NEAR = {"shows": True}


def path(name: str, **environment: str) -> Callable[[Drive], Drive]:
    """Let a function be one of the paths; afterwards everything that people look at is looked at."""

    def add(drive: Drive) -> Drive:
        def driven(world: World) -> None:
            receiver = world.receiver(**environment)
            drive(receiver)
            receiver.finish()
            receiver.app.close()

        PATHS[f"receiver: {name}"] = driven
        return drive

    return add


def misspelt(family: str = "Quillfeathers", **changes: Any) -> ReportMessage:
    """Return a report about somebody who is nearly the canary patient."""
    name = PersonName(family, (words.GIVEN,), words.TITLE)
    return report(patient=replace(words.PATIENT, name=name, **changes))


def received(receiver: ReceiverWorld, *messages: Any, **more: Any) -> None:
    for message in messages:
        receiver.deliver(message, **more)
    receiver.once()


def strange_headers() -> dict[str, Any]:
    return {
        "local_id": f"{words.NUMBER} {words.STRANGE}",
        "extra_headers": {"mex-filename": words.FAMILY, "mex-partnerid": words.NUMBER},
        "description": words.FAMILY,
    }


@path("filed, and followed by every command")
def filed(receiver: ReceiverWorld) -> None:
    received(receiver, report(), **strange_headers())
    (task,) = receiver.bench.tasks()
    message_id, directory = receiver.bench.only()["mesh_message_id"], receiver.world.directory
    for words_of_it in (("tasks",), ("tasks", "--json"), ("tasks", "show", task["task_id"]), ("audit",)):
        receiver.command(*words_of_it, shows=True)
    for number, words_of_it in enumerate((("tasks", task["task_id"]), ("messages", message_id), ("tasks", "nobody"))):
        what, which = words_of_it
        for _ in range(2):
            receiver.command(what, "export", which, "--to", str(directory / f"export-{number}"))
    receiver.command("tasks", "complete", task["task_id"])
    receiver.command("tasks", "complete", task["task_id"])
    for words_of_it in (("check",), ("check", "--online"), ("health",), ("retry", message_id)):
        receiver.command(*words_of_it)


@path("versions, duplicates and another patient in one consultation")
def versions(receiver: ReceiverWorld) -> None:
    other = replace(words.PATIENT, nhs_number=words.OTHER_NUMBER)
    receiver.bench.know(replace(words.INDEXED, nhs_number=words.OTHER_NUMBER))
    received(receiver, report(2), report(1), report(2), report(3, patient=other))


@path("a near miss that a person matches")
def matched(receiver: ReceiverWorld) -> None:
    received(receiver, misspelt())
    (review,) = receiver.bench.reviews()
    identifier = review["review_id"]
    for words_of_it in (("reviews",), ("reviews", "--json"), ("reviews", "show", identifier)):
        receiver.command(*words_of_it, **NEAR)
    receiver.command("reviews", "match", identifier, "--nhs-number-stdin", stdin=f"{words.FAMILY}\n")
    receiver.command("reviews", "match", identifier, "--nhs-number-stdin", stdin=f"{words.OTHER_NUMBER}\n")
    receiver.command("reviews", "match", identifier, "--candidate", "1", "--reason", words.WHY)
    receiver.command("reviews", "match", identifier, "--candidate", "1", "--reason", words.WHY)
    receiver.once()


@path("a near miss that a person rejects too late")
def rejected_review(receiver: ReceiverWorld) -> None:
    received(receiver, misspelt(birth_date=date(1931, 12, 28)))
    receiver.pass_time(days=2)
    receiver.once()
    identifier = receiver.bench.reviews()[0]["review_id"]
    receiver.bench.know(IndexedPatient(words.OTHER_NUMBER, words.FAMILY, words.GIVEN, words.BIRTH_DATE, "registered"))
    receiver.command("reviews", "reject", identifier, "--reason", words.WHY)
    receiver.command("reviews", **NEAR)
    receiver.command("reviews", "reject", identifier, "--reason", words.WHY)
    receiver.once()


@path("near misses that nobody looks at", MATCH_REVIEW="off")
def reviews_off(receiver: ReceiverWorld) -> None:
    received(receiver, misspelt())


@path("patients who left, died or are unknown")
def unmatched(receiver: ReceiverWorld) -> None:
    for status, left, died in (("left", "2020-01-01", ""), ("deceased", "", "2020-01-01"), ("deceased", "", "")):
        line = f"{words.NUMBER},{words.FAMILY},{words.GIVEN},1931-12-29,{status},{left},{died}"
        import_patients(receiver, line)
        receiver.deliver(report(consultation_id=f"0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1f{len(died):02}"))
        receiver.once()
    received(receiver, report(4, patient=replace(words.PATIENT, nhs_number=words.OTHER_NUMBER)))


def import_patients(receiver: ReceiverWorld, *lines: str, encoding: str = "utf-8") -> None:
    file = receiver.world.directory / "patients.csv"
    head = "nhs_number,family,given,birth_date,status,left_on,died_on"
    file.write_bytes("\n".join((head, *lines)).encode(encoding))
    receiver.command("patients", "import", str(file))
    receiver.command("patients", "import", str(file), "--replace")
    file.unlink()


@path("an import whose every row is wrong")
def bad_import(receiver: ReceiverWorld) -> None:
    good = f"{words.NUMBER},{words.FAMILY},{words.GIVEN},1931-12-29,registered,,"
    for bad in (
        good.replace("9434", "9435"),
        good.replace("1931-12-29", "29/12/1931"),
        good.replace("registered", words.STRANGE),
        good.replace(words.FAMILY, f"{words.FAMILY}\x07"),
        good + f"{words.STRANGE},{words.STRANGE}",
        f'"{words.FAMILY}',
        f"{words.FAMILY}" * 2000,
        f"{good}\n{good}",
    ):
        import_patients(receiver, bad)
    import_patients(receiver, good, encoding="utf-16")
    import_patients(receiver, good.replace(words.FAMILY, f"{words.FAMILY}é"), encoding="latin-1")


@path("a row of the patient index that the clinical system wrote badly")
def bad_index(receiver: ReceiverWorld) -> None:
    for column, value in (("birth_date", words.FAMILY), ("status", words.STRANGE), ("family", words.TITLE)):
        statement = f"UPDATE patient SET {column} = :value"
        receiver.world.net.try_(partial(receiver.execute, statement, value=value))
        received(receiver, report())


def _spoilt(which: int) -> Drive:
    def drive(receiver: ReceiverWorld) -> None:
        for number, (_, _, spoil) in enumerate(islice(breakages.ALL, which, None, 4)):
            draft = Draft(build_report(report(number + 1)))
            spoil(draft)
            file = receiver.world.directory / "message.xml"
            file.write_bytes(draft.body)
            if number % 6 == 0:
                receiver.command("explain", str(file))
                receiver.command("explain", str(file), "--json")
            receiver.deliver(draft.body, subject=words.FAMILY, **strange_headers())
            file.unlink()
        receiver.once()

    return drive


for part in range(4):
    path(f"every rule broken, part {part + 1}")(_spoilt(part))


@path("canaries in the place of every value")
def replaced(receiver: ReceiverWorld) -> None:
    draft = Draft(build_report(report()))
    places = [element for element in draft.root.iter() if "value" in element.attrib]
    for number, element in enumerate(places):
        before = element.get("value", "")
        element.set("value", f"{words.FAMILY} {words.NUMBER}" if number % 2 else words.NUMBER)
        receiver.deliver(draft.body, subject=words.FAMILY)
        element.set("value", before)
    receiver.once()


@path("bodies that are hostile, odd or no report")
def hostile(receiver: ReceiverWorld) -> None:
    good = build_report(report())
    as_json = Bundle.model_validate_xml(good).model_dump_json().encode()
    for number, body in enumerate(
        (
            as_json,
            as_json[:-20],
            as_json.replace(b'"Task"', f'"{words.STRANGE}"'.encode()),
            good[:-200],
            good.replace(b"<Bundle", f"<!DOCTYPE x [<!ENTITY y '{words.FAMILY}'>]><Bundle".encode(), 1),
            good.replace(b"</Bundle>", f"<{words.FAMILY}/></Bundle>".encode()),
            good.replace(b"<Bundle", f'<Bundle {words.FAMILY}="{words.NUMBER}"'.encode(), 1),
            words.FAMILY.encode("utf-16"),
            f"<?xml version='1.0' encoding='{words.FAMILY}'?><Bundle/>".encode(),
            b"",
            b"\x00" + words.NUMBER.encode(),
            good.replace(b"ITK007C", b"ITK008M"),
        )
    ):
        more = {} if number % 2 else {"extra_headers": {"mex-subject": words.FAMILY.encode() + b"\xff"}}
        receiver.deliver(body, subject=words.FAMILY, **more)
        file = receiver.world.directory / "message.xml"
        file.write_bytes(body)
        receiver.command("explain", str(file))
        file.unlink()
    receiver.once()


@path("a report that is too large", MAX_MESSAGE_SIZE="5KB")
def too_large(receiver: ReceiverWorld) -> None:
    received(receiver, report())


@path("the subject, the routing address and the patient differ")
def doubtful(receiver: ReceiverWorld) -> None:
    received(receiver, report(), subject=f"Report about {words.OTHER_NUMBER}")
    to = f"GPPROVIDER_{words.OTHER_NUMBER}_19311229_{words.FAMILY}"
    received(receiver, report(2), extra_headers={"mex-to": to})


@path("a confidential report")
def confidential(receiver: ReceiverWorld) -> None:
    received(receiver, report(confidential=True, documents=words.DOCUMENTS[:1]))
