from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from registered_receiver import patients
from registered_receiver.app import MIGRATIONS, SCHEMA
from registered_receiver.matching import IndexedPatient, PatientFacts, standing_code
from shared.db import Database
from shared.errors import CommandFailed
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench

TODAY = date(2026, 11, 20)
HEADER = "nhs_number,family,given,birth_date,status,left_on,died_on"
SMITH = "9690937278,Smith,Richard John,1957-01-09,registered,,"
JONES = IndexedPatient("9690937286", "Jones", "Ann", date(1960, 2, 29), "registered")
DEAD = IndexedPatient("9434765919", "Brown", "Tom", date(1930, 1, 1), "deceased", None, date(2020, 1, 1))


def found(receiver: ReceiverBench, nhs_number: str) -> IndexedPatient | None:
    with receiver.database.snapshot() as session:
        return patients.find(session, nhs_number)


def test_importing_again_updates_who_is_there_and_adds_who_is_not(receiver: ReceiverBench) -> None:
    married = replace(INDEXED_SMITH, family="Smith-Jones")

    receiver.know(married, JONES)

    assert found(receiver, married.nhs_number) == married
    assert found(receiver, JONES.nhs_number) == JONES


def test_replacing_lets_who_is_registered_but_not_in_the_file_leave_today(receiver: ReceiverBench) -> None:
    leaving = replace(JONES, left_on=date(2027, 1, 1))
    receiver.know(leaving, DEAD)

    with receiver.database.transaction() as session:
        done = patients.store(session, [INDEXED_SMITH], TODAY, replace=True)

    assert done == patients.Imported(added=0, changed=0, unchanged=1, left=1)
    assert found(receiver, JONES.nhs_number) == replace(JONES, status="left", left_on=TODAY)
    assert found(receiver, DEAD.nhs_number) == DEAD
    assert found(receiver, INDEXED_SMITH.nhs_number) == INDEXED_SMITH


def test_candidates_are_those_with_the_number_or_the_birth_date(receiver: ReceiverBench) -> None:
    twin = replace(JONES, birth_date=INDEXED_SMITH.birth_date)
    receiver.know(twin, DEAD)
    facts = PatientFacts(DEAD.nhs_number, "x", "x", INDEXED_SMITH.birth_date)

    with receiver.database.snapshot() as session:
        numbers = {patient.nhs_number for patient in patients.candidates(session, facts)}

    assert numbers == {DEAD.nhs_number, INDEXED_SMITH.nhs_number, twin.nhs_number}


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", "line 3: family"), ("utf-16", "line 1")])
def test_a_file_that_is_not_utf8_is_refused_by_line(tmp_path: Path, encoding: str, line: str) -> None:
    file = tmp_path / "other.csv"
    file.write_bytes(f"{HEADER}\n{SMITH}\n9690937286,Brontë,A,1960-02-29,registered,,\n".encode(encoding))

    with pytest.raises(CommandFailed, match=f"{line}:? is not UTF-8 text"):
        patients.read_file(file, TODAY)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="No such file"):
        patients.read_file(tmp_path / "nowhere.csv", TODAY)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "excel.csv"
    file.write_text(f"{HEADER}\n{SMITH}\n", encoding="utf-8-sig")

    assert len(patients.read_file(file, TODAY)) == 1


