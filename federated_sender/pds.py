"""Where the patient is registered (GPCM-SD-084), behind one interface: from the row, or from PDS itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from federated_sender.consultation import Patient
from federated_sender.pds_record import LONDON
from federated_sender.pds_rules import Held, Registration, decide
from federated_sender.settings import SenderSettings
from shared.clock import Clock
from shared.errors import Fault, InvalidConsultation

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from federated_sender.pds_client import PdsClient


class RegisteredPractices(Protocol):
    """Finds the ODS code of a patient's registered practice."""

    def registration(self, patient: Patient, report_id: str) -> Registration | Held:
        """Return where the patient is registered, or why a person must decide first.

        Raises InvalidConsultation when it cannot be known, and PdsError when PDS did not say.
        """

    def probe(self) -> None:
        """Raise PdsError when what is asked does not answer."""

    def close(self) -> None:
        """Let go of connections."""


class OutboxPractices:
    """Takes the registered practice that the clinical system wrote into the row."""

    def registration(self, patient: Patient, report_id: str) -> Registration:  # noqa: ARG002 - the interface
        """Return the row's registered practice."""
        if patient.registered_practice_ods_code is None:
            raise InvalidConsultation([Fault("patient.registered_practice_ods_code", "is required")])
        return Registration(patient.registered_practice_ods_code)

    def probe(self) -> None:
        """Ask nobody."""

    def close(self) -> None:
        """Hold nothing."""


@dataclass(frozen=True)
class PdsPractices:
    """Asks PDS, which wins over the row (decision 39)."""

    client: PdsClient
    clock: Clock

    def registration(self, patient: Patient, report_id: str) -> Registration | Held:
        """Return what PDS's record means today, by the calendar of the practices."""
        answer = self.client.record(patient.nhs_number, report_id)
        return decide(answer, patient, self.clock().astimezone(LONDON).date())

    def probe(self) -> None:
        """Ask PDS for a number that nobody has."""
        self.client.probe()

    def close(self) -> None:
        """Close the connections to PDS."""
        self.client.close()


def open_practices(settings: SenderSettings, clock: Clock, answered: Callable[[], None]) -> RegisteredPractices:
    """Return what ``PDS_MODE`` says; ``answered`` is called at each good answer of PDS."""
    if settings.pds_mode == "outbox":
        return OutboxPractices()
    # only here: the row is trusted without the libraries for signing and HTTP
    from federated_sender.pds_client import PdsAddress, PdsClient
    from federated_sender.pds_connection import PdsConnection
    from federated_sender.pds_token import Application, read_private_key

    # shared.setting_groups: with PDS_MODE=fhir none of them is missing
    address = PdsAddress(cast("str", settings.pds_url), cast("str", settings.pds_token_url))
    key = read_private_key(cast("Path", settings.pds_private_key_file).read_bytes())
    api_key = cast("SecretStr", settings.pds_api_key).get_secret_value()
    application = Application(api_key, cast("str", settings.pds_key_id), key)
    connection = PdsConnection((address.url, address.token_url), settings.pds_rate_limit, clock)
    return PdsPractices(PdsClient(address, application, connection, clock, answered), clock)
