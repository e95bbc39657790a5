from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registered_receiver import drop_folder, drop_queue
from shared.errors import ConfigurationError
from tests.registered_receiver.bench import INDEXED_SMITH, JPEG, PDF, PHOTOGRAPH, REPORT, ReceiverBench, person, report
from tests.registered_receiver.conftest import MakeReceiver


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "drop"
    directory.mkdir()
    return directory


@pytest.fixture
def receiver(make_receiver: MakeReceiver, directory: Path) -> ReceiverBench:
    """Give a receiver that lays its tasks into ``directory``."""
    bench = make_receiver(TASK_DROP_DIR=str(directory))
    bench.know(INDEXED_SMITH)
    return bench


def described(directory: Path, task_id: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / task_id / "task.json").read_text())
    return content


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_each_new_task_is_laid_into_the_directory_as_a_folder(receiver: ReceiverBench, directory: Path) -> None:
    mesh_id = receiver.deliver(report())

    receiver.once()

    (task,) = receiver.tasks()
    folder = directory / task["task_id"]
    assert names(directory) == [task["task_id"]]
    assert (folder / "01-report.pdf").read_bytes() == PDF
    assert (folder / "02-attachment.jpg").read_bytes() == JPEG
    shown = receiver.json("tasks", "show", task["task_id"], "--json")
    laid = described(directory, task["task_id"])
    assert [document.pop("file") for document in laid["documents"]] == ["01-report.pdf", "02-attachment.jpg"]
    assert laid == shown
    assert "task_dropped" in receiver.timeline(mesh_id)
    assert ["task_dropped", task["task_id"], "9690937278"] in [
        [line["action"], line["subject_id"], line["nhs_number"]] for line in receiver.json("audit", "--json")
    ]


def test_no_name_in_the_directory_holds_patient_data(receiver: ReceiverBench, directory: Path) -> None:
    receiver.deliver(report(documents=(REPORT, replace(PHOTOGRAPH, description="Smith 9690937278 /../x"))))

    receiver.once()

    (folder,) = directory.iterdir()
    assert names(folder) == ["01-report.pdf", "02-attachment.jpg", "task.json"]


def test_without_the_setting_nothing_is_dropped_and_nothing_waits_for_it(
    make_receiver: MakeReceiver, directory: Path
) -> None:
    plain = make_receiver()
    plain.know(INDEXED_SMITH)
    plain.deliver(report())
    plain.once()

    make_receiver(TASK_DROP_DIR=str(directory)).once()

    assert names(directory) == []


def test_a_report_that_makes_no_task_makes_no_folder(receiver: ReceiverBench, directory: Path) -> None:
    receiver.deliver(report(patient=person(nhs_number="9690937286", family="Jones")))
    receiver.deliver(report(2, patient=person(family="Jones")))

    receiver.once()

    assert names(directory) == []


def test_a_task_that_a_person_decided_on_is_dropped_too(receiver: ReceiverBench, directory: Path) -> None:
    receiver.deliver(report(patient=person(family="Smyth")))
    receiver.once()
    receiver.command("reviews", "match", receiver.reviews()[0]["review_id"], "--candidate", "1")

    receiver.once()

    assert names(directory) == [receiver.tasks()[0]["task_id"]]


def test_a_later_version_names_the_task_that_it_supersedes_and_the_older_folder_stays_as_it_is(
    receiver: ReceiverBench, directory: Path
) -> None:
    receiver.deliver(report(1))
    receiver.once()
    older = receiver.tasks()[0]["task_id"]
    before = (directory / older / "task.json").read_bytes()
    receiver.pass_time(minutes=5)

    receiver.deliver(report(2))
    receiver.once()

    newer = receiver.tasks()[0]["task_id"]
    assert [task["task_id"] for task in described(directory, newer)["supersedes"]] == [older]
    assert (directory / older / "task.json").read_bytes() == before


def test_an_older_version_that_arrives_late_says_which_task_stands_instead(
    receiver: ReceiverBench, directory: Path
) -> None:
    receiver.deliver(report(2))
    receiver.once()
    newer = receiver.tasks()[0]["task_id"]
    receiver.pass_time(minutes=5)

    receiver.deliver(report(1))
    receiver.once()

    late = described(directory, receiver.tasks()[0]["task_id"])
    assert (late["state"], late["superseded_by"]) == ("superseded", newer)


