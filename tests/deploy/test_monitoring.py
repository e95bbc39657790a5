"""The alert rules, the dashboard and the queries speak of metrics, events and fields that there are."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from ruamel.yaml import YAML

from federated_sender import states as sender_states
from federated_sender.events import EVENTS as SENDER
from registered_receiver import states as receiver_states
from registered_receiver.events import EVENTS as RECEIVER
from shared import log
from shared.catalogue import EVENTS as LIBRARY
from shared.heartbeat import Backlog, Heartbeat
from shared.log import Event, emit
from shared.metrics import Figures, endpoint
from shared.service import ServiceManager
from shared.setting_types import Address
from shared.vitals import Latencies, Vitals
from tests.fakes.clock import MovableClock

# `make test` brings it
PROMTOOL = shutil.which("promtool", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
MONITORING = Path(__file__).parents[2] / "deploy/monitoring"
README = (MONITORING / "README.md").read_text()
CATALOGUE = {event.name: event for event in (*SENDER, *RECEIVER, *LIBRARY)}
ON_EVERY_LINE = {"timestamp", "level", "daemon", "event"}
# given by whoever collects, and words of the query languages
LABELS_OF_COLLECTORS = {"practice", "daemon"}
RULES = YAML(typ="safe").load((MONITORING / "prometheus-rules.yml").read_text())
LOKI_RULES = YAML(typ="safe").load((MONITORING / "loki-rules.yml").read_text())
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())

DURATION = re.compile(r"\d+[smhdw]")
METRIC = re.compile(r"\bfederated_consultation_\w+")
STATES = {str(state) for each in (sender_states.State, receiver_states.MessageState) for state in each} | {"responses"}


def rules(document: Any) -> Iterator[dict[str, Any]]:
    for group in document["groups"]:
        yield from group["rules"]


def promql() -> dict[str, str]:
    found = {rule["alert"]: rule["expr"] for rule in rules(RULES)}
    return found | {title: expr for title, kind, expr in panels() if kind == "prometheus"}


def logql() -> dict[str, str]:
    found = {rule["alert"]: rule["expr"] for rule in rules(LOKI_RULES)}
    found |= {title: expr for title, kind, expr in panels() if kind == "loki"}
    (block,) = re.findall(r"^```logql\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return found | {line: line for line in block.splitlines()}


def panels() -> Iterator[tuple[str, str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["datasource"]["type"], target["expr"]


def jq_programs() -> list[str]:
    return re.findall(r"jq -R '(.*?)'$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def scraped() -> dict[str, set[str]]:
    """Return the labels of each metric, as a real scrape of a working daemon has them."""
    clock = MovableClock()
    vitals = Vitals(clock)
    vitals.expect("collect", timedelta(minutes=5))
    vitals.ended("collect", well=True)
    vitals.ended("collect", well=False)
    latencies = Latencies()
    latencies.took("send", timedelta(seconds=3))
    figures = Figures(
        clock, vitals, lambda: Backlog({"queued": 2}, clock(), 1, 3), lambda: {"delivered": 40}, latencies
    )
    with endpoint(Address("127.0.0.1", 0), figures) as address:
        text = httpx.get(f"http://{address.host}:{address.port}/metrics", trust_env=False).text
    lines = re.findall(r"^(federated_consultation_\w+)(?:\{(.*)\})? ", text, re.MULTILINE)
    return {name: set(re.findall(r"(\w+)=", labels)) for name, labels in lines}


@pytest.fixture(scope="module")
def documented(scraped: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the metrics as the page names them: a histogram is one, whose buckets, sum and count go without saying."""
    folded = {name: labels for name, labels in scraped.items() if "_mesh_call_seconds_" not in name}
    return folded | {"federated_consultation_mesh_call_seconds": {"call"}}


@pytest.fixture(scope="module")
def logged() -> Iterator[str]:
    """Give what a daemon logs: a heartbeat with a late job, and every other event with all of its fields."""
    stream = io.StringIO()
    log.configure("debug", "json", "federated-sender", stream)
    clock = MovableClock()
    backlog = Backlog({"queued": 2}, clock() - timedelta(hours=1), 1, 3)
    Heartbeat(timedelta(minutes=5), clock, lambda: ["collect"], ServiceManager({}), lambda: backlog).beat()
    for event in CATALOGUE.values():
        emit(event, **{field: field for field in event.fields})
    yield stream.getvalue()
    structlog.reset_defaults()


def fields_of(events: set[str]) -> set[str]:
    named: list[Event] = [CATALOGUE[name] for name in events] if events else list(CATALOGUE.values())
    return ON_EVERY_LINE.union(*(event.fields for event in named))


def events_in(query: str) -> set[str]:
    return {name for words in re.findall(r'event *=[=~]? *"([^"]+)"', query) for name in words.split("|")}


@pytest.mark.parametrize("document", [RULES, LOKI_RULES], ids=["prometheus", "loki"])
def test_the_rules_have_the_shape_that_a_ruler_takes(document: Any) -> None:
    names = [rule["alert"] for rule in rules(document)]

    assert set(document) == {"groups"}
    assert names
    assert len(names) == len(set(names))
    for rule in rules(document):
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"[A-Za-z]\w*", rule["alert"])
        assert DURATION.fullmatch(rule.get("for", "0m")), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        for text in rule["annotations"].values():
            assert text.count("{{") == text.count("}}"), rule["alert"]


