"""Runs the tests that show a requirement and writes the tables of ``docs/`` from them: ``make conformance``.

``conformance.md`` is about GP Connect Messaging 1.2.0 and ITK3, ``conformance-documents.md`` about Send Document.

With a file that such a run wrote (``--from FILE``) nothing is run: CI runs every test once.

Ends with 1, naming every row, when a requirement is shown by no test, by a test that fails, or, being about the
content of a message, by no test that breaks it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.conformance.requirements import (
    BINDS_OTHERS,
    DEVIATES,
    DOCUMENT_REQUIREMENTS,
    INAPPLICABLE,
    REQUIREMENTS,
    Requirement,
)

ROOT: Final = Path(__file__).parents[2]
_INTRODUCTION: Final = """\
# Conformance

Written by `make conformance`, which runs every test named here. Change `tests/conformance/requirements.toml` or the
tests, not this page.

One row for each requirement of GP Connect Messaging 1.2.0 and for each of ITK3 that applies. The meaning is ours;
the published text decides. **Binds**: who has to meet it. **Standing**: `conforms`; `deviates`, with the decision and a
test of what is done instead; `binds others`, with the reason. **Broken**: what was broken in a good message, and which
rule of the receiver (with its response code) or check of the tests noticed. A test shows five requirements at most.
"""
_OF_DOCUMENTS: Final = """\
# Conformance of documents

Written by `make conformance`, which runs every test named here. Change `tests/conformance/documents.toml` or the tests,
not this page. [The other page](conformance.md) is about 1.2.0 and explains the columns.

`PAYLOAD=document` sends reports as GP Connect Send Document has them: 1.3 in the workflow of 1.2.0, 2.0 otherwise. One
row for each requirement of 1.3 that concerns such a report, and for each of the supplier's assessment list (SCAL) of
2.0.x. Later versions use ids again with other meanings, so each id has its version in front. **As** a requirement of
1.2.0: its tests show this one as well, since the payload makes no difference to what they show.
"""
_HEAD: Final = "| Id | Meaning | Binds | Standing | Shown by | Broken, and noticed by |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """A requirement with what the run showed of it: outcomes by test, and what was broken and noticed."""

    requirement: Requirement
    outcomes: Mapping[str, frozenset[str]]
    mutations: tuple[tuple[str, str], ...]

    @property
    def problems(self) -> list[str]:
        """What keeps the row from being proved."""
        found = [f"{test} failed" for test, outcomes in self.outcomes.items() if "failed" in outcomes]
        if self.requirement.standing == BINDS_OTHERS:
            return found if self.requirement.remark else [*found, "has no reason"]
        if not any("passed" in outcomes for outcomes in self.outcomes.values()):
            found.append("is shown by no test")
        if self.requirement.standing == DEVIATES and not (self.requirement.decision and self.requirement.remark):
            found.append("deviates without a decision and a reason")
        if self.requirement.content and not self.mutations:
            found.append("is broken by no test")
        return found


@dataclass(frozen=True)
class Page:
    """One table: where it stands, what stands above it, and the requirements that it has."""

    file: Path
    introduction: str
    requirements: Mapping[str, Requirement]
    inapplicable: Mapping[str, str]


PAGES: Final = (
    Page(ROOT / "docs" / "conformance.md", _INTRODUCTION, REQUIREMENTS, INAPPLICABLE),
    Page(ROOT / "docs" / "conformance-documents.md", _OF_DOCUMENTS, DOCUMENT_REQUIREMENTS, {}),
)


def rows(shown: Sequence[Mapping[str, Any]], of: Page = PAGES[0]) -> list[Row]:
    """Join the requirements with what the tests showed."""
    return [_row(requirement, shown) for requirement in of.requirements.values()]


def _row(requirement: Requirement, shown: Sequence[Mapping[str, Any]]) -> Row:
    names = {requirement.id, requirement.shown_as or requirement.id}
    own = [test for test in shown if names & set(test["requirements"])]
    outcomes: dict[str, frozenset[str]] = {}
    for test in own:
        outcomes[test["test"]] = outcomes.get(test["test"], frozenset()) | {test["outcome"]}
    mutations = tuple(
        (what, noticed)
        for of, what, noticed in (test["mutation"] for test in own if test["mutation"])
        if of == requirement.id
    )
    return Row(requirement, outcomes, mutations)


def page(found: Iterable[Row], of: Page = PAGES[0]) -> str:
    """Return the whole page."""
    found = list(found)
    parts = [of.introduction, _summary(found)]
    for title in dict.fromkeys(row.requirement.title for row in found):
        parts.append(f"\n## {title}\n\n{_HEAD}")
        parts += [_line(row) for row in found if row.requirement.title == title]
    if of.inapplicable:
        parts.append("\n## ITK3 requirements that do not apply\n\n| Id | Why |\n|---|---|")
        parts += [f"| {identifier} | {why} |" for identifier, why in of.inapplicable.items()]
    return "\n".join(parts) + "\n"


def _summary(found: Sequence[Row]) -> str:
    standings = [row.requirement.standing for row in found]
    counts = ", ".join(f"{standings.count(each)} {each}" for each in dict.fromkeys(standings))
    tests = {test for row in found for test in row.outcomes}
    broken = sum(len(row.mutations) for row in found)
    return f"{len(found)} requirements: {counts}. Shown by {len(tests)} tests; {broken} facts broken and noticed."


def _line(row: Row) -> str:
    requirement = row.requirement
    tests = (f"`{test.removeprefix('tests/')}` {_result(outcomes)}" for test, outcomes in row.outcomes.items())
    mutations = (f"{what}: {noticed}" for what, noticed in row.mutations)
    cells = (
        requirement.id,
        requirement.meaning,
        requirement.binds,
        _standing(requirement),
        "<br>".join(sorted(tests)) or "none needed",
        "<br>".join(mutations),
    )
    return "| " + " | ".join(cells) + " |"


def _standing(requirement: Requirement) -> str:
    standing = f"**{requirement.standing}**" if requirement.standing != "conforms" else requirement.standing
    decision = f", decision {requirement.decision}" if requirement.decision else ""
    shown_as = f", as {requirement.shown_as}" if requirement.shown_as else ""
    return f"{standing}{shown_as}{decision}" + (f": {requirement.remark}" if requirement.remark else "")


def _result(outcomes: frozenset[str]) -> str:
    if "failed" in outcomes:
        return "**failed**"
    return "passed" if "passed" in outcomes else "skipped"


def run(workers: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the tests that show a requirement; return pytest's exit code and what they showed."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "shown.json")
        command = [sys.executable, "-m", "pytest", "-p", "tests.conformance.plugin", f"--conformance={file}"]
        command += ["--quiet", "-rfE", "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
        finished = subprocess.run(command, cwd=ROOT, check=False)
        return finished.returncode, json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def main() -> int:
    """Run, write the pages, and name what is not proved; the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/conformance.md and docs/conformance-documents.md.")
    parser.add_argument("--from", dest="file", type=Path, help="what a run of the tests showed; else they run now")
    file = parser.parse_args().file
    if file is None:
        exit_code, shown = run(os.environ.get("WORKERS", "2"))
    else:
        exit_code, shown = 0, json.loads(file.read_text(encoding="utf-8"))
    problems: list[str] = []
    for of in PAGES:
        found = rows(shown, of)
        problems += [f"{row.requirement.id} {problem}" for row in found for problem in row.problems]
        of.file.write_text(page(found, of), encoding="utf-8")
        print(_summary(found), file=sys.stderr)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if exit_code or problems else 0


if __name__ == "__main__":
    sys.exit(main())
