"""Gathers what an assurance team reads of one evening into a folder: ``make evidence``.

Unless told otherwise it plays the demo's evening surgery and runs the tests of ``tests/conformance``; nothing else is
run. ``docs/conformance.md`` is taken as the last whole run of the tests wrote it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.demo.cases import cases_of
from deploy.demo.judge import settled
from deploy.evidence.pages import MANIFEST, write_manifest, write_page, write_pictures
from deploy.evidence.results import Results, read_results, read_tables, summary
from deploy.evidence.site import Site, write_lists, write_messages, write_reports, write_tasks
from deploy.evidence.versions import ROOT, write_versions

DESTINATION: Final = ROOT / "dist" / "evidence"
_TESTS: Final = ("tests/conformance",)
_NOTE: Final = (
    "As the last whole run of the tests wrote it. The file beside this page has the same with its explanation."
)


class EvidenceFailed(Exception):
    """The evidence cannot be gathered; the text says why."""


def gather(site: Site, destination: Path, junit: Path | None, ran: str) -> dict[str, Any]:
    """Write the evidence of a played evening into ``destination``, which must not be there; return its facts.

    ``ran`` says in words which tests ``junit`` is from.
    """
    if destination.exists():
        raise EvidenceFailed(f"{destination} is there already")
    destination.mkdir(parents=True)
    facts: dict[str, Any] = {"gathered_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "ran": ran}
    facts["reports"] = write_reports(site, destination / "reports")
    facts["payload"] = site.payload
    facts["settled"] = settled(cases_of(site.payload), facts["reports"])
    facts["messages"] = write_messages(site, destination / "messages", facts["reports"])
    facts["tasks"] = write_tasks(site, destination / "tasks")
    facts["sender"] = write_lists(site.sender, destination / "sender", "status", "alerts", "audit")
    receiver = ("status", "tasks", "reviews", "alerts", "audit")
    facts["receiver"] = write_lists(site.receiver, destination / "receiver", *receiver)
    facts["logs"] = _copy(site.logs(), destination / "logs")
    facts["results"] = _results(junit, destination / "tests", ran)
    facts["conformance"] = _conformance(destination / "conformance")
    facts["versions"] = write_versions(destination / "versions.json")
    for report in facts["reports"]:
        write_pictures(report["folder"])
        files = sorted(file.name for file in report["folder"].iterdir())
        write_page(report["folder"] / "index.html", "report.html.j2", {"report": report, "files": files})
    write_page(destination / "index.html", "index.html.j2", facts)
    facts["files"] = write_manifest(destination)
    return facts


def _copy(files: list[Path], directory: Path) -> list[str]:
    directory.mkdir()
    for file in files:
        shutil.copyfile(file, directory / file.name)
    return [file.name for file in files]


def _results(junit: Path | None, directory: Path, ran: str) -> Results | None:
    if junit is None:
        return None
    directory.mkdir()
    shutil.copyfile(junit, directory / "junit.xml")
    results = read_results(junit)
    facts = {"title": "Tests", "note": f"Run: {ran}", "tables": results.tables()}
    write_page(directory / "index.html", "tables.html.j2", facts)
    return results


def _conformance(directory: Path) -> list[dict[str, str]]:
    directory.mkdir()
    found = []
    for file in sorted((ROOT / "docs").glob("conformance*.md")):
        text = file.read_text(encoding="utf-8")
        shutil.copyfile(file, directory / file.name)
        page, title = f"{file.stem}.html", text.partition("\n")[0].lstrip("# ")
        write_page(
            directory / page, "tables.html.j2", {"title": title, "note": _NOTE, "tables": list(read_tables(text))}
        )
        found.append({"page": page, "title": title, "summary": summary(text)})
    return found


def _play(directory: Path, payload: str) -> Site:
    """Play the demo's evening in ``directory``."""
    directory.mkdir()
    options = ["--payload", payload, "--directory", str(directory)]
    done = subprocess.run([sys.executable, "-m", "deploy.demo.demo", *options], cwd=ROOT, check=False)
    if done.returncode:
        raise EvidenceFailed("the evening did not go as it must; what is said above says why")
    return Site(directory)


def _run_tests(junit: Path) -> str:
    """Run the chosen tests; return what was run. Failures are evidence, too."""
    arguments = ["-m", "pytest", "--quiet", *_TESTS]
    print(f"running the tests of {', '.join(_TESTS)}", flush=True)
    subprocess.run([sys.executable, *arguments, f"--junitxml={junit}"], cwd=ROOT, check=False)
    if not junit.exists():
        raise EvidenceFailed("the tests could not be run")
    return f"python {' '.join(arguments)}"


def main() -> int:
    """Play, test and gather as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--played", type=Path, help="an evening that `make demo` played in this directory")
    parser.add_argument(
        "--payload", choices=("task", "document"), default="task", help="what is sent when one is played"
    )
    parser.add_argument("--junit", type=Path, help="results of a run of the tests; then none are run")
    parser.add_argument("--to", type=Path, default=DESTINATION, help="the folder; one that is there is replaced")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evidence-") as directory:
        working = Path(directory)
        try:
            site = Site(chosen.played) if chosen.played else _play(working / "evening", chosen.payload)
            junit = chosen.junit or working / "junit.xml"
            ran = f"given as {chosen.junit.name}" if chosen.junit else _run_tests(junit)
            if (chosen.to / MANIFEST).exists():
                # only what this wrote earlier
                shutil.rmtree(chosen.to)
            facts = gather(site, chosen.to, junit, ran)
        except EvidenceFailed as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{facts['files']} files; begin with {chosen.to / 'index.html'}")
    results = facts["results"]
    return 1 if results and results.bad else 0


if __name__ == "__main__":
    sys.exit(main())
