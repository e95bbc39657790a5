"""For each requirement on the content of a response: does it say exactly what was answered?"""

from __future__ import annotations

from shared.itk3.codes import find
from tests.conformance.checks import HEADER, ITK, Check, agree, is_resource, key, shows_in
from tests.conformance.specimen import ANSWERING_MAILBOX, WORKFLOW, Specimen

PATIENT_DATA = ("Smith", "Richard", "9690937278", "969 093 7278", "1957", "High Street")

CHECKS: dict[str, Check] = {}
shows = shows_in(CHECKS)


def one(xpath: str, expected: str) -> Check:
    return lambda sent: sent.values(xpath) == [expected]


_ORGANIZATION = f"{ITK}StructureDefinition/CareConnect-ITK-Header-Organization-1"
_ISSUE = "/f:Bundle/f:entry/f:resource/f:OperationOutcome/f:issue"

shows("GPCM-SD-050")(one(key("BusAckRequested", "f:valueBoolean"), "false"))
shows("GPCM-SD-051")(one(key("InfAckRequested", "f:valueBoolean"), "false"))
shows("GPCM-SD-052")(lambda sent: one(key("SenderReference", "f:valueString"), sent.facts.sender_reference)(sent))
shows("GPCM-SD-053")(
    lambda sent: (
        is_resource(sent.target("/f:Bundle", f"{HEADER}/f:sender"), "Organization", _ORGANIZATION)
        and sent.values("/f:Bundle/f:entry/f:resource/f:Organization/f:identifier/f:value")
        == [sent.facts.responder_ods_code]
    )
)
shows("GPCM-SD-054")(
    agree(
        one(f"{HEADER}/f:event/f:system", f"{ITK}CodeSystem/ITK-MessageEvent-2"),
        one(f"{HEADER}/f:event/f:code", "ITK008M"),
    )
)
shows("GPCM-SD-055")(
    lambda sent: one(f"{HEADER}/f:timestamp", sent.facts.generated_at.isoformat(timespec="seconds"))(sent)
)
shows("GPCM-SD-058")(
    lambda sent: (sent.headers["Mex-WorkflowID"], sent.headers["Mex-From"]) == (f"{WORKFLOW}_ACK", ANSWERING_MAILBOX)
)


@shows("GPCM-SD-066")
def _the_code_says_what_was_found(sent: Specimen) -> bool:
    code = find(sent.facts.code)
    coding = f"{_ISSUE}/f:details/f:coding"
    return (
        sent.values(f"{coding}/f:system") == [f"{ITK}CodeSystem/ITK-ResponseCodes-1"]
        and sent.values(f"{coding}/f:code") == [code.code]
        and sent.values(f"{coding}/f:display") == [code.display]
        and sent.values(f"{HEADER}/f:response/f:code") == [code.response_code]
        and sent.values(f"{HEADER}/f:response/f:identifier") == [sent.facts.request_message_id]
    )


@shows("GPCM-SD-074")
def _the_diagnostics_are_there(sent: Specimen) -> bool:
    return sent.values(f"{_ISSUE}/f:diagnostics") == [sent.facts.diagnostics]


@shows("FHIR-BA-02")
def _nothing_is_said_of_the_patient(sent: Specimen) -> bool:
    said = sent.body.decode() + " ".join(sent.headers.values())
    return not any(secret in said for secret in PATIENT_DATA)
