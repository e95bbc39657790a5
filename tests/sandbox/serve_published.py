"""Runs NHS England's mesh-sandbox as published, with the options of the local MESH.

Runs in the sandbox's own virtual environment. The configuration has only ``environment``: the sandbox's settings.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/demo/mesh"))

import serve


def published(document: dict[str, Any], _dropped: list[str]) -> Any:
    """Return the sandbox's application and nothing else. It reads its settings at import."""
    os.environ.update(document["environment"])
    from mesh_sandbox.api import app

    logging.getLogger("mesh-sandbox").setLevel(logging.WARNING)
    return app


if __name__ == "__main__":
    serve.application = published
    serve.main()
