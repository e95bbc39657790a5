"""The demo as people run it: it goes well, its messages conform, and its logs tell nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.cases import CASES
from deploy.demo.surgery import patient_data
from tests.deploy.played import ROOT, Played, play

CHECKER = ROOT.parent / "shared/conformance/check_profiles.py"

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("evening"))


def test_the_evening_goes_as_it_must(evening: Played) -> None:
    assert evening.status == 0, evening.said + evening.complained
    assert "Everything is as it must be." in evening.said


def test_every_document_of_every_task_is_a_file(evening: Played) -> None:
    files = sorted(file.name for file in evening.directory.glob("tasks/*/*"))

    wanted = sum(each.documents for case in CASES for each in case.expected)
    assert len([name for name in files if name != "task.json"]) == wanted
    assert {"01-report.pdf", "02-attachment.pdf", "03-attachment.png", "task.json"} == set(files)


def test_the_daemons_log_no_patient_data(evening: Played) -> None:
    logs = evening.logs()

    assert set(logs) == {"federated-sender.log", "registered-receiver.log", "mesh.log"}
    assert "daemon.stopped" in logs["federated-sender.log"]
    assert "daemon.stopped" in logs["registered-receiver.log"]
    found = {word for word in patient_data(CASES) for text in logs.values() if word.casefold() in text.casefold()}
    assert found == set()


def test_every_message_conforms_to_the_published_profiles(evening: Played, tmp_path: Path) -> None:
    reports = evening.stored("alder", "SELECT message FROM report_body")
    responses = evening.stored("alder", "SELECT body FROM inbox WHERE message_type = 'DATA'")
    files = []
    for number, body in enumerate((*reports, *responses)):
        files.append(tmp_path / f"{number:02}.xml")
        files[-1].write_bytes(body)
    versions = [each for case in CASES for each in case.expected]
    sent, arrived = (
        sum(each.version is not None for each in versions),
        sum(each.message is not None for each in versions),
    )
    assert len(files) == sent + 2 * arrived
    if not CHECKER.exists():
        pytest.skip("skipped: ../shared is not here")

    done = subprocess.run([sys.executable, CHECKER, *files], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
