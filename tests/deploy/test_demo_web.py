"""``make demo-web`` as people run it, without the evening: both practices' pages are there until it is told to end."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


def test_it_shows_where_both_pages_are_and_who_may_sign_in_and_ends_when_told() -> None:
    command = [sys.executable, "-m", "deploy.demo.web", "--quick"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        # should it never say that it is ready
        watchdog = threading.Timer(300, demo.kill)
        watchdog.start()
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        addresses = re.findall(r"http://127\.0\.0\.1:\d+/", said)
        pages = [httpx.get(f"{address}login", trust_env=False) for address in addresses]
        styles = [httpx.get(f"{address}static/nhsuk-frontend.min.css", trust_env=False) for address in addresses]
        demo.terminate()
        status = demo.wait()
        watchdog.cancel()

    assert (status, len(pages)) == (0, 2), said
    assert all("<h1>Sign in</h1>" in page.text for page in pages)
    assert {style.status_code for style in styles} == {200}
    assert re.findall(r"^adelaide +admin +\S{12,}$", said, re.MULTILINE)
    for address in addresses:
        try:
            httpx.get(address, trust_env=False)
        except httpx.ConnectError:
            continue
        raise AssertionError(f"somebody still answers at {address}")
