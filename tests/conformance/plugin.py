"""A pytest plugin that runs the tests that show a requirement and writes down what each of them showed.

``pytest -p tests.conformance.plugin --conformance FILE``: a JSON list of tests with ids, outcome and mutation. With
``--whole`` all the other tests run as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conformance.requirements import DOCUMENT_REQUIREMENTS, REQUIREMENTS

MOST_IDS = 5
"""A test that shows more than this shows none of them."""
NO_PARAMETERS = SimpleNamespace(params={})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="run the tests that show no requirement, too")
    parser.addoption("--conformance", type=Path, required=True, help="the file to write what was shown to")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept = [item for item in items if ids_of(item) and not repeats(item)]
    for item in kept:
        item.user_properties.append(("requirements", ids_of(item)))
    if config.getoption("--whole"):
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    faults = faults_of(ids_of(item))
    if faults:
        pytest.fail("; ".join(faults), pytrace=False)


def repeats(item: pytest.Item) -> bool:
    """Say whether a test is run on SQLite as well: what a message says does not depend on the database."""
    return (
        isinstance(item, pytest.Function) and "postgresql" in getattr(item, "callspec", NO_PARAMETERS).params.values()
    )


def ids_of(item: pytest.Item) -> list[str]:
    """Return the requirements that a test says it shows, each once."""
    return sorted({identifier for mark in item.iter_markers("requirement") for identifier in mark.args})


def faults_of(ids: list[str]) -> list[str]:
    unknown = [identifier for identifier in ids if identifier not in REQUIREMENTS | DOCUMENT_REQUIREMENTS]
    faults = [f"shows {identifier}, which no list has" for identifier in unknown]
    return faults + ([f"shows more than {MOST_IDS} requirements"] if len(ids) > MOST_IDS else [])


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of xdist reports to the process that writes
        config.pluginmanager.register(Recorder(config.getoption("--conformance")))


class Recorder:
    """Keeps the outcome of every test: that of its call, or of the set-up that kept it from being called."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._shown: dict[str, dict[str, Any]] = {}
        self._cases: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        facts = dict(report.user_properties)
        if "requirements" in facts and (report.when == "call" or report.outcome != "passed"):
            self._cases = facts.get("cases") or self._cases
            self._shown[report.nodeid] = {
                "test": report.nodeid.partition("[")[0],
                "requirements": facts["requirements"],
                "mutation": facts.get("mutation"),
                "outcome": report.outcome,
            }

    def pytest_sessionfinish(self) -> None:
        shown = [self._shown[name] for name in sorted(self._shown)]
        self._file.write_text(json.dumps(shown, indent=1), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how often the arbitrary consultations were a case of what must not be missed."""
        shares = ", ".join(f"{name} {share} %" for name, share in self._cases.items() if name != "all")
        if shares:
            terminalreporter.write_line(f"{self._cases['all']} arbitrary consultations: {shares}")
