"""Where the patient is registered (GPCM-SD-084), behind one interface.

``PDS_MODE=outbox`` trusts the row. Asking PDS itself becomes a second class here.
"""

from __future__ import annotations

from typing import Protocol

from federated_sender.consultation import Patient
from shared.errors import Fault, InvalidConsultation


class RegisteredPractices(Protocol):
    """Finds the ODS code of a patient's registered practice."""

    def registered_practice(self, patient: Patient) -> str:
        """Return the ODS code; raise InvalidConsultation when it cannot be known."""


class OutboxPractices:
    """Takes the registered practice that the clinical system wrote into the row."""

    def registered_practice(self, patient: Patient) -> str:
        """Return the row's registered practice."""
        if patient.registered_practice_ods_code is None:
            raise InvalidConsultation([Fault("patient.registered_practice_ods_code", "is required")])
        return patient.registered_practice_ods_code
