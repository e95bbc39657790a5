"""The demo with ``BREAK=1``: MESH loses the responses on their way, and the demo notices.

A file of its own, so that the two demos run beside each other.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.demo.cases import CASES
from tests.deploy.played import play


@pytest.mark.sandbox
def test_an_evening_whose_responses_are_lost_ends_in_failure_and_says_what_is_missing(tmp_path: Path) -> None:
    broken = play(tmp_path, "--break")

    assert broken.status == 1, broken.said + broken.complained
    for case in CASES:
        if any(each.infrastructure for each in case.expected):
            assert f"{case.name}: its state should be" in broken.complained
    assert "the infrastructure response should be 20013, it is missing" in broken.complained
    assert "the open alert should be none, it is infrastructure_overdue" in broken.complained
    answers = 2 * sum(each.infrastructure is not None for case in CASES for each in case.expected)
    assert f"there should be {answers} responses that the sender collected, there are 0" in broken.complained
