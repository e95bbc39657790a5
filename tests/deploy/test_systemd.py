"""The systemd units: accepted by systemd's own tools, sandboxed, and restarted when that can help."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
from pathlib import Path

import pytest

from federated_sender.settings import SenderSettings
from registered_receiver.settings import ReceiverSettings
from shared.cli import EXIT_CONFIGURATION
from shared.config import PracticeSettings
from shared.mesh.connection import LONGEST_CALL

UNITS = Path(__file__).parents[2] / "deploy/systemd"
DAEMONS = pytest.mark.parametrize("settings", [SenderSettings, ReceiverSettings], ids=lambda each: each.daemon)
PROCESSES = pytest.mark.parametrize("process", ["", "-web"], ids=["daemon", "web"])


class Unit(configparser.RawConfigParser):
    """A unit's sections; a name that stands several times has all its values, a line each."""

    def __init__(self, text: str) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.text = text
        self.read_string(text)

    def all(self, name: str) -> list[str]:
        return re.findall(rf"^{name}=(.*)$", self.text, re.MULTILINE)


def unit(settings: type[PracticeSettings], process: str = "") -> Unit:
    return Unit((UNITS / f"{settings.daemon}{process}@.service").read_text())


@pytest.fixture
def copy(settings: type[PracticeSettings], process: str, tmp_path: Path) -> Path:
    """A copy whose program is there: systemd's tools look for it."""
    copied = tmp_path / f"{settings.daemon}{process}@.service"
    text = unit(settings, process).text
    copied.write_text(re.sub("^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    return copied


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


@PROCESSES
@DAEMONS
def test_systemd_finds_no_fault(settings: type[PracticeSettings], copy: Path) -> None:
    done = analyze("verify", "--man=no", copy)

    assert settings.daemon not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


@PROCESSES
@DAEMONS
def test_the_sandbox_leaves_an_exposure_of_at_most_one_and_a_half(settings: type[PracticeSettings], copy: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", copy)

    assert done.returncode == 0, done.stdout


@DAEMONS
def test_it_is_restarted_unless_the_settings_cannot_be_used(settings: type[PracticeSettings]) -> None:
    service = unit(settings)["Service"]

    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == str(EXIT_CONFIGURATION)
    assert service["Type"] == "notify"
    assert service["KillMode"] == "mixed"
    assert service["ExecStart"].endswith(f"/{settings.daemon} run")


@DAEMONS
def test_the_pages_have_the_daemons_user_and_state_and_no_secret_of_mesh(
    settings: type[PracticeSettings],
) -> None:
    pages, daemon = unit(settings, "-web"), unit(settings)
    service = pages["Service"]

    for shared in ("User", "StateDirectory", "EnvironmentFile", "Type", "Restart", "RestartPreventExitStatus"):
        assert service[shared] == daemon["Service"][shared]
    assert service["ExecStart"].endswith(f"/{settings.daemon} web")
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")
    assert pages.all("LoadCredential") == []
    assert {line.split("=", 1)[0] for line in pages.all("Environment")} <= settings.names()


@DAEMONS
def test_a_running_step_may_be_finished(settings: type[PracticeSettings]) -> None:
    stop_within = unit(settings)["Service"]["TimeoutStopSec"]

    assert stop_within.endswith("min")
    assert int(stop_within.removesuffix("min")) * 60 > LONGEST_CALL.total_seconds()


@DAEMONS
def test_every_secret_comes_as_a_credential_and_every_variable_is_a_setting(settings: type[PracticeSettings]) -> None:
    service = unit(settings)
    given = dict(line.split("=", 1) for line in service.all("Environment"))
    credentials = {line.split(":", 1)[0] for line in service.all("LoadCredential")}

    assert set(given) <= settings.names()
    assert {value.removeprefix("%d/") for value in given.values()} == credentials
    assert {"MESH_MAILBOX_PASSWORD_FILE", "MESH_SHARED_KEY_FILE", "MESH_CLIENT_KEY_FILE"} <= set(given)


def practice(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a systemctl that shows the real unit, and a systemd-run that tells what it was given."""
    programs = {
        "systemctl": f'#!/bin/sh\ncat "{UNITS}/${{2%@*}}@.service"\n',
        "systemd-run": "#!/bin/sh\nprintf '%s\\n' \"$@\"\n",
    }
    for name, text in programs.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o700)
    path = f"{directory}:{os.environ['PATH']}"
    command = [UNITS / "practice", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": path})


def test_a_command_gets_the_settings_secrets_user_and_state_of_the_service(tmp_path: Path) -> None:
    done = practice(tmp_path, "federated-sender", "A81001", "delete", "a consultation")

    given = done.stdout.splitlines()
    (unit_name,) = (given[at + 1] for at, each in enumerate(given) if each == "--unit")
    assert done.returncode == 0, done.stderr
    assert given[-3:] == ["/opt/federated-consultation/bin/federated-sender", "delete", "a consultation"]
    assert "User=fs-A81001" in given
    assert "StateDirectory=federated-sender/A81001" in given
    assert "EnvironmentFile=/etc/federated-sender/A81001.env" in given
    secret = "/etc/federated-sender/A81001.secrets/mesh-shared-key"
    assert f"LoadCredential=mesh-shared-key:{secret}" in given
    assert f"Environment=MESH_SHARED_KEY_FILE=/run/credentials/{unit_name}.service/mesh-shared-key" in given
    assert "%" not in done.stdout


def test_a_command_of_the_guide_finds_its_files_where_its_service_may_read_them() -> None:
    guide = (UNITS.parent / "install.md").read_text()
    commands = re.findall(r"^deploy/systemd/practice (\S+) (\S+) (.*)$", guide, re.MULTILINE)
    with_files = [(daemon, code, path) for daemon, code, rest in commands for path in re.findall(r"/\S+", rest)]

    assert len(with_files) == 2
    for daemon, code, path in with_files:
        # ProtectHome, PrivateTmp and the dynamic user leave a service nothing else for files that hold patient data
        assert path.startswith(f"/var/lib/{daemon}/{code}/"), path
        assert Unit((UNITS / f"{daemon}@.service").read_text())["Service"]["StateDirectory"] == f"{daemon}/%i"


@pytest.mark.parametrize("arguments", [(), ("federated-sender", "A81001"), ("another", "A81001", "status")])
def test_a_command_that_cannot_be_understood_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert practice(tmp_path, *arguments).returncode == 2
