"""Whether a consultation is reported at all: the three steps of GPCM-SD-083 to 085."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Reason(StrEnum):
    """Why nothing is sent: the ``reason`` of the state ``not_required``."""

    REGULAR_PATIENT = "regular_patient"
    OWN_PRACTICE = "own_practice"
    NOT_IN_FEDERATION = "not_in_federation"
    DELETED = "deleted"
    """The clinical system deleted the consultation before its report was built."""
    UNCHANGED = "unchanged"
    """The consultation is again what was sent already."""


def is_regular(registration_type: str) -> bool:
    """Say whether the patient is registered here; the record is up to date then (GPCM-SD-083)."""
    return registration_type.strip().lower() == "regular"


def why_not(
    registration_type: str, registered_practice: str, own_practice: str, federation: Collection[str]
) -> Reason | None:
    """Return why no report is sent, or None when one must be (GPCM-SD-083, 085)."""
    if is_regular(registration_type):
        return Reason.REGULAR_PATIENT
    if registered_practice == own_practice:
        return Reason.OWN_PRACTICE
    if registered_practice not in federation:
        return Reason.NOT_IN_FEDERATION
    return None
