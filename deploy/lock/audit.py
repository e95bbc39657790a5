"""Asks the vulnerability service about every package of the runtime's lock, and fails unless it answered for all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

HERE: Final = Path(__file__).parent
LOCK: Final = HERE / "runtime.txt"
ACCEPTED: Final = HERE / "accepted.toml"
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_KEYS: Final = {"id", "package", "reason", "until"}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A finding that is lived with: for which package, why, and until when somebody must have looked again."""

    id: str
    package: str
    reason: str
    until: date


def pins(lock: str) -> list[tuple[str, str]]:
    """Return name and version of every package of a lock file, for whatever platform."""
    return [(_plain(name), version) for name, version in _PIN.findall(lock)]


def read_accepted(text: str) -> list[Acceptance]:
    """Read ``accepted.toml``; raises ValueError for an entry that lacks a part."""
    entries = tomllib.loads(text).get("accepted", [])
    for entry in entries:
        whole = entry.keys() == _KEYS and isinstance(entry["until"], date) and str(entry["reason"]).strip()
        if not whole:
            raise ValueError(f"an accepted finding needs {', '.join(sorted(_KEYS))}: {entry}")
    return [Acceptance(**entry) for entry in entries]


def faults(
    locked: Sequence[tuple[str, str]], answer: Mapping[str, Any], accepted: Sequence[Acceptance], today: date
) -> list[str]:
    """Return everything that must not be: packages not audited, findings not accepted, acceptances that are over."""
    found = {(_plain(entry["name"]), entry.get("version")): entry for entry in answer.get("dependencies", [])}
    missing = [pin for pin in locked if "vulns" not in found.get(pin, {})]
    reasons = {_plain(entry["name"]): entry["skip_reason"] for entry in found.values() if "skip_reason" in entry}
    said = [f"{name} {version} was not audited: {reasons.get(name, 'no answer')}" for name, version in missing]
    open_findings = [(package, finding) for package, finding in _findings(found.values())]
    for package, finding in open_findings:
        said += _judged(package, finding, accepted, today)
    known = {name for _, finding in open_findings for name in _names(finding)}
    said += [f"{each.id} is accepted and not found any more: take it out" for each in accepted if each.id not in known]
    return said


def _findings(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for entry in entries:
        for finding in entry.get("vulns", []):
            yield entry, finding


def _names(finding: Mapping[str, Any]) -> set[str]:
    return {finding["id"], *finding.get("aliases", [])}


def _judged(
    package: Mapping[str, Any], finding: Mapping[str, Any], accepted: Sequence[Acceptance], today: date
) -> list[str]:
    name, mended = _plain(package["name"]), ", ".join(finding.get("fix_versions", [])) or "no version"
    what = f"{name} {package['version']} has {finding['id']}, mended in {mended}"
    for each in accepted:
        if _plain(each.package) == name and each.id in _names(finding):
            over = f"{what}; it was accepted until {each.until}: look at it again"
            return [over] if each.until < today else []
    return [what]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def ask(program: str, locked: Sequence[tuple[str, str]]) -> tuple[Mapping[str, Any], str]:
    """Run pip-audit over every pin, those of other platforms too; return its JSON and what it complained of."""
    with TemporaryDirectory() as directory:
        pinned = Path(directory, "pins.txt")
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in locked))
        words = ["--format", "json", "--progress-spinner", "off", "--disable-pip", "--no-deps", "--requirement"]
        done = subprocess.run([program, *words, str(pinned)], capture_output=True, text=True, timeout=600, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    return answer if isinstance(answer, dict) else {}, done.stderr


def main(program: str) -> int:
    """Print every fault; return 0 only when every package was audited and nothing stands open."""
    locked = pins(LOCK.read_text(encoding="utf-8"))
    answer, complaint = ask(program, locked)
    found = faults(locked, answer, read_accepted(ACCEPTED.read_text(encoding="utf-8")), datetime.now(UTC).date())
    for line in found:
        print(line)
    if found:
        print(f"the audit failed: {len(found)} faults in {len(locked)} packages")
        if not answer:
            print(f"pip-audit gave no answer: {complaint.strip()[-500:]}")
        return 1
    print(f"all {len(locked)} packages were audited, and nothing stands open")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
