"""The import rules of ``pyproject.toml`` agree with each other; ``make lint`` holds the code to them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS: dict[str, Any] = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}


@pytest.mark.parametrize(("contract", "package"), [("sender", "federated_sender"), ("receiver", "registered_receiver")])
def test_the_last_layer_of_a_daemon_is_its_pure_modules(contract: str, package: str) -> None:
    last = CONTRACTS[contract]["layers"][-1].replace("|", ":").split(":")

    pure = {name for name in CONTRACTS["pure"]["source_modules"] if name.startswith(f"{package}.")}

    assert {f"{package}.{name.strip()}" for name in last} == pure


def test_every_package_has_exhaustive_layers() -> None:
    containers = {
        name for contract in CONTRACTS.values() if contract.get("exhaustive") for name in contract["containers"]
    }

    packages = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for top in ("shared", "federated_sender", "registered_receiver")
        for init in (ROOT / top).rglob("__init__.py")
    }

    assert packages == containers
