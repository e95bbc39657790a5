"""The page about the harnesses names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from federated_sender.__main__ import main as sender_command
from federated_sender.harness_catalogue import GOOD
from registered_receiver.__main__ import main as receiver_command
from registered_receiver.harness_choice import NAMES
from shared.itk3.codes import RESPONSE_CODES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "harness.md").read_text(encoding="utf-8")


def test_every_option_of_the_page_is_one_and_every_one_is_on_the_page() -> None:
    commands = (sender_command.commands["harness"], receiver_command.commands["harness"])
    options = {name for command in commands for param in command.params for name in param.opts}

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) == options


def test_every_name_that_decides_is_on_the_page() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))

    assert set(NAMES) - set(RESPONSE_CODES) <= named
    assert {min(RESPONSE_CODES), max(RESPONSE_CODES)} <= named


def test_the_commands_of_the_page_choose_exemplars_that_there_are() -> None:
    chosen = re.findall(r"--only ([a-z-]+)", PAGE)

    assert chosen
    assert set(chosen) <= set(GOOD)