def test_a_second_import_of_the_same_file_changes_nothing_and_says_so(receiver: ReceiverBench, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(f"{HEADER}\n{SMITH}\n9690937286,Jones,Ann,1960-02-29,registered,,\n", encoding="utf-8")

    first = receiver.command("patients", "import", str(file))
    second = receiver.command("patients", "import", str(file))
    replacing = receiver.command("patients", "import", str(file), "--replace")

    assert first.stdout == "2 patients imported: 1 added, 0 changed, 1 unchanged, 0 left\n"
    assert second.stdout == replacing.stdout == "2 patients imported: nothing changed\n"


def test_one_bad_row_among_thousands_imports_nobody(receiver: ReceiverBench, tmp_path: Path) -> None:
    rows = [f"{number},Crowd,,1980-01-01,registered,," for number in numbers(2500)]
    file = tmp_path / "patients.csv"
    file.write_text("\n".join((HEADER, *rows, "9690937279,Smith,R,1957-01-09,registered,,")), encoding="utf-8")

    result = receiver.command("patients", "import", str(file))

    assert result.exit_code == 1
    assert "line 2502: nhs_number: is not a valid NHS number" in result.output
    assert count(receiver) == 1


def test_an_import_larger_than_one_statement_is_whole(receiver: ReceiverBench) -> None:
    crowd = [replace(JONES, nhs_number=number, family=f"Crowd {number}") for number in numbers(2500)]
    with receiver.database.transaction() as session:
        done = patients.store(session, crowd, TODAY, replace=False)
    moved = [replace(patient, status="left", left_on=TODAY) for patient in crowd[:1200]] + crowd[1200:]

    with receiver.database.transaction() as session:
        again = patients.store(session, moved, TODAY, replace=False)

    assert (done.added, count(receiver)) == (2500, 2501)
    assert again == patients.Imported(added=0, changed=1200, unchanged=1300, left=0)
    assert found(receiver, crowd[0].nhs_number) == moved[0]


def count(receiver: ReceiverBench) -> int:
    with receiver.database.snapshot() as session:
        return patients.count(session)


def numbers(how_many: int) -> list[str]:
    """Return NHS numbers that are valid by their check digit."""
    found: list[str] = []
    for start in range(400_000_000, 500_000_000):
        remainder = sum(int(digit) * (10 - place) for place, digit in enumerate(str(start))) % 11
        if remainder != 1:
            found.append(f"{start}{(11 - remainder) % 11}")
        if len(found) == how_many:
            break
    return found


ROW = (
    "INSERT INTO patient (nhs_number, family, given, birth_date, status, left_on, died_on)"
    " VALUES (:number, :family, '', :born, :status, :left, :died)"
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "9690937279"},
        {"number": "969093728"},
        {"number": "969 093 7286"},
        {"number": "969093728O"},
        {"family": " "},
        {"family": None},
        {"born": None},
        {"born": "09/01/1957 BC"},
        {"status": "active"},
        {"left": "1950-01-01"},
        {"died": "1950-01-01"},
    ],
    ids=str,
)
def test_the_database_refuses_a_row_that_could_not_be_matched_whoever_writes_it(
    receiver: ReceiverBench, wrong: dict[str, str | None]
) -> None:
    row = {"number": "9690937286", "family": "Jones", "born": "1960-02-29", "status": "left", "left": None}

    with pytest.raises(DBAPIError), receiver.database.transaction() as session:
        session.execute(text(ROW), row | {"died": None} | wrong)

    assert found(receiver, "9690937286") is None


@pytest.mark.parametrize("born", ["1957-02-30", "09/01/1957", "19570109", "1957-1-9", "1957-01-09 00:00"])
def test_sqlite_refuses_what_is_not_a_date_written_as_one(tmp_path: Path, born: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/state.sqlite3", schema=SCHEMA, migrations=MIGRATIONS)
    database.migrate()
    row = {"number": "9690937286", "family": "Jones", "born": born, "status": "left", "left": None, "died": None}

    with pytest.raises(DBAPIError, match="ck_patient_"), database.transaction() as session:
        session.execute(text(ROW), row)

    database.close()


def test_every_valid_number_passes_the_databases_own_check(receiver: ReceiverBench) -> None:
    receiver.know(*(replace(JONES, nhs_number=number) for number in numbers(200)))

    assert count(receiver) == 201


def test_the_statements_of_the_documentation_bring_the_index_up_to_date(receiver: ReceiverBench) -> None:
    page = (Path(__file__).parents[2] / "docs" / "patients.md").read_text(encoding="utf-8")
    statements = ";".join(re.findall(r"```sql\n(.*?)```", page, re.DOTALL)).split(";")

    with receiver.database.transaction() as session:
        for statement in filter(str.strip, statements):
            session.execute(text(statement))

    patient = {number: found(receiver, number) for number in ("9690937278", "9690937286", "9434765919")}
    assert {number: each and (each.status, each.left_on, each.died_on) for number, each in patient.items()} == {
        "9690937278": ("registered", None, None),
        "9690937286": ("left", date(2026, 6, 30), None),
        "9434765919": ("deceased", date(2024, 3, 1), date(2026, 9, 14)),
    }
    assert standing_code(patient["9434765919"] or JONES, TODAY) == "30003"


def test_patients_who_are_there_survive_the_upgrade_and_the_constraints_hold_from_then_on(database_url: str) -> None:
    database = Database(database_url, schema=SCHEMA, migrations=MIGRATIONS)
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    row = {"number": "9690937286", "family": "Jones", "born": "1960-02-29", "status": "left", "left": "2026-01-01"}
    with database.transaction() as session:
        session.execute(text(ROW), row | {"died": None})

    database.migrate()

    with database.snapshot() as session:
        assert patients.find(session, "9690937286") == replace(JONES, given="", status="left", left_on=date(2026, 1, 1))
    with pytest.raises(DBAPIError, match="ck_patient_nhs_number"), database.transaction() as session:
        session.execute(text(ROW), row | {"died": None, "number": "9690937279"})
    database.close()
