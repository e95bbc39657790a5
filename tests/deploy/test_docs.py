"""The pages that are written from the code are as the code is."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from deploy.docs import cli, codes, logs
from federated_sender.__main__ import main as sender_command
from federated_sender.events import EVENTS as SENDER
from registered_receiver.__main__ import main as receiver_command
from registered_receiver.events import EVENTS as RECEIVER


def test_the_page_of_log_lines_is_as_the_catalogues_are() -> None:
    written = logs.PAGE.read_text(encoding="utf-8")

    assert written == logs.page(), "docs/logs.md is stale: run `make docs`"


def test_the_page_of_log_lines_names_every_event() -> None:
    page = logs.page()

    assert [event.name for event in (*SENDER, *RECEIVER) if f"| `{event.name}` |" not in page] == []


def test_the_page_of_codes_is_as_the_catalogue_is() -> None:
    written = codes.PAGE.read_text(encoding="utf-8")

    assert written == codes.page(), "docs/codes.md is stale: run `make docs`"


def test_no_two_events_of_a_daemon_have_one_name() -> None:
    for catalogue in (SENDER, RECEIVER):
        names = [event.name for event in catalogue]

        assert len(names) == len(set(names))


def test_no_field_of_an_event_has_a_name_that_every_line_uses_itself() -> None:
    reserved = {"event", "level", "timestamp", "daemon", "dropped_fields"}

    clashes = {event.name: reserved & set(event.fields) for event in (*SENDER, *RECEIVER)}

    assert {name: fields for name, fields in clashes.items() if fields} == {}


def test_the_page_of_commands_is_as_the_commands_are() -> None:
    written = cli.PAGE.read_text(encoding="utf-8")

    assert written == cli.page(), "docs/cli.md is stale: run `make docs`"


@pytest.mark.parametrize("root", [sender_command, receiver_command], ids=lambda root: root.name)
def test_every_command_has_its_section_with_every_option_and_what_it_does(root: click.Group) -> None:
    sections = dict(re.findall(r"^### `(.*?)`\n(.*?)(?=^##|\Z)", cli.page(), re.MULTILINE | re.DOTALL))
    found = dict(cli.commands(root))

    assert found
    for words, command in found.items():
        assert command.help, words
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        unnamed = {option.opts[0] for option in options} - {"--env-file"}
        assert {name for name in unnamed if f"| `{name}" not in sections[words]} == set(), words


@pytest.mark.parametrize("root", [sender_command, receiver_command], ids=lambda root: root.name)
def test_the_shells_complete_commands_as_the_page_says(root: click.Group) -> None:
    name = str(root.name)
    (variable,) = re.findall(rf'^eval "\$\((\w+)=bash_source {name}\)"$', cli.page(), re.MULTILINE)
    typed = {variable: "bash_complete", "COMP_WORDS": f"{name} al", "COMP_CWORD": "1"}

    script = CliRunner().invoke(root, env={variable: "bash_source"}, prog_name=name)
    completed = CliRunner().invoke(root, env=typed, prog_name=name)

    assert f"complete -o nosort -F _{name.replace('-', '_')}_completion {name}" in script.stdout
    assert completed.stdout == "plain,alerts\n"
