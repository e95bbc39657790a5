"""From a consultation and its PDF to the message that goes to MESH: pure composition, nothing decided twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from federated_sender import consultation as source
from shared.errors import Fault, InvalidConsultation, MeshRefused
from shared.identifiers import NhsNumber
from shared.itk3 import model
from shared.itk3.build import build_report, report_ids
from shared.itk3.identity import payload_identifier
from shared.itk3.payload import Payload
from shared.itk3.payloads import TASK_PAYLOAD
from shared.itk3.systems import FEDERATED_WORKFLOW
from shared.mesh.folding import DateFormat, fold_subject, gp_provider_address

REPORT_LABEL = "Federated Consultation Report"  # GPCM-SD-026


@dataclass(frozen=True, slots=True)
class Version:
    """What is chosen once for a version: its number, id, build time and the practice it is for.

    ``replaces`` is the report id of the version that it takes the place of, None for the first.
    """

    report_id: str
    number: int
    generated_at: datetime
    recipient: model.Organization
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class BuiltMessage:
    """A version's bytes with everything needed to send them and to recognise the responses."""

    body: bytes = field(repr=False)
    ids: model.ReportIds
    mex_to: str = field(repr=False)
    mex_subject: str = field(repr=False)
    workflow_id: str


@dataclass(frozen=True, slots=True)
class Composer:
    """Builds messages of this practice; ``max_size`` is in bytes of the finished message."""

    sender: model.Organization
    mailbox_id: str
    date_format: DateFormat
    max_size: int
    payload: Payload = TASK_PAYLOAD
    workflow_id: str = FEDERATED_WORKFLOW

    def compose(
        self, consultation: source.Consultation, version: Version, pdf: bytes, blobs: Mapping[str, bytes]
    ) -> BuiltMessage:
        """Return the message; raise InvalidConsultation when it cannot be sent as it is."""
        report = self._report(consultation, version, pdf, blobs)
        try:
            mex_to = gp_provider_address(
                NhsNumber(report.patient.nhs_number),
                report.patient.birth_date,
                report.patient.name.family,
                self.date_format,
            )
        except MeshRefused as error:
            raise InvalidConsultation([Fault("patient.family", str(error))]) from None
        try:
            body = build_report(report, self.payload)
        except ValueError as error:
            raise InvalidConsultation([Fault("consultation", str(error))]) from None
        if len(body) > self.max_size:
            raise InvalidConsultation([Fault("attachments", "make the message larger than MAX_MESSAGE_SIZE")])
        subject = fold_subject(self.payload.describe(report), str(report.patient.name))
        return BuiltMessage(body, report_ids(report), mex_to, subject, self.workflow_id)

    def _report(
        self, consultation: source.Consultation, version: Version, pdf: bytes, blobs: Mapping[str, bytes]
    ) -> model.ReportMessage:
        documents = [model.Document(REPORT_LABEL, "application/pdf", pdf, version.generated_at)]
        # decision 17: a confidential consultation sends its report alone
        if not consultation.confidential:
            documents += [
                model.Document(item.title, item.content_type, blobs[item.sha256], version.generated_at)
                for item in consultation.attachments
            ]
        return model.ReportMessage(
            report_id=version.report_id,
            consultation_id=str(consultation.consultation_id),
            version=version.number,
            confidential=consultation.confidential,
            generated_at=version.generated_at,
            sender_mailbox=self.mailbox_id,
            sender=self.sender,
            recipient=version.recipient,
            patient=_patient(consultation.patient),
            practitioner=_practitioner(consultation.practitioner),
            documents=tuple(documents),
            replaces=payload_identifier(version.replaces) if version.replaces else None,
        )


def _patient(patient: source.Patient) -> model.Patient:
    return model.Patient(
        nhs_number=patient.nhs_number,
        nhs_number_verified=patient.nhs_number_verified,
        name=model.PersonName(patient.family, patient.given, patient.title),
        birth_date=patient.birth_date,
        gender=patient.gender,
        telephones=patient.telephones,
        address=_address(patient.address),
        current_telephones=patient.current_telephones,
        current_address=_address(patient.current_address),
    )


def _address(address: source.Address | None) -> model.Address | None:
    return None if address is None else model.Address(address.lines, address.postcode)


def _practitioner(practitioner: source.Practitioner) -> model.Practitioner:
    name = model.PersonName(practitioner.family, practitioner.given, practitioner.title)
    return model.Practitioner(practitioner.sds_user_id, name, practitioner.telephone)
