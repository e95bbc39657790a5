"""Whether a consultation is reported: each reason comes before those behind it."""

from __future__ import annotations

import pytest

from federated_sender.eligibility import Reason, why_not

FEDERATION = ("B82002", "C83003")


@pytest.mark.requirement("GPCM-SD-083", "GPCM-SD-085", "2.0/Confidentiality")
@pytest.mark.parametrize(
    ("registration_type", "registered_at", "withheld", "reason"),
    [
        (" Regular ", "", True, Reason.REGULAR_PATIENT),
        ("temporary", "A81001", True, Reason.OWN_PRACTICE),
        ("temporary", "D84004", True, Reason.NOT_IN_FEDERATION),
        ("temporary", "B82002", True, Reason.CONFIDENTIAL),
        ("temporary", "B82002", False, None),
    ],
)
def test_nothing_is_withheld_that_would_not_be_sent_anyway(
    registration_type: str, registered_at: str, withheld: bool, reason: Reason | None
) -> None:
    assert why_not(registration_type, registered_at, "A81001", FEDERATION, withheld=withheld) == reason
