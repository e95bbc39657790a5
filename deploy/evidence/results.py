"""Test results and conformance tables, read for people: JUnit's XML, and the tables of ``docs/conformance*.md``."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree


@dataclass(frozen=True)
class Table:
    """A table under its heading; the cells are HTML."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Results:
    """What a run of tests came to: module, name and outcome of each."""

    tests: tuple[tuple[str, str, str], ...]
    seconds: float

    def count(self, outcome: str) -> int:
        """Return how many tests ``passed``, ``failed`` or were ``skipped``."""
        return sum(each == outcome for _, _, each in self.tests)

    @property
    def bad(self) -> list[str]:
        """The tests that failed."""
        return [f"{module}::{name}" for module, name, outcome in self.tests if outcome == "failed"]

    def tables(self) -> list[Table]:
        """Return a table for each module, its tests in words."""
        modules: dict[str, list[tuple[str, ...]]] = {}
        for module, name, outcome in self.tests:
            words = html.escape(name.removeprefix("test_").replace("_", " "))
            modules.setdefault(module, []).append((words, outcome))
        return [Table(module, ("Test", "Outcome"), tuple(rows)) for module, rows in modules.items()]


def read_results(junit: Path) -> Results:
    """Return what a file of JUnit's XML says."""
    tree = etree.parse(junit)
    seconds = sum(float(each.get("time") or 0) for each in tree.iter("testsuite"))
    tests = ((each.get("classname") or "", each.get("name") or "", _outcome(each)) for each in tree.iter("testcase"))
    return Results(tuple(tests), round(seconds, 1))


def _outcome(case: etree._Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def read_tables(page: str) -> Iterator[Table]:
    """Give the tables of a page that ``make conformance`` wrote."""
    title, lines = "", []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            lines.append(line)
            continue
        if len(lines) > 1:
            head, _, *rows = (tuple(_cells(each)) for each in lines)
            yield Table(title, head, tuple(rows))
        lines = []
        if line.startswith("#"):
            title = line.lstrip("# ")


def summary(page: str) -> str:
    """Return the line of a conformance page that counts."""
    return next((line for line in page.splitlines() if re.match(r"[0-9]+ requirements: ", line)), "")


def _cells(line: str) -> Iterator[str]:
    for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")):
        text = html.escape(cell.strip().replace("\\|", "|"))
        text = text.replace("&lt;br&gt;", "<br>")
        text = re.sub(r"`([^`]*)`", r"<code>\1</code>", text)
        yield re.sub(r"\*\*([^*]*)\*\*", r"<strong>\1</strong>", text)
