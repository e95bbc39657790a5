"""The wheel: the same bytes each time, and it works where nothing else is, for a user without rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("federated_sender", "registered_receiver", "shared")
NOBODY = 65534


def interpreter() -> Path:
    """Return a Python that a user without rights can start: that of the tests may lie in somebody's home."""
    own = Path(sys.executable).resolve()
    for candidate in (own, Path("/usr/bin/python3")):
        try:
            tried = subprocess.run([candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], **as_nobody())
        except OSError:
            continue
        if tried.returncode == 0:
            return candidate
    pytest.fail("no Python 3.11 that every user can start: install Debian's python3")


def as_nobody() -> dict[str, Any]:
    """Return what makes a process one of nobody's, where we may do that."""
    return {"user": NOBODY, "cwd": "/", "capture_output": True} if os.getuid() == 0 else {"capture_output": True}


def build(directory: Path) -> Path:
    """Build from a copy: setuptools leaves things behind."""
    source = directory / "source"
    source.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-index", "--no-build-isolation", "--wheel-dir", str(directory), str(source)]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONWARNINGS": "ignore"}
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=environ)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_it_is_the_same_bytes_each_time(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again").read_bytes() == wheel.read_bytes()


def test_every_module_template_and_migration_is_in_it(wheel: Path) -> None:
    there = set(zipfile.ZipFile(wheel).namelist())

    for package in PACKAGES:
        files = (path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix != ".pyc")
        for path in files:
            assert str(path.relative_to(ROOT)) in there
    assert not any(name.startswith(("tests", "deploy")) for name in there)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that everybody may look into: pytest's own ones nobody may."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.sandbox
def test_it_works_in_an_empty_environment_for_a_user_without_rights(wheel: Path, home: Path) -> None:
    python = home / "venv/bin/python"
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", home / "venv"], check=True, timeout=120)
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", ROOT / "deploy/lock/runtime.txt"]
    subprocess.run([*install, *locked], check=True, capture_output=True, timeout=500)
    subprocess.run([*install, "--no-deps", "--no-index", wheel], check=True, capture_output=True, timeout=120)
    state = home / "state"
    state.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(state, NOBODY, NOBODY)
    settings = {
        "PATH": "/usr/bin:/bin",
        "STATE_DIRECTORY": str(state),
        "PRACTICE_ODS_CODE": "B82002",
        "MESH_URL": "https://mesh.example",
        "MESH_MAILBOX_ID": "BIRCHMB1",
        "MESH_MAILBOX_PASSWORD": "a password",
        "MESH_SHARED_KEY": "a key",
    }

    done = {
        command: subprocess.run(
            [python.with_name("registered-receiver"), command],
            env=settings,
            text=True,
            timeout=120,
            **as_nobody(),
        )
        for command in ("migrate", "check", "status")
    }

    for command, each in done.items():
        assert each.returncode == 0, f"{command}: {each.stdout}{each.stderr}"
    assert done["status"].stdout == "no records\n"
