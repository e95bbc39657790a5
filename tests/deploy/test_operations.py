"""The runbook has a section for every kind of alert, and its commands are ones that there are."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deploy.docs import cli
from federated_sender.__main__ import main as sender_command
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from registered_receiver.settings import ReceiverSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
RUNBOOK = PAGE.partition("\n# Runbook\n")[2]
MODULES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for package in ("federated_sender", "registered_receiver", "shared")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
}
# what a pattern in the code stands for; another one must be added here
PATTERNS = {
    "f'{level}_overdue'": {"infrastructure_overdue", "business_overdue"},
    "f'{what}_parked'": {"message_parked", "response_parked"},
    "f'{of.lower()}_refused'": {"mesh_refused", "pds_refused"},
}
# handed on from where it was named
HANDED_ON = {"kind", "need.kind", "self.kind"}


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module names."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                    found[target.id] = node.value.value
    return found


def constant(path: Path, words: str) -> str | None:
    """Return the text that ``NAME`` or ``module.NAME`` stands for in a module, None when it is none."""
    module, _, name = words.rpartition(".")
    if module:
        path = path.with_name(f"{module}.py")
    else:
        for node in MODULES[path].body:
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
                path = ROOT / f"{str(node.module).replace('.', '/')}.py"
    return constants(MODULES[path]).get(name) if path in MODULES else None


def named(call: ast.Call) -> Iterator[ast.expr]:
    """Give the expression of the kind in a call that opens an alert, or makes one to be opened."""
    function = ast.unparse(call.func).rpartition(".")[2]
    if function in ("AlertNeed", "_Standing") and call.args:
        yield call.args[0]
    if function == "open":
        yield from (keyword.value for keyword in call.keywords if keyword.arg == "kind")


def expressions(tree: ast.Module) -> Iterator[ast.expr]:
    """Give every expression of a module that names the kind of an alert."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from named(node)
        elif isinstance(node, ast.Dict):
            # {"kind": …, "subject_id": …} is given to open() and close()
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            if set(keys) == {"kind", "subject_id"}:
                yield node.values[keys.index("kind")]
        elif isinstance(node, ast.Assign):
            yield from assigned(node.targets[0], node.value)


def assigned(target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    """Give what a local ``kind`` is made of, also in ``kind, (…) = …, …``."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from assigned(each, part)
    elif isinstance(target, ast.Name) and target.id == "kind":
        yield value


def kinds() -> set[str]:
    """Return every kind of alert that the code opens, read from the code alone."""
    found: set[str] = set()
    for path, tree in MODULES.items():
        is_about_alerts = re.search("subject_id|AlertNeed", path.read_text(encoding="utf-8"))
        for expression in expressions(tree) if is_about_alerts else ():
            words = ast.unparse(expression)
            text = expression.value if isinstance(expression, ast.Constant) else constant(path, words)
            if isinstance(text, str):
                found.add(text)
            else:
                assert words in PATTERNS or words in HANDED_ON, f"this test must learn what {words} is in {path.name}"
                found |= PATTERNS.get(words, set())
    return found


def sections() -> dict[str, str]:
    """Return the runbook's sections by the kind that they are about."""
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def test_every_kind_of_alert_has_a_section_and_no_section_is_about_another() -> None:
    assert set(sections()) == kinds()


def test_the_kinds_are_found_in_every_way_that_the_code_names_them() -> None:
    in_each_way = {"not_sent", "business_overdue", "review_waiting", "response_undelivered", "mesh_refused"}

    assert in_each_way | {"clock_off", "patient_index_empty", "collection_failed", "parked"} <= kinds()


@pytest.mark.parametrize("kind", sorted(sections()))
def test_a_section_says_what_it_means_how_urgent_who_acts_what_to_do_and_how_it_closes(kind: str) -> None:
    meaning, _, points = sections()[kind].partition("- **Urgency**: ")
    names = re.findall(r"^- \*\*(.+?)\*\*: \S", f"- **Urgency**: {points}", re.MULTILINE)

    assert meaning.strip()
    assert names == ["Urgency", "Who acts", "Steps", "Closes"]
    assert re.match("now|today|this week", points)


def known(root: click.Group) -> dict[str, click.Command]:
    return {words.partition(" ")[2]: command for words, command in cli.commands(root)}


@pytest.mark.parametrize("root", [sender_command, receiver_command], ids=lambda root: root.name)
def test_every_command_of_the_guide_is_one_with_these_options(root: click.Group) -> None:
    commands = known(root)
    for line in re.findall(rf"{root.name} ((?:[a-z]+ ?)+[^`|\n]*)", PAGE):
        words = line.split()
        found = commands.get(" ".join(words[:2])) or commands.get(words[0])
        assert found is not None, line
        options = {name for param in found.params for name in param.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_link_within_the_guide_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings
    for file in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / file).exists(), file


def test_every_setting_of_the_guide_is_one() -> None:
    named_settings = set(re.findall(r"`((?:[A-Z]+_)+[A-Z]+)`", PAGE)) - {"REPORT_ID", "CONSULTATION_ID", "SUBJECT_ID"}

    assert named_settings <= SenderSettings.names() | ReceiverSettings.names()


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not here")
def test_the_guide_lists_what_the_lost_receiver_had_and_the_restored_one_has_not(tmp_path: Path) -> None:
    commands = re.search(r"^### A lost receiver$.*?^   ```sh\n(.*?)^   ```", PAGE, re.MULTILINE | re.DOTALL)
    collected = [
        {"event": "message.collected", "mesh_message_id": each, "sender_mailbox": "ALDERMB1"} for each in "BCA"
    ]
    programs = {
        "journalctl": ["Started registered-receiver@B82002.service.", *map(json.dumps, collected)],
        "registered-receiver": [json.dumps([{"mesh_message_id": each} for each in "CB"])],
    }
    for name, lines in programs.items():
        (tmp_path / f"{name}.out").write_text("\n".join(lines) + "\n")
        (tmp_path / name).write_text(f"#!/bin/sh\ncat {tmp_path}/{name}.out\n")
        (tmp_path / name).chmod(0o700)
    assert commands is not None

    done = subprocess.run(
        ["sh", "-e", "-c", commands[1]],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stderr, done.stdout.split("\t")[:2]) == ("", ["A", "ALDERMB1"])
    assert len(done.stdout.splitlines()) == 1
