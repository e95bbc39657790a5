"""A message as it goes out, with the facts that it was made from: what the checks look at and mutations spoil."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from federated_sender.consultation import Consultation, canonical_json, content_sha256, read_consultation
from federated_sender.message import Composer, Version
from federated_sender.report import Practice, report_html
from shared.itk3.build import build_response
from shared.itk3.identity import report_id
from shared.itk3.model import Organization, ResponseMessage
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD
from shared.itk3.rule import Context
from shared.mesh.headers import send_headers
from shared.mesh.messages import OutgoingMessage
from tests.shared.itk3.examples import Draft

NOW = datetime(2026, 11, 20, 21, 25, tzinfo=UTC)
PDF = b"%PDF-1.7\nsynthetic"
MAILBOX = "ALDERMB1"
ANSWERING_MAILBOX = "BIRCHMB1"
WORKFLOW = "GPFED_CONSULT_REPORT"
ALDER = Organization("A81001", "Alder Practice", "01632 960010")
BIRCH = Organization("B82002", "Birch Surgery", "01632 960020")
PRACTICE = Practice(ALDER.name, "Carlisle", ALDER.telephone, "alder@example.nhs.uk")
COMPOSER = Composer(ALDER, MAILBOX, "YYYYMMDD", 20_000_000)
COMPOSERS = {
    "task": COMPOSER,
    "document": replace(COMPOSER, payload=DOCUMENT_PAYLOAD, workflow_id="GPCONNECT_SEND_DOCUMENT"),
    "document 1.3": replace(COMPOSER, payload=DOCUMENT_1_3_PAYLOAD),
}
CONTEXT = Context(BIRCH.ods_code, MAILBOX)


@dataclass(frozen=True)
class Made:
    """What a report was made from."""

    consultation: Consultation
    version: Version
    blobs: Mapping[str, bytes]


@dataclass
class Specimen:
    """A message with its MESH headers and, of a report, the HTML that its PDF is printed from."""

    facts: Any
    draft: Draft
    headers: dict[str, str]
    html: str = ""

    @property
    def body(self) -> bytes:
        return self.draft.body

    def copy(self) -> Specimen:
        draft = Draft.__new__(Draft)
        draft.root = deepcopy(self.draft.root)
        return replace(self, draft=draft, headers=dict(self.headers))

    def elements(self, xpath: str) -> list[Any]:
        return list(self.draft.root.xpath(xpath, namespaces={"f": "http://hl7.org/fhir"}))

    def values(self, xpath: str) -> list[str | None]:
        return [element.get("value") for element in self.elements(xpath)]

    def target(self, bundle: str, reference: str) -> Any:
        """Return the resource of ``bundle`` whose fullUrl is the one reference at the path; None if there is none."""
        references = self.values(f"{reference}/f:reference")
        entries = self.elements(f"{bundle}/f:entry")
        found = [entry.find("{*}resource")[0] for entry in entries if [entry[0].get("value")] == references]
        return found[0] if len(found) == 1 else None


def report(
    content: dict[str, Any],
    *,
    number: int = 1,
    pdf: bytes = PDF,
    payload: str = "task",
    replaces: str | None = None,
) -> Specimen:
    """Return the report of a consultation, given as the contract's JSON, with a PDF that is not rendered.

    ``replaces`` is the report id of the version before.
    """
    blobs, attachments = {}, []
    for attachment in content.get("attachments", []):
        data = b64decode(attachment["data"])
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        kept = {key: attachment[key] for key in ("title", "content_type")}
        attachments.append(kept | {"sha256": digest, "size": len(data)})
    consultation = read_consultation(content | {"attachments": attachments}, NOW)
    digest = content_sha256(canonical_json(consultation))
    identity = report_id(ALDER.ods_code, str(consultation.consultation_id), number, digest)
    version = Version(identity, number, NOW, BIRCH, replaces)
    built = COMPOSERS[payload].compose(consultation, version, pdf, blobs)
    outgoing = OutgoingMessage(built.mex_to, built.workflow_id, f"{identity}.1", built.mex_subject, built.body)
    html = report_html(consultation, version=number, sent_at=NOW, practice=PRACTICE)
    made = Made(consultation, version, blobs)
    return Specimen(made, Draft(built.body), send_headers(outgoing, MAILBOX), html)


def response(answer: ResponseMessage) -> Specimen:
    """Return a response with the headers that the receiver gives it."""
    outgoing = OutgoingMessage(
        MAILBOX, f"{WORKFLOW}_ACK", f"{answer.response_id}.1", f"response {answer.code}", build_response(answer)
    )
    return Specimen(answer, Draft(outgoing.body), send_headers(outgoing, ANSWERING_MAILBOX))