def test_a_crash_between_the_renaming_and_the_commit_makes_no_second_folder(
    receiver: ReceiverBench, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.deliver(report())
    receiver.step("collect")
    receiver.step("process")

    def crash(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(drop_queue, "mark_dropped", crash)
        with pytest.raises(KeyboardInterrupt):
            receiver.step("drop")
    made = (directory / receiver.tasks()[0]["task_id"]).stat().st_ino
    assert receiver.step("drop") == 0  # the dead process's lease still runs
    receiver.pass_time(minutes=20)

    receiver.once()

    (folder,) = directory.iterdir()
    assert folder.stat().st_ino == made
    dropped = [line for line in receiver.log_lines() if line["event"] == "task.dropped"]
    assert [line["adopted"] for line in dropped] == [True]


def test_a_folder_that_the_clinical_system_took_away_does_not_come_again(
    receiver: ReceiverBench, directory: Path
) -> None:
    receiver.deliver(report())
    receiver.once()
    (directory / receiver.tasks()[0]["task_id"]).rename(directory.parent / "taken")

    receiver.once()
    receiver.pass_time(days=1)
    receiver.once()

    assert names(directory) == []


def test_a_directory_that_is_missing_opens_one_alert_holds_nothing_up_and_is_tried_again(
    receiver: ReceiverBench, directory: Path
) -> None:
    directory.rmdir()
    receiver.deliver(report(1))
    receiver.deliver(report(2))

    assert receiver.once()

    assert sorted(receiver.answers()) == ["20013", "20013", "30001", "30001"]
    assert len(receiver.tasks()) == 2
    for _ in range(12):
        receiver.pass_time(hours=2)
        receiver.once()
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"]) == ("drop_failed", "TASK_DROP_DIR")
    assert "No such file or directory" in alert["text"]
    directory.mkdir()
    receiver.pass_time(hours=2)
    receiver.once()
    assert names(directory) == sorted(task["task_id"] for task in receiver.tasks())
    assert receiver.alerts() == []
    assert len(receiver.alerts(open_only=False)) == 1


def test_a_name_that_is_taken_holds_up_its_own_task_alone(receiver: ReceiverBench, directory: Path) -> None:
    for version in (1, 2):
        receiver.deliver(report(version))
        receiver.step("collect")
        receiver.step("process")
    newer, older = (task["task_id"] for task in sorted(receiver.tasks(), key=lambda task: -task["version"]))
    (directory / older).mkdir()

    receiver.once()

    assert names(directory) == sorted((newer, older))
    assert [(alert["kind"], alert["subject_id"]) for alert in receiver.alerts()] == [("drop_failed", older)]
    (directory / older).rmdir()
    receiver.pass_time(hours=2)
    receiver.once()
    assert described(directory, older)["superseded_by"] == newer
    assert receiver.alerts() == []


def test_a_process_that_was_too_slow_leaves_the_record_to_whoever_took_over(
    receiver: ReceiverBench, make_receiver: MakeReceiver, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.deliver(report())
    receiver.step("collect")
    receiver.step("process")
    other = make_receiver(TASK_DROP_DIR=str(directory))
    real = drop_folder.lay

    def slow(*arguments: Any) -> bool:
        monkeypatch.setattr(drop_folder, "lay", real)
        receiver.pass_time(minutes=20)
        other.once()
        return real(*arguments)

    monkeypatch.setattr(drop_folder, "lay", slow)

    receiver.step("drop")

    assert len(names(directory)) == 1
    assert receiver.timeline(receiver.only()["mesh_message_id"]).count("task_dropped") == 1


def test_check_says_whether_folders_can_be_made(receiver: ReceiverBench, tmp_path: Path, directory: Path) -> None:
    tmp_path.chmod(0o700)
    good = receiver.command("check")
    directory.rmdir()
    bad = receiver.command("check")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert f"ok  drop directory: {directory}" in good.output
    assert "BAD drop directory: no folder can be made" in bad.output


def test_a_directory_is_named_by_its_whole_path(make_receiver: MakeReceiver) -> None:
    with pytest.raises(ConfigurationError, match="TASK_DROP_DIR: must be an absolute path"):
        make_receiver(TASK_DROP_DIR="drop")
