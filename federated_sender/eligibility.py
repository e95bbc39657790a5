"""Whether a consultation is reported at all: the three steps of GPCM-SD-083 to 085, and what 2.0.2 forbids.

And whether what is built of it may still go, when the clinical system said something else since (0031).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from federated_sender.responses import AlertNeed


class Reason(StrEnum):
    """Why nothing is sent: the ``reason`` of the state ``not_required``."""

    REGULAR_PATIENT = "regular_patient"
    OWN_PRACTICE = "own_practice"
    NOT_IN_FEDERATION = "not_in_federation"
    DELETED = "deleted"
    """The clinical system deleted the consultation before its report was sent."""
    UNCHANGED = "unchanged"
    """The consultation is again what was sent already."""
    CONFIDENTIAL = "confidential"
    """The patient wants it confidential: GP Connect Send Document 2.0.2 lets nothing be sent then, and what was built
    before does not go any more."""
    OTHER_PATIENT = "other_patient"
    """The consultation is about another patient than this version, which was built before."""


WITHHELD: Final = AlertNeed(
    "confidential",
    "The patient wants this consultation kept confidential, and GP Connect Send Document 2.0 lets no such report out.",
    "Decide with the clinician whether the registered practice is told in another way; where an earlier version was"
    " sent, telephone that practice: what it holds is confidential now. Then close this alert. Who usually acts: the"
    " sending practice's clinicians.",
)
"""What a person is told of a report that would have been sent, were it not confidential."""


def is_regular(registration_type: str) -> bool:
    """Say whether the patient is registered here; the record is up to date then (GPCM-SD-083)."""
    return registration_type.strip().lower() == "regular"


def why_not(
    registration_type: str,
    registered_practice: str,
    own_practice: str,
    federation: Collection[str],
    *,
    withheld: bool = False,
) -> Reason | None:
    """Return why no report is sent, or None when one must be (GPCM-SD-083, 085).

    ``withheld`` says that the consultation is confidential and the payload is of an edition that sends no such one.
    """
    if is_regular(registration_type):
        return Reason.REGULAR_PATIENT
    if registered_practice == own_practice:
        return Reason.OWN_PRACTICE
    if registered_practice not in federation:
        return Reason.NOT_IN_FEDERATION
    return Reason.CONFIDENTIAL if withheld else None


@dataclass(frozen=True, slots=True)
class Said:
    """What a consultation says of whom it is about and of what is to be kept confidential.

    ``nhs_number`` is None when that cannot be read; ``items`` are the confidential items of its notes.
    """

    nhs_number: str | None = field(repr=False)
    confidential: bool
    items: frozenset[str] = field(default=frozenset(), repr=False)


def why_withdrawn(built: Said, later: Said) -> Reason | None:
    """Return why a version that MESH has not must not go, since the clinical system said ``later``; None when it may.

    A correction of anything else follows as the next version (decision 22).
    """
    if later.nhs_number is not None and later.nhs_number != built.nhs_number:
        return Reason.OTHER_PATIENT
    discloses = not built.confidential and (later.confidential or later.items - built.items)
    return Reason.CONFIDENTIAL if discloses else None
