"""The evidence pack of a small evening: everything is there, named the same each time, and can be checked."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from lxml import html

from deploy.evidence.evidence import EvidenceFailed, gather
from deploy.evidence.results import read_results, read_tables, summary
from deploy.evidence.site import Site
from federated_sender.pdf import PdfRenderer
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.federated_sender.bench import consultation
from tests.flow import bench
from tests.registered_receiver.bench import INDEXED_SMITH

ROOT = Path(__file__).parents[2]
JUNIT = """<testsuites><testsuite name="pytest" time="1.75">
<testcase classname="tests.a" name="test_one" time="0.5"/>
<testcase classname="tests.a" name="test_two" time="0.25"><skipped message="not here"/></testcase>
<testcase classname="tests.b" name="test_three" time="1.0"><failure message="no"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Play one consultation with a near miss and one that never leaves, in the demo's places."""
    directory = tmp_path_factory.mktemp("evening")
    mesh = InMemoryMesh()
    for ods_code, mailbox_id in bench.MAILBOXES.items():
        mesh.add_mailbox(mailbox_id, ods_code=ods_code)
    mesh.register("9690937278", date(1957, 1, 9), "Smith", "BIRCHMB1")
    databases = {name: f"sqlite:///{directory}/{name}/state.sqlite3" for name in ("alder", "birch")}
    with PdfRenderer() as renderer:
        sender = bench.wire_sender(databases["alder"], mesh, renderer, directory / "alder")
        receiver = bench.wire_receiver(databases["birch"], mesh, directory / "birch")
        receiver.know(INDEXED_SMITH)
        other = consultation(
            consultation_id="5a1f3a52-3c54-4f2b-8f61-4f4f7f1c0a02", patient__registration_type="regular"
        )
        sender.enqueue(consultation(), other)
        flow = bench.Flow(mesh, sender, receiver, bench.listen())
        flow.pass_time(hours=4)
        flow.exchange()
    assert flow.state() == ("delivered", "20013", "30001")
    write_settings(directory, databases)
    (directory / "federated-sender.log").write_text(flow.logged.getvalue())
    sender.database.close()
    receiver.receiver.close()
    return Site(directory)


def write_settings(directory: Path, databases: dict[str, str]) -> None:
    for name, ods_code in (("alder", "A81001"), ("birch", "B82002")):
        settings = {
            "STATE_DIRECTORY": str(directory / name),
            "DATABASE_URL": databases[name],
            "PRACTICE_ODS_CODE": ods_code,
            "PRACTICE_NAME": "Alder Practice",
            "PRACTICE_TELEPHONE": "01632 960010",
            "FEDERATION_FILE": str(directory / "alder" / "federation.csv"),
            "MESH_URL": "https://mesh.example",
            "MESH_MAILBOX_ID": bench.MAILBOXES[ods_code],
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": SHARED_KEY,
        }
        text = "".join(f"{key}='{value}'\n" for key, value in settings.items())
        (directory / name / "daemon.env").write_text(text)


@pytest.fixture(scope="module")
def pack(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pack")
    (directory / "results.xml").write_text(JUNIT)
    gather(site, directory / "evidence", directory / "results.xml", "pytest tests/conformance")
    return directory / "evidence"


def test_everything_of_the_evening_is_a_file_under_a_name_of_its_own(pack: Path) -> None:
    files = {str(file.relative_to(pack)) for file in pack.rglob("*") if file.is_file()}

    report = {f"reports/01-report-v1/{name}" for name in (
        *("message.xml", "consultation.json", "report.json", "timeline.json", "index.html"),
        *("01-report.pdf", "01-report-1.png", "response-1-20013.xml", "response-2-30001.xml"),
    )}  # fmt: skip
    assert report <= files
    # what never left has its story and the consultation as it was written
    assert {f"reports/02-report/{name}" for name in ("consultation.json", "timeline.json", "index.html")} <= files
    assert {f"messages/01-report-v1/{name}" for name in ("message.dat", "message.json", "timeline.json")} <= files
    assert {"tasks/01/01-report.pdf", "tests/junit.xml", "logs/federated-sender.log", "versions.json"} <= files
    assert {"sender/audit.json", "receiver/audit.json", "conformance/conformance.html", "index.html"} <= files
    assert (pack / "reports/01-report-v1/message.xml").read_bytes() == (
        pack / "messages/01-report-v1/message.dat"
    ).read_bytes()


def test_the_manifest_names_every_file_and_agrees(pack: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=pack, capture_output=True, text=True)

    named = {line.split("  ", 1)[1] for line in (pack / "SHA256SUMS").read_text().splitlines()}
    files = {str(file.relative_to(pack)) for file in pack.rglob("*") if file.is_file()}
    assert (done.returncode, done.stdout) == (0, "")
    assert files - named == {"SHA256SUMS"}


def test_the_pages_lead_to_files_that_are_there_and_to_nothing_outside(pack: Path) -> None:
    pages = list(pack.rglob("*.html"))

    for page in pages:
        tree = html.fromstring(page.read_bytes())
        for link in tree.xpath("//@href | //@src"):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        assert tree.xpath("//script | //link") == []
    assert len(pages) == 3 + len(list((pack / "reports").iterdir())) - 1 + len(list(pack.glob("conformance/*.md")))


def test_the_index_says_what_was_sent_filed_tested_and_made_of_what(pack: Path) -> None:
    text = " ".join(" ".join(html.fromstring((pack / "index.html").read_bytes()).itertext()).split())

    assert "Every patient is synthetic." in text
    assert "This evening is not the demo's" in text
    assert "01-report-v1 delivered 20013 30001" in text
    assert "02-report not_required regular_patient" in text
    assert "3 tests: 1 passed, 1 skipped, 1 failed" in text
    assert "Failed: tests.b::test_three" in text
    assert "deploy/lock/runtime.txt" in text
    packages = json.loads((pack / "versions.json").read_text())["packages"]
    assert {"lxml", "httpx"} <= set(packages)


def test_a_folder_that_is_there_is_not_touched(site: Site, pack: Path) -> None:
    with pytest.raises(EvidenceFailed, match="is there already"):
        gather(site, pack, None, "none")


def test_a_test_that_notes_facts_goes_into_the_results(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(record_property):\n    record_property('a', 'fact')\n")
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "--quiet"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={tmp_path}/junit.xml", str(tmp_path / "test_it.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert read_results(tmp_path / "junit.xml").count("passed") == 1


def test_junit_and_tables_are_read(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(JUNIT)
    page = (
        "# C\n\n2 requirements: 2 conform\n\n## One\n\n| Id | What |\n|---|---|\n| A | `x` <b><br>a \\| b |\n\ntext\n"
    )

    results, (table,) = read_results(file), list(read_tables(page))

    assert [results.count(outcome) for outcome in ("passed", "skipped", "failed")] == [1, 1, 1]
    assert (results.bad, results.seconds) == (["tests.b::test_three"], 1.8)
    assert [each.rows for each in results.tables()] == [(("one", "passed"), ("two", "skipped")), (("three", "failed"),)]
    assert (table.title, table.head) == ("One", ("Id", "What"))
    assert table.rows == (("A", "<code>x</code> &lt;b&gt;<br>a | b"),)
    assert summary(page) == "2 requirements: 2 conform"
