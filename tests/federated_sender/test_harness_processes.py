"""Both harnesses as processes over the local MESH: the synthetic sender against the synthetic receiver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.local_mesh import running_mesh

pytestmark = pytest.mark.sandbox
ALDER, BIRCH = "ALDERMB1", "BIRCHMB1"
PATIENT = {"nhs_number": "9690937278", "family": "Smith", "birth_date": "1957-01-09"}
MESH = {
    "shared_key": "TestKey",
    "mailboxes": [
        {"mailbox_id": ALDER, "ods_code": "A81001", "password": "password"},
        {"mailbox_id": BIRCH, "ods_code": "B82002", "password": "password"},
    ],
    "patients": [{"nhs_number": "9690937278", "birth_date": "1957-01-09", "surname": "Smith", "mailbox": BIRCH}],
}


def settings(directory: Path, port: int, mailbox: str, ods_code: str) -> Path:
    federation = directory / "federation.csv"
    federation.write_text("ods_code,name,telephone\nB82002,Birch Surgery,01632 960020\n")
    lines = {
        "STATE_DIRECTORY": directory / "state",
        "PRACTICE_ODS_CODE": ods_code,
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": federation,
        "MESH_URL": f"http://127.0.0.1:{port}",
        "MESH_MAILBOX_ID": mailbox,
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": "TestKey",
        "MESH_POLL_INTERVAL": "PT1S",
    }
    file = directory / f"{mailbox}.env"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in lines.items()))
    return file


def command(name: str, env_file: Path, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), "--env-file", str(env_file), "harness", *arguments]


def test_what_one_harness_asks_for_the_other_gives_and_reports(tmp_path: Path) -> None:
    patient, page = tmp_path / "patient.json", tmp_path / "report.html"
    patient.write_text(json.dumps(PATIENT | {"given": ["Richard", "IB002"], "registered_practice_ods_code": "B82002"}))
    with running_mesh(MESH, tmp_path) as port:
        receiver = command("registered-receiver", settings(tmp_path, port, BIRCH, "B82002"), "--format", "json")
        sender = command("federated-sender", settings(tmp_path, port, ALDER, "A81001"), "--patient", str(patient))
        options = ["--only", "plain", "--only", "attachments", "--business", "30002", "--within", "PT1M", "--json"]
        with subprocess.Popen(receiver, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as answering:
            done = subprocess.run([*sender, *options, "--html", str(page)], capture_output=True, text=True, timeout=120)
            answering.terminate()
            said, complained = answering.communicate(timeout=30)

    assert done.returncode == 0, done.stdout + done.stderr
    report, lines = json.loads(done.stdout), [json.loads(line) for line in said.splitlines()]
    assert [each["conforms"] for each in report["exemplars"]] == [True, True]
    assert (answering.returncode, complained) == (0, "")
    assert [(line["name"], line["answers"], line["broken_rules"]) for line in lines] == [
        ("IB002", ["20013", "30002"], []),
        ("IB002", ["20013", "30002"], []),
    ]
    assert [line["message_id"] for line in lines] == [each["message_id"] for each in report["exemplars"]]
    assert "2 of 2 exemplars" in page.read_text(encoding="utf-8")
    assert not (tmp_path / "state").exists()
