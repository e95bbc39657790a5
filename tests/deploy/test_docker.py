"""The image and the compose file, as far as they can be judged without an engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dotenv import dotenv_values
from ruamel.yaml import YAML

from federated_sender.__main__ import main as sender_command
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from registered_receiver.settings import ReceiverSettings
from shared.config import PracticeSettings
from tests.fakes.local_mesh import running_mesh

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
SETTINGS: Mapping[str, type[PracticeSettings]] = {
    "federated-sender": SenderSettings,
    "registered-receiver": ReceiverSettings,
}


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name(name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return YAML(typ="safe").load(COMPOSE.read_text())["services"]


def test_the_dockerfile_is_clean() -> None:
    done = tool("hadolint", DOCKERFILE)

    assert done.returncode == 0, done.stdout


def test_the_compose_file_is_one() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)

    assert done.returncode == 0, done.stdout


def test_whatever_the_image_copies_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)

    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in allowed), source


def test_nothing_gets_into_the_image_that_no_hash_pins() -> None:
    commands = DOCKERFILE.read_text().replace("\\\n", " ")
    steps = [step for step in re.split(r"&&|\n", commands) if re.search(r"\bpip (install|wheel)\b", step)]
    locked = [step for step in steps if "--require-hashes" in step and "--only-binary :all:" in step]
    offline = [step for step in steps if "--no-index" in step and "--no-deps" in step]

    assert len(steps) == len(locked) + len(offline)
    assert all("--no-build-isolation" in step for step in offline if "pip wheel" in step)


def test_the_build_backend_of_the_image_is_that_of_the_distribution() -> None:
    system = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    wanted = [line for line in (ROOT / "deploy/lock/build.in").read_text().splitlines() if not line.startswith("#")]

    assert system["requires"] == wanted


def test_the_daemons_run_without_rights_on_a_root_that_is_read_only(services: Mapping[str, Any]) -> None:
    daemons = {name: each for name, each in services.items() if each.get("image", "").startswith("federated-")}

    assert set(daemons) == {"sender", "receiver", "sender-web", "receiver-web", "demo-sender", "demo-receiver"}
    for each in daemons.values():
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in each["security_opt"]
    assert re.search(r"^USER 10001:10001$", DOCKERFILE.read_text().rpartition("FROM ")[2], re.MULTILINE)


def test_every_variable_is_a_setting_and_every_secret_a_file(services: Mapping[str, Any]) -> None:
    for name in ("sender", "receiver"):
        environment = dict(services[name]["environment"])
        settings = SETTINGS[environment.pop("DAEMON")]
        files = {Path(value).name for value in environment.values() if value.startswith("/run/secrets/")}

        assert set(environment) <= settings.names()
        assert files == set(services[name]["secrets"])


def test_the_pages_are_optional_on_this_machine_alone_and_get_no_secret_of_mesh(services: Mapping[str, Any]) -> None:
    compose = YAML(typ="safe").load(COMPOSE.read_text())
    (network,) = compose["networks"]["default"]["ipam"]["config"]

    for name, daemon in (("sender", "federated-sender"), ("receiver", "registered-receiver")):
        pages = services[f"{name}-web"]
        environment = pages["environment"]
        port = SETTINGS[daemon].model_fields["web_listen"].default.port
        assert (pages["profiles"], pages["command"]) == (["web"], [daemon, "web"])
        assert set(environment) <= SETTINGS[daemon].names()
        assert pages["secrets"] == [f"{name}_database_url"]
        assert pages["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert (environment["WEB_LISTEN"], environment["WEB_PROXY"]) == (f"0.0.0.0:{port}", network["gateway"])


def test_what_an_env_file_leaves_empty_is_as_the_image_wants_it(services: Mapping[str, Any]) -> None:
    # an empty line of an env file would undo the image's own variable
    image = DOCKERFILE.read_text().rpartition("FROM ")[2]
    wanted = dict(re.findall(r"(STATE_DIRECTORY|METRICS_ADDRESS)=(\S+)", image))

    assert len(wanted) == 2
    for name in ("sender", "receiver"):
        assert wanted.items() <= services[name]["environment"].items()


def test_what_an_installation_keeps_in_a_clone_never_gets_into_git() -> None:
    ignored = set((ROOT / ".gitignore").read_text().splitlines())

    assert {"/secrets/", "/deploy/env/*.env", "/deploy/env/federation.csv"} <= ignored


def test_plain_http_stays_in_one_network_namespace(services: Mapping[str, Any]) -> None:
    for name in ("demo-sender", "demo-receiver"):
        settings = dotenv_values(ROOT / services[name]["env_file"])

        assert services[name]["network_mode"] == "service:demo-mesh"
        assert str(settings["MESH_URL"]).startswith("http://127.0.0.1:")


@pytest.mark.sandbox
def test_the_demo_profile_brings_its_consultation_to_the_other_practice(
    services: Mapping[str, Any], tmp_path: Path
) -> None:
    demo = tmp_path / "demo"
    shutil.copytree(ROOT / "deploy/docker/demo", demo)

    with running_mesh(json.loads((demo / "mesh.json").read_text()), tmp_path) as port:

        def run(service: str, *arguments: str) -> str:
            given = dotenv_values(ROOT / services[service]["env_file"])
            settings = {name: str(value).replace("/demo/", f"{demo}/") for name, value in given.items()}
            settings |= {"MESH_URL": f"http://127.0.0.1:{port}", "STATE_DIRECTORY": str(tmp_path / service)}
            # in this process: what is tried are the settings, and a process for each command costs seconds
            command = sender_command if service == "demo-sender" else receiver_command
            done = CliRunner().invoke(command, arguments, env=settings)
            assert done.exit_code == 0, done.output
            return done.stdout

        run("demo-sender", "migrate")
        run("demo-receiver", "migrate")
        run("demo-receiver", "patients", "import", str(demo / "patients.csv"))
        run("demo-sender", "enqueue", str(demo / "consultation.json"))
        run("demo-sender", "once")
        run("demo-receiver", "once")
        run("demo-sender", "once")

        (report,) = json.loads(run("demo-sender", "status", "--json"))
        (task,) = json.loads(run("demo-receiver", "tasks", "--json"))
    assert (report["state"], task["state"]) == ("delivered", "open")
