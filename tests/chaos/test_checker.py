"""The test of the test: builds that are broken on purpose are found out, and so is whatever else can be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import files, surgery
from tests.chaos.breakages import BREAKAGES, Breakage
from tests.chaos.checker import faults
from tests.chaos.evidence import RESPONSES, Evidence, is_settled
from tests.chaos.experiment import Outcome
from tests.chaos.logs import patients_named
from tests.chaos.mutations import MUTATIONS, Spoilt
from tests.chaos.nursery import Nursery
from tests.chaos.sabotage import prepare_broken, try_broken

SEED = 20_261_122


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Give what all broken builds are born of: each is broken in its own processes only."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def prepared(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prepared")
    prepare_broken(directory, nursery)
    return directory


@pytest.mark.parametrize("breakage", BREAKAGES, ids=[each.name for each in BREAKAGES])
def test_a_broken_build_is_found_out(breakage: Breakage, tmp_path: Path, nursery: Nursery, prepared: Path) -> None:
    assert try_broken(tmp_path, breakage, nursery, prepared).faults != []


@pytest.fixture(scope="module")
def sound(nursery: Nursery, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Give what comes of a sound build whose process is killed as that of a broken one is."""
    return try_broken(tmp_path_factory.mktemp("sound"), BREAKAGES[1], nursery, prepared, sound=True)


@pytest.fixture
def spoilt(sound: Outcome) -> Spoilt:
    assert sound.evidence is not None
    return Spoilt.of(sound.evidence)


def test_a_sound_build_that_is_killed_in_the_same_way_has_no_fault(sound: Outcome) -> None:
    assert sound.faults == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_thing_that_can_be_wrong_is_found(name: str, spoilt: Spoilt) -> None:
    words, spoil = MUTATIONS[name]

    spoil(spoilt)

    assert [each for each in faults(spoilt.seen) if words in each]


def test_the_same_response_once_more_is_no_fault(spoilt: Spoilt) -> None:
    spoilt.repeat(spoilt.post(RESPONSES, "30001"))

    assert faults(spoilt.seen) == []


def test_a_report_that_a_wrong_clock_made_invalid_is_waited_for(spoilt: Spoilt) -> None:
    settled = is_settled(spoilt.seen)

    spoilt.row("sender.report", state="delivered")["state"] = "invalid"

    assert settled
    assert not is_settled(spoilt.seen)


def test_files_that_are_not_what_was_sent_are_found(sound: Outcome) -> None:
    evidence, exported = sound.evidence, sound.exported
    assert evidence is not None
    assert exported is not None
    (task_id, folder), *rest = exported.dropped.items()
    report_id, report = next(iter(exported.reports.items()))
    other = {name: data if name == "task.json" else data + b"." for name, data in folder.items()}

    lost = replace(exported, dropped=dict(rest))
    strange = replace(exported, dropped={**exported.dropped, "strange": folder})
    changed = replace(exported, dropped={**exported.dropped, task_id: other})
    without = {name: data for name, data in report.items() if name != "message.xml"}
    unsent = replace(exported, reports={report_id: without})

    assert list(files.faults(evidence, exported)) == []
    assert all(len(list(files.faults(evidence, each))) == 1 for each in (lost, strange, changed, unsent))


def test_a_report_whose_content_is_gone_is_a_fault_and_does_not_stop_the_checker() -> None:
    consultation = next(surgery.consultations(SEED))
    key = consultation.consultation_id
    report = {"id": 1, "report_id": "r", "consultation_id": key, "version": None, "content": None, "message_id": None}
    report |= {"state": "invalid", "reason": "updated_at: lies in the future"}
    report |= {"infrastructure_code": None, "business_code": None}
    tables = {name: [] for name in ("report_body", "inbox", "timeline", "alert", "message", "message_body", "response")}
    tables |= {name: [] for name in ("task", "task_document", "blob")}

    found = faults(Evidence([], {**tables, "report": [report]}, tables, {key: consultation}, {key: 1}))

    assert f"plain {key} version None is invalid, not delivered" in found
    assert f"the newest version of {key} is not the newest edition" in found


def test_a_patient_in_a_log_is_found_in_whatever_words() -> None:
    someone = replace(next(surgery.consultations(SEED)), family="Løvland", given="Zoë")
    born, number = someone.birth_date, someone.nhs_number
    quiet = '{"at":"2026-11-22T20:18:59.990000Z","mesh_message_id":"20261122201659000000_00000A","event":"zoest"}'
    words = (f"GPPROVIDER_{number}_", f"x1{number}5", f"{born}", f"_{born:%Y%m%d}_", "_LØVLAND ", "Zoe,", "CA1 1ZZ")

    assert patients_named(quiet, [someone]) == []
    assert all(patients_named(f"{quiet}\n{each}", [someone]) for each in words)
