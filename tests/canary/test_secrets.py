"""No secret is seen anywhere: canary secrets, every command of both daemons, and every failure with them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from deploy.docs.cli import commands
from federated_sender.__main__ import main as sender_command
from federated_sender.pds_client import PdsAddress
from federated_sender.pds_token import Application
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from shared.alert_mail import open_mailer
from shared.checks import secret_checks
from shared.config import load
from shared.connect import account_of
from shared.db import Database
from shared.errors import ConfigurationError
from shared.mesh.__main__ import main as mesh_command
from tests.canary.net import Net
from tests.canary.site import DATABASE_PASSWORD, KEY, KEY_LINES, PASSPHRASE, SECRETS, Quoting, Site, secrets_in
from tests.fakes.pds_server import pem
from tests.federated_sender.bench import consultation
from tests.federated_sender.command_line import FEDERATION
from tests.federated_sender.command_line import write as write_consultations


@pytest.fixture(scope="module")
def quoting() -> Iterator[str]:
    """Give the address of whoever stands in the way to MESH and PDS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Quoting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.fixture(params=["by file", "in the env file"])
def site(request: pytest.FixtureRequest, tmp_path: Path, quoting: str) -> Site:
    federation = tmp_path / "federation.csv"
    federation.write_text(FEDERATION)
    key = tmp_path / "pds.key"
    key.write_bytes(pem(KEY))
    values = {
        "STATE_DIRECTORY": f"{tmp_path}/state",
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
        "MESH_URL": quoting,
        "MESH_MAILBOX_ID": "ALDERMB1",
        "SEND_DELAY": "PT0S",
        "LOG_LEVEL": "debug",
        "ALERT_EMAIL_TO": "manager@alder.example",
        "ALERT_EMAIL_FROM": "alerts@alder.example",
        "SMTP_URL": "smtp://alerts@127.0.0.1:9",
        "PDS_MODE": "fhir",
        "PDS_URL": f"{quoting}/pds",
        "PDS_TOKEN_URL": f"{quoting}/token",
        "PDS_KEY_ID": "key-1",
        "PDS_PRIVATE_KEY_FILE": str(key),
    }
    for name, secret in SECRETS.items():
        if request.param == "by file":
            file = tmp_path / name.lower()
            file.write_text(f"{secret}\n")
            file.chmod(0o600)
            values[f"{name}_FILE"] = str(file)
        else:
            values[name] = secret
    return Site(tmp_path, values)


def arguments(command: click.Command, directory: Path) -> list[str]:
    """Return something for everything that ``command`` must be given."""
    given = []
    for each in command.params:
        if isinstance(each, click.Argument) and each.required:
            given.append(str(write_consultations(directory, consultation())) if "file" in str(each.name) else "an-id")
        elif isinstance(each, click.Option) and each.required:
            given += [each.opts[0], str(directory / "out") if each.name == "directory" else "B82002"]
    return given


def driven(root: click.Group, site: Site, net: Net) -> None:
    """Run every command but those that go on until a signal comes; ``run`` has a test of its own."""
    words = [words.split()[1:] for words, _ in commands(root)]
    found = {tuple(each): command for each, (_, command) in zip(words, commands(root), strict=True)}
    file = str(site.env_file)
    for each in (("migrate",), *(name for name in found if name[0] not in {"run", "migrate", "web", "harness"})):
        result = CliRunner().invoke(
            root, ["--env-file", file, *each, *arguments(found[each], site.directory)], env={"HOME": None}
        )
        net.see(f"{root.name} {' '.join(each)}", result.stdout, result.stderr, repr(result.exception))
    result = CliRunner().invoke(root, ["--env-file", file, "check", "--online"], env={"HOME": None})
    net.see("check --online", result.stdout, result.stderr)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    net = Net()
    with pytest.MonkeyPatch.context() as patch, net.spread(tmp_path, patch):
        yield net


COMMANDS = pytest.mark.parametrize("root", [sender_command, receiver_command], ids=lambda root: root.name)


@COMMANDS
def test_no_command_shows_a_secret(root: click.Group, site: Site, net: Net) -> None:
    driven(root, site, net)

    assert net.leaks(secrets_in) == []


def test_the_tool_of_the_mesh_client_shows_no_secret(site: Site, net: Net) -> None:
    for name, command in mesh_command.commands.items():
        result = CliRunner().invoke(
            mesh_command, ["--env-file", str(site.env_file), name, *arguments(command, site.directory)]
        )
        net.see(f"mesh {name}", result.output, repr(result.exception))

    assert net.leaks(secrets_in) == []


def encrypted() -> str:
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())).decode()


UNUSABLE: dict[str, dict[str, str]] = {
    "both ways": dict(SECRETS) | {f"{name}_FILE": "/etc/hostname" for name in SECRETS},
    "an address with a password": {
        "MESH_URL": f"http://alder:{SECRETS['MESH_MAILBOX_PASSWORD']}@127.0.0.1:9",
        "SMTP_URL": f"smtps://alerts:{SECRETS['SMTP_PASSWORD']}@mail.example",
        "PDS_URL": f"http://u:{SECRETS['PDS_API_KEY']}@127.0.0.1:9/pds",
    },
    "a database address that cannot be read": {"DATABASE_URL": f"postgres//alder:{DATABASE_PASSWORD}"},
    "a database of another kind": {"DATABASE_URL": f"mysql://alder:{DATABASE_PASSWORD}@127.0.0.1/x"},
    "a database port that is none": {
        "DATABASE_URL": f"postgresql+psycopg://alder:{DATABASE_PASSWORD}@127.0.0.1:port/x"
    },
    "a database that is away": {"DATABASE_URL": f"postgresql+psycopg://alder:{DATABASE_PASSWORD}@127.0.0.1:9/x"},
    "a name that is nearly right": {"MESH_SHARED_KEYS": SECRETS["MESH_SHARED_KEY"]},
    "secrets in each other's place": {
        "PRACTICE_ODS_CODE": SECRETS["MESH_SHARED_KEY"],
        "MESH_MAILBOX_ID": SECRETS["MESH_MAILBOX_PASSWORD"],
        "MESH_POLL_INTERVAL": SECRETS["SMTP_PASSWORD"],
        "LOG_LEVEL": SECRETS["PDS_API_KEY"],
        "ALERT_EMAIL_TO": SECRETS["SMTP_PASSWORD"],
        "METRICS_ADDRESS": SECRETS["SMTP_PASSWORD"],
        "MAX_MESSAGE_SIZE": SECRETS["SMTP_PASSWORD"],
    },
}


