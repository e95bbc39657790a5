"""The published names of profiles, code systems, identifier systems and fixed values."""

from __future__ import annotations

from typing import Final

FHIR_NAMESPACE: Final = "http://hl7.org/fhir"
UUID_SYSTEM: Final = "https://tools.ietf.org/html/rfc4122"

_ITK: Final = "https://fhir.nhs.uk/STU3"
_CARE_CONNECT: Final = "https://fhir.hl7.org.uk/STU3"

MESSAGE_BUNDLE: Final = f"{_ITK}/StructureDefinition/ITK-Message-Bundle-1"
PAYLOAD_BUNDLE: Final = f"{_ITK}/StructureDefinition/ITK-Payload-Bundle-1"
DOCUMENT_BUNDLE: Final = f"{_ITK}/StructureDefinition/ITK-Document-Bundle-1"
MESSAGE_HEADER: Final = f"{_ITK}/StructureDefinition/ITK-MessageHeader-2"
MESSAGE_HANDLING: Final = f"{_ITK}/StructureDefinition/Extension-ITK-MessageHandling-2"
HEADER_ORGANIZATION: Final = f"{_ITK}/StructureDefinition/CareConnect-ITK-Header-Organization-1"
RESPONSE_OUTCOME: Final = f"{_ITK}/StructureDefinition/ITK-Response-OperationOutcome-1"
TASK: Final = f"{_ITK}/StructureDefinition/GPConnect-Task-1"
DOCUMENT_REFERENCE: Final = f"{_ITK}/StructureDefinition/GPConnect-DocumentReference-1"
ATTACHMENT_BINARY: Final = f"{_ITK}/StructureDefinition/ITK-Attachment-Binary-1"
COMPOSITION: Final = f"{_CARE_CONNECT}/StructureDefinition/CareConnect-Composition-1"
PATIENT: Final = f"{_CARE_CONNECT}/StructureDefinition/CareConnect-Patient-1"
PRACTITIONER: Final = f"{_CARE_CONNECT}/StructureDefinition/CareConnect-Practitioner-1"
ORGANIZATION: Final = f"{_CARE_CONNECT}/StructureDefinition/CareConnect-Organization-1"

MESSAGE_EVENT: Final = f"{_ITK}/CodeSystem/ITK-MessageEvent-2"
RECIPIENT_TYPE: Final = f"{_ITK}/CodeSystem/ITK-RecipientType-1"
RESPONSE_CODES: Final = f"{_ITK}/CodeSystem/ITK-ResponseCodes-1"
NHS_NUMBER_STATUS: Final = f"{_CARE_CONNECT}/CodeSystem/CareConnect-NHSNumberVerificationStatus-1"
NHS_NUMBER_STATUS_EXTENSION: Final = (
    f"{_CARE_CONNECT}/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1"
)
NHS_NUMBER_STATUS_EXTENSIONS: Final = frozenset(
    {
        NHS_NUMBER_STATUS_EXTENSION,
        # later GP Connect examples use this one
        f"{_ITK}/StructureDefinition/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
    }
)
NHS_NUMBER_STATUSES: Final = {"01": "Number present and verified", "02": "Number present but not traced"}

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANIZATION_CODE: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE_CODE: Final = "https://fhir.nhs.uk/Id/ods-site-code"
SDS_USER_ID: Final = "https://fhir.nhs.uk/Id/sds-user-id"

REPORT_EVENT: Final = "ITK007C"
RESPONSE_EVENT: Final = "ITK008M"
RESPONSE_DEFINITION: Final = f"{_ITK}/MessageDefinition/ITK-Response-MessageDefinition-1"
REPORT_DEFINITION: Final = f"{_ITK}/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-Instance-1"
DOCUMENT_DEFINITION: Final = f"{_ITK}/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-1"
REPORT_DEFINITIONS: Final = frozenset({REPORT_DEFINITION, DOCUMENT_DEFINITION})
LOCAL_EXTENSION: Final = "SendDocument-FederatedConsultationReport"
CONSULTATION_REPORT: Final = "SendDocument-ConsultationReport"
"""The LocalExtension of Send Document 1.3."""

FEDERATED_WORKFLOW: Final = "GPFED_CONSULT_REPORT"
DOCUMENT_WORKFLOW: Final = "GPCONNECT_SEND_DOCUMENT"
WORKFLOWS: Final = (FEDERATED_WORKFLOW, DOCUMENT_WORKFLOW)
"""The MESH workflows of reports, up to GP Connect Send Document 1.3 and from 2.0 on."""

DOCUMENT_TYPES: Final = f"{_ITK}/ValueSet/DocumentType-1"
SNOMED_CT: Final = "http://snomed.info/sct"
REPORT_TYPE: Final = "371531000"
REPORT_TYPE_DISPLAY: Final = "Report of clinical encounter"
REMOTE_HEALTH_TYPE: Final = "149701000000109"
REPORT_INPUT_TYPE: Final = "Federated consultation report"
REPORT_DESCRIPTION: Final = "Federated Consultation Report"
DOCUMENT_TITLE: Final = "Consultation report"

NONE: Final = "None"
"""ITK3's word for a handling key that is not used."""
UNREADABLE: Final = "UNREADABLE-IN-ORIGINAL-MESSAGE"
"""ITK3's word in a response for a message id that could not be read."""