@pytest.mark.parametrize("expr", [*promql().values(), *logql().values()], ids=[*promql(), *logql()])
def test_every_bracket_of_an_expression_is_closed(expr: str) -> None:
    bare = re.sub(r'"[^"]*"|`[^`]*`', "", expr)

    assert [bare.count(left) - bare.count(right) for left, right in ("()", "{}", "[]")] == [0, 0, 0]


@pytest.mark.parametrize("expr", promql().values(), ids=promql())
def test_every_metric_and_label_is_in_a_real_scrape(expr: str, scraped: dict[str, set[str]]) -> None:
    named = set(METRIC.findall(expr))
    labels = {label for each in named for label in scraped[each]} | LABELS_OF_COLLECTORS
    asked = re.findall(r"(\w+) *(?:=~|=|!=|!~) *\"", expr)
    states = {word for words in re.findall(r'state=~?"([^"]+)"', expr) for word in words.split("|")}

    assert named or expr.startswith("up{")
    assert set(asked) <= labels | ({"job"} if not named else set())
    assert states <= STATES


def test_the_rules_speak_of_every_metric_but_the_time_of_the_last_success(documented: dict[str, set[str]]) -> None:
    named = {name.removesuffix("_bucket") for rule in rules(RULES) for name in METRIC.findall(rule["expr"])}

    assert set(documented) - named == {"federated_consultation_job_last_success_timestamp_seconds"}


def test_the_readme_lists_every_metric_with_its_labels(documented: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| `(federated_consultation_\w+)` \| (.*?) ?\|", README, re.MULTILINE)

    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == documented


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")
def test_no_rule_alarms_on_a_good_day_and_every_rule_on_a_bad_one(tmp_path: Path) -> None:
    firing = [{"labels": f'{{alertname="{rule["alert"]}"}}', "value": 1} for rule in rules(RULES)]
    days = (Path(__file__).parent / "prometheus-rules.test.yml").read_text()
    days = days.replace("RULES", str(MONITORING / "prometheus-rules.yml")).replace("FIRING", json.dumps(firing))
    (tmp_path / "days.yml").write_text(days)

    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", tmp_path / "days.yml"], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("query", logql().values(), ids=logql())
def test_every_event_and_field_of_a_loki_query_is_logged(query: str) -> None:
    events = events_in(query)
    fields = {*re.findall(r"\{\{\.(\w+)\}\}", query), *re.findall(r"unwrap (\w+)", query)}
    fields |= {word for words in re.findall(r"by \(([\w, ]+)\)", query) for word in words.split(", ")}

    assert events <= set(CATALOGUE)
    assert fields - LABELS_OF_COLLECTORS <= fields_of(events)


def test_the_line_filter_for_late_jobs_finds_a_real_heartbeat(logged: str) -> None:
    (pattern,) = {found for query in logql().values() for found in re.findall(r"\|~ `(.+?)`", query)}
    beats = [line for line in logged.splitlines() if "daemon.heartbeat" in line]

    assert re.search(pattern, beats[0])
    assert not re.search(pattern, beats[0].replace('["collect"]', "[]"))


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not here")
@pytest.mark.parametrize("program", jq_programs())
def test_every_query_of_the_journal_finds_its_lines_with_every_field(program: str, logged: str) -> None:
    journal = f"Started federated-sender@A81001.service.\n{logged}"
    wanted = set(re.findall(r"\w+", program.rpartition("{")[2]))

    done = subprocess.run(["jq", "-c", "-R", program], input=journal, capture_output=True, text=True, timeout=60)

    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert found
    assert wanted == {name for line in found for name, value in line.items() if value is not None}


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}

    assert {"title", "uid", "schemaVersion", "templating", "panels", "time"} <= set(DASHBOARD)
    assert len(ids) == len(set(ids))
    for panel in DASHBOARD["panels"]:
        assert set(panel["gridPos"]) == {"x", "y", "w", "h"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert set(re.findall(r"\$\{?(\w+)", json.dumps(panel))) <= variables


def test_every_rule_that_points_to_the_runbook_finds_its_heading() -> None:
    runbook = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    named = {
        heading
        for document in (RULES, LOKI_RULES)
        for rule in rules(document)
        for heading in re.findall(r'docs/operations\.md, "(.+?)"', rule["annotations"]["description"])
    }

    assert named
    assert {heading for heading in named if not re.search(rf"^#+ {heading}$", runbook, re.MULTILINE)} == set()


def test_the_scrape_gives_the_labels_that_rules_and_dashboard_use() -> None:
    (job,) = YAML(typ="safe").load((MONITORING / "prometheus-scrape.yml").read_text())

    assert all(set(target["labels"]) == LABELS_OF_COLLECTORS for target in job["static_configs"])
    assert f'up{{job="{job["job_name"]}"}}' in (MONITORING / "prometheus-rules.yml").read_text()
