"""The settings by which PDS is asked, and ``check --online``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federated_sender.__main__ import main
from federated_sender.settings import SenderSettings
from shared.config import load
from shared.errors import ConfigurationError
from tests.fakes.pds_server import API_KEY, KEY_ID, PdsServer, Reply, make_key, pem, running_pds
from tests.federated_sender.test_commands import settings

FIVE = ("PDS_URL", "PDS_TOKEN_URL", "PDS_API_KEY", "PDS_KEY_ID", "PDS_PRIVATE_KEY_FILE")


@pytest.fixture
def live(signing_key: RSAPrivateKey) -> Iterator[PdsServer]:
    """Give a PDS that lives by the clock of the machine, as a command does."""
    with running_pds(lambda: datetime.now(UTC), signing_key) as server:
        yield server


def asking(directory: Path, key: bytes, url: str = "https://pds.example", **changes: str) -> dict[str, str]:
    file = directory / "pds.key"
    file.write_bytes(key)
    values = {
        "PDS_MODE": "fhir",
        "PDS_URL": f"{url}/personal-demographics/FHIR/R4/",
        "PDS_TOKEN_URL": f"{url}/oauth2/token",
        "PDS_API_KEY": API_KEY,
        "PDS_KEY_ID": KEY_ID,
        "PDS_PRIVATE_KEY_FILE": str(file),
    }
    return settings(directory) | values | changes


def faults(values: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(SenderSettings, values)
    return {fault.where: fault.rule for fault in caught.value.faults}


def test_everything_that_is_needed_to_ask_pds_is_taken(tmp_path: Path, signing_key: RSAPrivateKey) -> None:
    values = asking(tmp_path, pem(signing_key))

    loaded = load(SenderSettings, values)

    assert loaded.pds_url == "https://pds.example/personal-demographics/FHIR/R4"
    assert loaded.pds_rate_limit == 5
    assert API_KEY not in repr(loaded)


@pytest.mark.parametrize("missing", FIVE)
def test_a_setting_that_is_missing_is_named(tmp_path: Path, signing_key: RSAPrivateKey, missing: str) -> None:
    assert faults(asking(tmp_path, pem(signing_key), **{missing: ""})) == {missing: "is required with PDS_MODE=fhir"}


def test_all_settings_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    found = faults(settings(tmp_path) | {"PDS_MODE": "fhir", "PRACTICE_NAME": ""})

    assert set(found) == {*FIVE, "PRACTICE_NAME"}


def test_none_is_needed_when_the_row_is_trusted(tmp_path: Path) -> None:
    assert load(SenderSettings, settings(tmp_path) | {"PDS_MODE": "outbox"}).pds_mode == "outbox"


def test_the_api_key_may_come_from_a_file(tmp_path: Path, signing_key: RSAPrivateKey) -> None:
    file = tmp_path / "api.key"
    file.write_text(f"{API_KEY}\n")

    loaded = load(SenderSettings, asking(tmp_path, pem(signing_key), PDS_API_KEY="", PDS_API_KEY_FILE=str(file)))

    assert loaded.pds_api_key is not None
    assert loaded.pds_api_key.get_secret_value() == API_KEY


@pytest.mark.parametrize("name", ["PDS_URL", "PDS_TOKEN_URL"])
@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://pds.example/FHIR/R4", "is plain http to another machine; only https may leave this one"),
        ("pds.example", "is not an https URL"),
        ("https://user:word@pds.example/FHIR", "has more than scheme, host and path"),
        ("https://pds.example/FHIR?key=1", "has more than scheme, host and path"),
    ],
)
def test_an_address_that_could_leak_is_refused(
    tmp_path: Path, signing_key: RSAPrivateKey, name: str, url: str, rule: str
) -> None:
    assert faults(asking(tmp_path, pem(signing_key), **{name: url})) == {name: rule}


def test_a_key_that_cannot_sign_is_named_without_its_content(tmp_path: Path) -> None:
    short = pem(make_key(1024))

    assert faults(asking(tmp_path, short)) == {"PDS_PRIVATE_KEY_FILE": "must hold an RSA key of at least 2048 bits"}
    assert faults(asking(tmp_path, b"a secret")) == {"PDS_PRIVATE_KEY_FILE": "must hold a private key in PEM form"}


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path, signing_key: RSAPrivateKey) -> None:
    values = asking(tmp_path, pem(signing_key), PDS_PRIVATE_KEY_FILE=f"{tmp_path}/nowhere")

    assert faults(values) == {"PDS_PRIVATE_KEY_FILE": "names a file that is not there"}


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_the_rate_limit_is_a_number_above_nothing(tmp_path: Path, signing_key: RSAPrivateKey, limit: str) -> None:
    assert list(faults(asking(tmp_path, pem(signing_key), PDS_RATE_LIMIT=limit))) == ["PDS_RATE_LIMIT"]


def check(values: dict[str, str], directory: Path) -> Result:
    file = directory / "sender.env"
    file.write_text("\n".join(f"{name}={value}" for name, value in values.items()), encoding="utf-8")
    return CliRunner().invoke(main, ["--env-file", str(file), "check", "--online"], env=dict.fromkeys(values))


def test_check_online_asks_pds_for_nobody_even_before_the_database_is_there(
    tmp_path: Path, live: PdsServer, signing_key: RSAPrivateKey, database_url: str
) -> None:
    result = check(asking(tmp_path, pem(signing_key), live.url, DATABASE_URL=database_url), tmp_path)

    assert "ok  PDS: it gave a token and answers" in result.output
    assert [asked.path.rpartition("/")[2] for asked in live.asked] == ["9000000000"]
    assert live.faults == []


def test_check_online_says_what_pds_refuses_and_where_to_look(
    tmp_path: Path, live: PdsServer, signing_key: RSAPrivateKey
) -> None:
    live.always = Reply(403)

    result = check(asking(tmp_path, pem(signing_key), live.url), tmp_path)

    assert "BAD PDS: PDS answers 403, no code; check PDS_URL" in result.output
    assert result.exit_code == 1


def test_check_online_does_not_speak_of_pds_when_the_row_is_trusted(tmp_path: Path) -> None:
    assert "PDS:" not in check(settings(tmp_path), tmp_path).output
