"""What exactly the evidence is about: the revision, the locked packages and the machine."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]


def versions() -> dict[str, Any]:
    """Return the git revision, whether files differ from it, the hashes of the lock files, Python and packages."""
    return {
        "revision": _git("rev-parse", "HEAD"),
        "differs_from_revision": bool(_git("status", "--porcelain")),
        "python": platform.python_version(),
        "system": platform.platform(),
        "lock_files": {
            str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted((ROOT / "deploy" / "lock").glob("*.txt"))
        },
        "packages": dict(sorted((each.name, each.version) for each in distributions())),
    }


def write_versions(file: Path) -> dict[str, Any]:
    """Write them to ``file`` as JSON, and return them."""
    found = versions()
    file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def _git(*arguments: str) -> str:
    """Return what git says, empty where there is no repository."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
