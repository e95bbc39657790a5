"""No patient data leaves a daemon but where it belongs: canaries in every field, every path driven, all searched.

``pytest --verbose tests/canary`` prints the paths.
"""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from federated_sender import events as sender_events
from federated_sender.consultation import read_consultation
from federated_sender.pdf import PdfRenderer
from federated_sender.pds_record import read_record
from registered_receiver import events as receiver_events
from shared import catalogue as library
from shared import mesh_watch
from shared.daemon import Job
from shared.errors import Fault, InvalidConsultation
from shared.log import Event, emit
from tests.canary import receiver_faults, receiver_paths, sender_answers, sender_faults, sender_paths, web_paths, words
from tests.canary.net import Net, values_of_ours
from tests.canary.worlds import World, world

# each adds its paths when it is imported
ADDED_BY = (sender_answers, sender_faults, receiver_faults, web_paths)
PATHS = {**sender_paths.PATHS, **receiver_paths.PATHS}
REFUSED_BY_THE_DATABASE = [name for name in PATHS if "the database refuses" in name]
LOGGED: dict[str, set[str]] = {}

# of the process, the clock and the certificates: nothing that a message or a consultation has a part in
NOT_DRIVEN = {
    *("daemon.started", "daemon.stopping", "daemon.stopped", "web.started", "web.stopped"),
    *(event.name for event in mesh_watch.EVENTS),
}


def driven(name: str, directory: Path, database_url: str, renderer: PdfRenderer) -> Net:
    with world(directory, database_url, renderer) as made:
        PATHS[name](made)
    LOGGED[name] = made.net.events()
    return made.net


@pytest.mark.requirement("FHIR-BA-02")
@pytest.mark.parametrize("name", PATHS)
def test_no_patient_data_is_found_outside_of_where_it_belongs(name: str, tmp_path: Path, renderer: PdfRenderer) -> None:
    net = driven(name, tmp_path, f"sqlite:///{tmp_path}/state.sqlite3", renderer)

    assert net.leaks() == []
    assert net.logged, "the path drives nothing"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", REFUSED_BY_THE_DATABASE)
def test_no_patient_data_is_found_in_what_postgresql_says_of_a_row(
    name: str, tmp_path: Path, database_url: str, renderer: PdfRenderer
) -> None:
    net = driven(name, tmp_path, database_url, renderer)

    assert net.leaks() == []


def test_the_paths_together_log_every_event_that_there_is() -> None:
    if LOGGED.keys() != PATHS.keys():
        pytest.skip("not every path was driven")

    for daemon, catalogue in (("sender", sender_events.EVENTS), ("receiver", receiver_events.EVENTS)):
        seen = set().union(*(events for name, events in LOGGED.items() if name.startswith(daemon)))
        missing = {event.name for event in (*catalogue, *library.EVENTS)} - seen - NOT_DRIVEN
        assert missing == set(), daemon


def test_a_consultation_and_every_part_of_it_print_nothing(tmp_path: Path) -> None:
    content = words.consultation(attachments=[])
    consultation = read_consultation(content, sender_paths.parse_time(content["updated_at"]) + timedelta(days=1))
    record = read_record(json.dumps(sender_answers.record(words.NUMBER)).encode())

    printed = [repr(consultation), str(consultation), f"{consultation.patient}", repr(consultation.notes), repr(record)]

    assert [words.found_in(text) for text in printed] == [set()] * 5


def test_the_values_that_are_watched_are_those_of_all_packages() -> None:
    names = {value.__name__ for value in values_of_ours()}

    assert {"Consultation", "Patient", "ReportMessage", "IndexedPatient", "MessageHeaders", "Fault", "Work"} <= names
    assert all(issubclass(value, BaseModel) or "__init__" in vars(value) for value in values_of_ours())


def test_an_error_about_a_consultation_hangs_on_none_that_quotes_it() -> None:
    content = words.consultation(patient__gender=words.STRANGE, attachments=[])

    with pytest.raises(InvalidConsultation) as caught:
        read_consultation(content, sender_paths.parse_time(content["updated_at"]))

    net = Net()
    net.try_(lambda: (_ for _ in ()).throw(caught.value))
    assert net.leaks() == []


# The test of the test: each place where a leak might show is made to leak.


def leak_in_log(made: World) -> None:
    emit(Event("canary.leaks", "debug", ("text",), ""), text=f"about {words.FAMILY.upper()}")


def leak_in_library(made: World) -> None:
    logging.getLogger("some.library").debug("GET /Patient/%s", "943 476 5919")


def leak_in_exception(made: World) -> None:
    def step() -> int:
        raise ValueError(f"cannot read {words.TEXT}")

    with pytest.raises(ValueError, match="cannot read"):
        made.net.watch(Job("canary", step, timedelta(seconds=1))).step()


def leak_in_cause(made: World) -> None:
    def act() -> None:
        try:
            raise KeyError(words.POSTCODE.replace(" ", "").lower())
        except KeyError as error:
            raise RuntimeError("no reason given") from error

    made.net.try_(act)


def leak_in_repr(made: World) -> None:
    Fault("patient.family", f"must not be {words.FAMILY}")


def leak_in_file_name(made: World) -> None:
    (made.directory / f"{words.FAMILY.lower()}.pdf").touch()


def leak_in_temporary_file(made: World) -> None:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"left behind: " + words.CONTENT)


def leak_in_mail(made: World) -> None:
    sender = made.sender(ALERT_EMAIL_PATIENT="on")
    sender.send()
    sender_paths.respond(sender, "30002")
    sender.app.database.close()


def leak_in_base64(made: World) -> None:
    made.net.see("a place", base64.b64encode(f"the family of {words.FAMILY}".encode()).decode())


LEAKS: list[tuple[str, Callable[[World], None]]] = [
    ("log", leak_in_log),
    ("a library's log", leak_in_library),
    ("an exception", leak_in_exception),
    ("an exception", leak_in_cause),
    ("the repr of Fault", leak_in_repr),
    ("a file's name", leak_in_file_name),
    ("a temporary file", leak_in_temporary_file),
    ("a mail", leak_in_mail),
    ("a place", leak_in_base64),
]


@pytest.mark.parametrize(("where", "leak"), LEAKS, ids=[leak.__name__ for _, leak in LEAKS])
def test_a_deliberate_leak_is_caught(
    where: str, leak: Callable[[World], None], tmp_path: Path, renderer: PdfRenderer
) -> None:
    with world(tmp_path, f"sqlite:///{tmp_path}/state.sqlite3", renderer) as made:
        made.net.listen("canary")
        leak(made)

    assert {line.partition(": ")[0] for line in made.net.leaks()} == {where}


def test_a_process_whose_title_names_a_patient_is_caught(tmp_path: Path, renderer: PdfRenderer) -> None:
    with world(tmp_path, "sqlite://", renderer) as made:
        process = subprocess.Popen([f"report of {words.FAMILY}", "60"], executable="/bin/sleep")
        try:
            # the new program runs a moment before its arguments can be read
            while process.poll() is None and not Path(f"/proc/{process.pid}/cmdline").read_bytes():
                pass
            made.net.look_at_processes()
        finally:
            process.kill()
            process.wait()

    assert [line.partition(": ")[0] for line in made.net.leaks()] == ["a process title"]
