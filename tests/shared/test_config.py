"""Settings: every fault at once, nothing quoted, secrets from files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shared.config import PracticeSettings, load
from shared.errors import ConfigurationError
from shared.setting_types import PeriodOf


class ExampleSettings(PracticeSettings):
    daemon: ClassVar[str] = "example"

    patience: PeriodOf = timedelta(days=1)


def environment(directory: Path, **changes: str) -> dict[str, str]:
    return {
        "HOME": str(directory),
        "PRACTICE_ODS_CODE": "a81001",
        "MESH_URL": "https://mesh.example.org/",
        "MESH_MAILBOX_ID": "aldermb1",
        "MESH_MAILBOX_PASSWORD": "secret-1",
        "MESH_SHARED_KEY": "secret-2",
    } | changes


def faults_of(environ: dict[str, str], env_file: Path | None = None) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(ExampleSettings, environ, env_file)
    return {fault.where: fault.rule for fault in caught.value.faults}


def test_defaults_are_the_contracts(tmp_path: Path) -> None:
    settings = load(ExampleSettings, environment(tmp_path))

    assert settings.state_directory == tmp_path / ".local/state/example"
    assert settings.database_url.get_secret_value() == f"sqlite:///{tmp_path}/.local/state/example/example.sqlite3"
    assert settings.mesh_poll_interval == timedelta(minutes=5)
    assert settings.mesh_workflow_id == "GPFED_CONSULT_REPORT"
    assert settings.max_message_size == 20_000_000
    assert (settings.log_level, settings.log_format) == ("info", "json")
    assert (settings.practice_ods_code, settings.mesh_mailbox_id) == ("A81001", "ALDERMB1")


def test_the_state_lies_where_systemd_or_xdg_say(tmp_path: Path) -> None:
    by_xdg = load(ExampleSettings, environment(tmp_path, XDG_STATE_HOME="/xdg"))
    by_systemd = load(ExampleSettings, environment(tmp_path, STATE_DIRECTORY="/var/lib/one:/var/lib/two"))

    assert by_xdg.state_directory == Path("/xdg/example")
    assert by_systemd.state_directory == Path("/var/lib/one")


def test_the_environment_beats_the_env_file_and_empty_is_unset(tmp_path: Path) -> None:
    file = tmp_path / "example.env"
    file.write_text("# a comment\nMESH_WORKFLOW_ID=FROM_FILE\nLOG_LEVEL=DEBUG\nPATIENCE=\n", encoding="utf-8")

    settings = load(ExampleSettings, environment(tmp_path, LOG_LEVEL="error", MESH_WORKFLOW_ID=""), file)

    assert (settings.mesh_workflow_id, settings.log_level, settings.patience) == (
        "FROM_FILE",
        "error",
        timedelta(days=1),
    )


def test_every_fault_is_named_at_once_and_no_value_is_quoted(tmp_path: Path) -> None:
    environ = environment(
        tmp_path,
        PRACTICE_ODS_CODE="nonsense!",
        MESH_URL="ftp://nonsense",
        MESH_POLL_INTERVAL="PT0S",
        MAX_MESSAGE_SIZE="nonsense",
        LOG_LEVEL="nonsense",
        DATABASE_URL="mysql://nonsense:nonsense@db/nonsense",
        PATIENCE="nonsense",
        MESH_CA_FILE="/nonsense",
    )
    del environ["MESH_MAILBOX_ID"]

    faults = faults_of(environ)

    assert set(faults) == {
        "PRACTICE_ODS_CODE", "MESH_URL", "MESH_POLL_INTERVAL", "MAX_MESSAGE_SIZE", "LOG_LEVEL", "DATABASE_URL",
        "PATIENCE", "MESH_CA_FILE", "MESH_MAILBOX_ID",
    }  # fmt: skip
    assert "nonsense" not in " ".join(faults.values())
    assert faults["MESH_MAILBOX_ID"] == "is required"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8700", "http://localhost:8700", "http://[::1]:8700"])
def test_plain_http_is_for_this_machine_only(tmp_path: Path, url: str) -> None:
    assert load(ExampleSettings, environment(tmp_path, MESH_URL=url)).mesh_url == url
    assert "MESH_URL" in faults_of(environment(tmp_path, MESH_URL="http://mesh.example.org"))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("postgresql+psycopg://user:pass@db/messaging", True),
        ("sqlite:////var/lib/messaging/state.sqlite3", True),
        ("sqlite:///relative.sqlite3", False),
        ("sqlite://", False),
        ("postgresql://db/messaging", False),
        ("nonsense", False),
    ],
)
def test_the_database_is_sqlite_by_an_absolute_path_or_postgresql(tmp_path: Path, url: str, good: bool) -> None:
    environ = environment(tmp_path, DATABASE_URL=url)

    if good:
        assert load(ExampleSettings, environ).database_url.get_secret_value() == url
    else:
        assert set(faults_of(environ)) == {"DATABASE_URL"}


def test_a_secret_may_come_from_a_file_less_one_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n\n", encoding="utf-8")
    environ = environment(tmp_path, MESH_MAILBOX_PASSWORD_FILE=str(tmp_path / "password"))
    del environ["MESH_MAILBOX_PASSWORD"]

    settings = load(ExampleSettings, environ)

    assert settings.mesh_mailbox_password.get_secret_value() == "from a file\n"


def test_a_secret_given_twice_or_by_an_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    environ = environment(
        tmp_path, MESH_MAILBOX_PASSWORD_FILE=str(tmp_path), MESH_SHARED_KEY_FILE=str(tmp_path / "none")
    )
    del environ["MESH_SHARED_KEY"]

    assert set(faults_of(environ)) == {"MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY_FILE"}


def test_secrets_do_not_show(tmp_path: Path) -> None:
    assert "secret-" not in repr(load(ExampleSettings, environment(tmp_path)))


@pytest.mark.parametrize("name", ["MESH_URLL", "mesh_mailbox_id", "MESH_MAILBOX_PASWORD", "LOGLEVEL"])
def test_a_name_that_nearly_matches_is_a_fault_that_names_the_right_one(tmp_path: Path, name: str) -> None:
    faults = faults_of(environment(tmp_path, **{name: "x"}))

    assert faults[name].startswith("is not a setting; ")


@pytest.mark.parametrize("name", ["CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "PATH", "OUTBOX_POLL_INTERVAL", "HOME"])
def test_what_others_put_into_the_environment_is_left_alone(tmp_path: Path, name: str) -> None:
    settings = load(ExampleSettings, environment(tmp_path, **{name: str(tmp_path)}))

    assert settings.practice_ods_code == "A81001"


@pytest.mark.parametrize(
    ("name", "value"), [("PATIENCE", "-P1D"), ("MAX_MESSAGE_SIZE", "0MB"), ("MESH_POLL_INTERVAL", "-PT5M")]
)
def test_what_makes_no_sense_is_a_fault(tmp_path: Path, name: str, value: str) -> None:
    assert set(faults_of(environment(tmp_path, **{name: value}))) == {name}


def test_a_line_of_the_env_file_that_says_nothing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "odd.env"
    file.write_text("LOG_LEVEL=info\nSEND_DELAY PT9H\n", encoding="utf-8")

    assert faults_of(environment(tmp_path), file) == {f"{file} line 2": "is not NAME=value"}


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("x", encoding="utf-8")

    faults = faults_of(environment(tmp_path, MESH_CLIENT_CERT_FILE=str(tmp_path / "cert.pem")))

    assert faults == {"MESH_CLIENT_KEY_FILE": "is required, since MESH_CLIENT_CERT_FILE is set"}


def test_an_env_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "binary.env").write_bytes(b"\xff\xfe\x00")

    assert set(faults_of({}, tmp_path / "none.env")) == {"--env-file"}
    assert set(faults_of({}, tmp_path / "binary.env")) == {"--env-file"}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("PT24H", datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        ("P1M", datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)),
        ("P8Y", datetime(2024, 2, 29, tzinfo=UTC), datetime(2032, 2, 29, tzinfo=UTC)),
    ],
)
def test_years_and_months_are_calendar_ones(tmp_path: Path, text: str, start: Any, end: Any) -> None:
    settings = load(ExampleSettings, environment(tmp_path, PATIENCE=text))

    assert start + settings.patience == end
