"""The examples of the environment name every setting, no other, and each default as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from dotenv import dotenv_values

from federated_sender.settings import SenderSettings
from registered_receiver.settings import ReceiverSettings
from shared.config import PracticeSettings, load

EXAMPLES = Path(__file__).parents[2] / "deploy" / "env"
DAEMONS = pytest.mark.parametrize("settings", [SenderSettings, ReceiverSettings], ids=lambda each: each.daemon)


def example(settings: type[PracticeSettings]) -> Mapping[str, str]:
    values = dotenv_values(EXAMPLES / f"{settings.daemon}.env.example", interpolate=False)
    return {name: value or "" for name, value in values.items()}


def filled(settings: type[PracticeSettings], directory: Path) -> dict[str, str]:
    """Return what the examples leave to the practice."""
    federation = directory / "federation.csv"
    federation.write_text("ods_code,name,telephone\nB82002,Birch Surgery,01632 960020\n")
    values = {
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
        "MESH_URL": "https://mesh.example",
        "MESH_MAILBOX_ID": "ALDERMB1",
        "MESH_MAILBOX_PASSWORD": "a password",
        "MESH_SHARED_KEY": "a key",
        "STATE_DIRECTORY": str(directory),
    }
    return {name: value for name, value in values.items() if name in settings.names()}


@DAEMONS
def test_the_example_names_every_setting_and_no_other(settings: type[PracticeSettings]) -> None:
    named = set(example(settings))

    assert named == {name.upper() for name in settings.model_fields}


@DAEMONS
def test_the_example_with_the_blanks_filled_in_is_what_the_defaults_are(
    settings: type[PracticeSettings], tmp_path: Path
) -> None:
    blanks = filled(settings, tmp_path)

    loaded = load(settings, blanks, EXAMPLES / f"{settings.daemon}.env.example")

    assert loaded == load(settings, blanks)


@DAEMONS
def test_the_example_shows_every_default_and_gives_no_secret_mailbox_or_address(
    settings: type[PracticeSettings],
) -> None:
    given = {name for name, value in example(settings).items() if value}
    with_default = {
        name.upper() for name, field in settings.model_fields.items() if field.default and not field.is_required()
    }
    # its default depends on the command
    with_default -= {"LOG_LEVEL"}

    assert given == with_default


@DAEMONS
def test_every_setting_of_the_example_has_a_comment(settings: type[PracticeSettings]) -> None:
    lines = (EXAMPLES / f"{settings.daemon}.env.example").read_text().splitlines()
    paragraphs = "\n".join(lines).split("\n\n")

    with_settings = [part for part in paragraphs if any(not line.startswith("#") for line in part.splitlines())]

    assert with_settings
    assert all(part.startswith("# ") and "efault" in part for part in with_settings)
