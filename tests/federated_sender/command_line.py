"""The sender's command line for tests: settings on a disk of its own, and consultations as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import Result

FEDERATION = "ods_code,name,telephone\nA81001,Alder Practice,01632 960010\nB82002,Birch Surgery,01632 960020\n"


def settings(directory: Path) -> dict[str, str]:
    (directory / "federation.csv").write_text(FEDERATION, encoding="utf-8")
    return {
        "STATE_DIRECTORY": f"{directory}/state",
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        # nothing listens on the discard port
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "ALDERMB1",
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": "TestKey",
        "FEDERATION_FILE": f"{directory}/federation.csv",
        "SEND_DELAY": "PT0S",
    }


Run = Callable[..., Result]


def write(directory: Path, *contents: dict[str, Any]) -> Path:
    now = datetime.now(UTC) - timedelta(minutes=1)
    for content in contents:
        content["started_at"] = content["updated_at"] = now.isoformat()
    file = directory / "consultations.json"
    file.write_text(json.dumps(contents), encoding="utf-8")
    return file