@COMMANDS
@pytest.mark.parametrize("case", UNUSABLE)
def test_no_fault_of_the_settings_shows_a_secret(root: click.Group, case: str, site: Site, net: Net) -> None:
    site.values |= UNUSABLE[case]

    for words in ("check", "status", "migrate", "once"):
        result = CliRunner().invoke(root, ["--env-file", str(site.env_file), words], env={"HOME": None})
        net.see(words, result.stdout, result.stderr, repr(result.exception))
        assert result.exit_code in (1, 78) or case == "a name that is nearly right"

    assert net.leaks(secrets_in) == []


@pytest.mark.parametrize("content", [encrypted(), "\n".join(KEY_LINES), PASSPHRASE], ids=["locked", "cut", "no key"])
def test_no_fault_of_the_private_key_shows_it(content: str, site: Site, net: Net) -> None:
    Path(site.values["PDS_PRIVATE_KEY_FILE"]).write_text(content)

    result = CliRunner().invoke(sender_command, ["--env-file", str(site.env_file), "check"], env={"HOME": None})

    net.see("check", result.output, repr(result.exception))
    assert "PDS_PRIVATE_KEY_FILE" in result.output
    assert net.leaks(secrets_in) == []


def test_a_broken_line_of_the_env_file_is_named_by_its_number_alone(site: Site, net: Net) -> None:
    file = site.env_file
    file.write_text(file.read_text() + f"{SECRETS['MESH_SHARED_KEY']}\n'{DATABASE_PASSWORD}\n")

    result = CliRunner().invoke(sender_command, ["--env-file", str(file), "check"], env={"HOME": None})

    net.see("check", result.output, repr(result.exception))
    assert "line" in result.output
    assert net.leaks(secrets_in) == []


def test_nothing_that_holds_a_secret_prints_it(site: Site, net: Net) -> None:
    settings = load(SenderSettings, site.values)
    database = Database(
        f"postgresql+psycopg://alder:{DATABASE_PASSWORD}@127.0.0.1:9/x", schema="federated_sender", migrations=Path()
    )
    holders: list[Any] = [
        settings,
        settings.model_dump(),
        account_of(settings),
        open_mailer(settings),
        Application(SECRETS["PDS_API_KEY"], "key-1", KEY),
        PdsAddress("https://pds.example", "https://pds.example/token"),
        database.engine,
        database.engine.url,
    ]
    for holder in holders:
        net.see("a holder of a secret", repr(holder), str(holder))

    with pytest.raises(ConfigurationError) as caught:
        load(SenderSettings, site.values | UNUSABLE["secrets in each other's place"])

    def fail() -> None:
        raise caught.value

    net.try_(fail)
    assert net.leaks(secrets_in) == []


def test_the_running_daemon_has_no_secret_in_its_title_and_leaves_no_core_dump(site: Site, net: Net) -> None:
    script = Path(sys.executable).parent / "federated-sender"
    arguments = ["--env-file", str(site.env_file)]
    subprocess.run([script, *arguments, "migrate"], check=True, capture_output=True, timeout=60)
    with subprocess.Popen([script, *arguments, "run"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "mesh.refused" in line:
                break
        process_files = Path(f"/proc/{process.pid}")
        net.look_at_processes()
        limits, owner = (process_files / "limits").read_text(), (process_files / "mem").stat().st_mode
        process.send_signal(signal.SIGTERM)
        lines += process.stderr.readlines()
        assert process.wait(60) == 0

    net.see("the log", *lines)
    assert net.leaks(secrets_in) == []
    assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")] == ["0"]
    assert not owner & 0o077


def test_a_process_that_forbids_core_dumps_cannot_be_dumped() -> None:
    script = """
import ctypes, resource
from shared import core_dumps
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
core_dumps.forbid()
print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0])
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split()[1:] == ["0", "0"]


def test_a_deliberately_shown_secret_is_caught(net: Net) -> None:
    net.see("stderr", f"the password is {SECRETS['SMTP_PASSWORD']}")

    assert len(net.leaks(secrets_in)) == 1


@pytest.mark.parametrize(
    ("mode", "ok", "words"),
    [(0o600, True, "not every user can read"), (0o640, True, "its group can read it"), (0o644, False, "chmod o-rwx")],
)
def test_check_says_who_else_can_read_a_secret(mode: int, ok: bool, words: str) -> None:
    # pytest's own directories are closed to everybody else
    with TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        file = Path(directory, "key")
        file.write_text("x")
        file.chmod(mode)

        checks = list(secret_checks({"MESH_SHARED_KEY_FILE": file}))

    assert all(check.ok is ok for check in checks)
    assert words in checks[0].text
