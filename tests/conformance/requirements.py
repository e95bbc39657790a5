"""The requirements as ``requirements.toml`` (1.2.0 and ITK3) and ``documents.toml`` (1.3 and 2.0) list them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFORMS, DEVIATES, BINDS_OTHERS = "conforms", "deviates", "binds others"


@dataclass(frozen=True)
class Requirement:
    """One requirement. ``content`` says that it is about the content of a message, so that it must be broken once.

    ``shown_as`` is a requirement of 1.2.0 that asks for the same, whatever the payload: its tests show this one, too.
    """

    id: str
    title: str
    meaning: str
    binds: str
    content: bool
    standing: str = CONFORMS
    decision: str = ""
    remark: str = ""
    shown_as: str = ""


def _read(name: str) -> tuple[dict[str, Requirement], dict[str, str]]:
    data = tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    found = {
        identifier: _requirement(identifier, meaning, group, data)
        for group in data["group"]
        for identifier, meaning in group["requirements"].items()
    }
    return found, data["inapplicable"]


def _requirement(identifier: str, meaning: str, group: dict[str, Any], data: dict[str, Any]) -> Requirement:
    plain = identifier, group["title"], meaning, group["binds"], group.get("content", False)
    shown_as = data.get("as", {}).get(identifier, "")
    if identifier in data["deviates"]:
        deviation = data["deviates"][identifier]
        return Requirement(*plain, DEVIATES, deviation["decision"], deviation["reason"], shown_as)
    if identifier in data["others"]:
        other = data["others"][identifier]
        return Requirement(*plain[:3], other["who"], group.get("content", False), BINDS_OTHERS, "", other["reason"])
    return Requirement(*plain, remark=data["notes"].get(identifier, ""), shown_as=shown_as)


REQUIREMENTS, INAPPLICABLE = _read("requirements.toml")
DOCUMENT_REQUIREMENTS, _ = _read("documents.toml")
