"""The pages of an evidence pack, the pictures on them, and the list of its files with their SHA-256."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

MANIFEST: Final = "SHA256SUMS"
_RESOLUTION: Final = "80"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_page(file: Path, template: str, facts: Mapping[str, Any]) -> None:
    """Write a page of HTML."""
    file.write_text(_environment().get_template(template).render(facts), encoding="utf-8")


def write_pictures(folder: Path) -> None:
    """Write each page of each PDF in ``folder`` as a PNG beside it: ``01-report-1.png``."""
    for pdf in sorted(folder.glob("*.pdf")):
        subprocess.run(["pdftoppm", "-png", "-r", _RESOLUTION, str(pdf), str(pdf.with_suffix(""))], check=True)


def write_manifest(directory: Path) -> int:
    """Write the SHA-256 of every file as ``sha256sum --check`` reads it; return how many files there are."""
    files = sorted(file for file in directory.rglob("*") if file.is_file() and file.name != MANIFEST)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(directory)}\n" for file in files]
    (directory / MANIFEST).write_text("".join(lines), encoding="utf-8")
    return len(files)
