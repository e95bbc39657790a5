"""A draft says when there is nothing to change, and leaves a message otherwise as it is."""

from __future__ import annotations

import pytest

from shared.harness.draft import Draft
from shared.itk3.parse import read
from shared.itk3.rules import judge
from tests.shared.itk3.examples import CONTEXT, GOOD


def test_what_was_not_changed_stays_a_good_message() -> None:
    body = Draft(GOOD).body

    assert judge(read(body, len(body)), CONTEXT).accepted


@pytest.mark.parametrize("xpath", ["//f:Nothing", "count(//f:Bundle)"])
def test_to_change_nothing_is_an_error(xpath: str) -> None:
    with pytest.raises(ValueError, match="nothing at"):
        Draft(GOOD).remove(xpath)
