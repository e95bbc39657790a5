"""Where a harness may work."""

from __future__ import annotations

import pytest

from shared.errors import CommandFailed
from shared.harness.guard import require_test_environment


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8700", None),
        ("http://localhost:8700", None),
        ("https://msg.intspineservices.nhs.uk", None),
        ("https://MSG.depspineservices.nhs.uk.", None),
        ("https://mesh-sync.spineservices.nhs.uk", "Mesh-Sync.spineservices.nhs.uk"),
    ],
)
def test_test_environments_and_a_host_that_is_named_are_fine(url: str, allowed: str | None) -> None:
    assert refusal(url, allowed) == ""


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://mesh-sync.spineservices.nhs.uk", None),
        ("https://mesh-sync.spineservices.nhs.uk", "spineservices.nhs.uk"),
        ("https://msg.intspineservices.nhs.uk.example.org", None),
        ("https://notintspineservices.nhs.uk", None),
        ("https://gateway.example.org", ""),
    ],
)
def test_the_live_mesh_and_whatever_may_be_it_is_refused(url: str, allowed: str | None) -> None:
    assert "--allow-host" in refusal(url, allowed)


def refusal(url: str | None, allowed: str | None) -> str:
    try:
        require_test_environment(url, "ALDERMB1", allowed)
    except CommandFailed as failed:
        return str(failed)
    return ""


@pytest.mark.parametrize(("allowed", "fine"), [("aldermb1", True), ("BIRCHMB1", False), (None, False)])
def test_where_folders_lead_to_is_not_seen_so_the_mailbox_must_be_named(allowed: str | None, fine: bool) -> None:
    assert (refusal(None, allowed) == "") is fine
    assert fine or "--allow-host ALDERMB1" in refusal(None, allowed)
