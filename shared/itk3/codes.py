"""The ITK3 response codes as the code system has them, and whether each is good news."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

Severity = Literal["fatal", "error", "warning", "information"]


class Level(StrEnum):
    """Who answers: the receiving system, or the practice that looked for the patient."""

    INFRASTRUCTURE = "infrastructure"
    BUSINESS = "business"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """One code of ITK-ResponseCodes-1.

    ``positive`` is None when it cannot be told (decision 25). ``issue_types`` has the default first.
    ``published`` says that the code system has it: only such a code may be sent.
    """

    code: str = field(repr=False)
    display: str
    level: Level
    positive: bool | None
    severity: Severity
    issue_types: tuple[str, ...]
    published: bool = True

    @property
    def issue_type(self) -> str:
        """The issue type that goes with the code unless a rule names another one."""
        return self.issue_types[0]

    @property
    def response_code(self) -> Literal["ok", "fatal-error"]:
        """``MessageHeader.response.code``."""
        return "ok" if self.positive else "fatal-error"


def _fatal(code: str, display: str, *issue_types: str) -> ResponseCode:
    level = Level.BUSINESS if code.startswith("3") else Level.INFRASTRUCTURE
    return ResponseCode(code, display, level, positive=False, severity="fatal", issue_types=issue_types)


def _good(code: str, display: str) -> ResponseCode:
    level = Level.BUSINESS if code.startswith("3") else Level.INFRASTRUCTURE
    return ResponseCode(code, display, level, True, "information", ("informational",))


def _declined(
    code: str, display: str, severity: Severity = "warning", issue_type: str = "informational"
) -> ResponseCode:
    return ResponseCode(code, display, Level.BUSINESS, False, severity, (issue_type,))


ACCEPTED: Final = "20013"
"""The infrastructure response to a message that was taken."""

_HEADER_FAULTS: Final = ("structure", "invalid", "required", "value", "processing", "code-invalid", "extension")
_PAYLOAD_FAULTS: Final = (
    *("structure", "invalid", "required", "value", "invariant", "processing"),
    *("not-supported", "code-invalid", "extension", "business-rule"),
)

# Displays are compared letter by letter by some receivers: they are the code system's, odd dashes included.
_PUBLISHED: Final = (
    _fatal("10001", "Handling Specification Error", "processing"),
    _fatal("10002", "Infrastructure Level Response Value - Processing Error", "processing"),
    _fatal("10003", "Business Level Response Value - Processing Error", "processing"),
    _fatal("10004", "Message Definition Value - Processing Error", "processing"),
    _fatal("10005", "Message Definition Version Value - Processing Error", "processing"),
    _fatal("10007", "Sender Reference Value - Processing Error", "processing"),
    _fatal("10008", "Handling Specification Business Rule Error", "processing"),
    _fatal("10009", "Unreadable message received", "processing"),
    _fatal("10010", "Recipient Type - Processing Error", "processing"),
    _fatal("20001", "Unrecognised Recipient Person", "not-found"),
    _fatal("20002", "Unrecognised Recipient Organisation", "not-found"),
    _fatal("20003", "Unrecognised Sender", "not-found"),
    _fatal("20004", "Non-Approved file type received as an attachment", "security"),
    _fatal("20005", "Unsupported file type received as an attachment", "security"),
    _fatal("20006", "ITK header validation failure", *_HEADER_FAULTS),
    _fatal("20007", "Duplicate Message received", "duplicate"),
    _fatal("20008", "Duplicate Document received", "duplicate"),
    _fatal("20009", "Payload validation failure", *_PAYLOAD_FAULTS),
    _fatal("20010", "Unrecognised Payload Recipient Organisation", "not-found"),
    _fatal("20011", "Unrecognised Payload Recipient Person", "not-found"),
    _fatal("20012", "Unauthorised Sender", "security"),
    _good("20013", "Success"),
    _fatal("20014", "Unable to Process Replacement Document", "processing"),
    _fatal("20015", "Message too large", "processing"),
    _good("30001", "Patient known here. (e.g. Patient is registered here)"),
    _fatal("30002", "Patient not known here. (aka 'patient record not present in system')", "not-found"),
    _fatal("30003", "Patient no longer at this clinical setting", "business-rule"),
    _good(
        "30004",
        "Patient known here and recently deceased (i.e. patient record current in GP practice system at time of "
        "patient\N{RIGHT SINGLE QUOTATION MARK}s death and deduction subsequently occurred for this reason)",
    ),
    _good("30005", "Referral open"),
    _good("30006", "Referral completed"),
    _declined("30007", "Referral escalated back to GP"),
    _good("30008", "Signposting to GP (non-urgent)"),
    _good("30009", "Clinical escalation to UTC/111/GPOOH"),
    _good("30010", "Clinical escalation to A&E or 999"),
    _good("30011", "Advised to go elsewhere/self-referral"),
    _declined("30012", "Unable to contact the patient"),
    _good("30013", "Closure (service not needed)"),
    _declined("30014", "Closure (service not accepted)", "information"),
    _declined("30015", "Closure (duplicate referral)", "information", "duplicate"),
    _good("30016", "Referral accepted"),
    _declined("30017", "Referral rejected"),
    _declined("30018", "Did Not Attend"),
    _good("30019", "GP Registration - Application accepted"),
    _declined("30020", "GP Registration - Application pending (contact practice)"),
    _declined("30021", "GP Registration - Application rejected (patient already registered)"),
    _declined("30022", "GP Registration - Application rejected (at capacity)"),
    _declined("30023", "GP Registration - Application rejected (out of boundary)"),
    _declined("30024", "GP Registration - Application rejected (Previously removed from this practice)"),
    _declined("30025", "GP Registration - Application rejected (Previously removed from another practice)"),
)

RESPONSE_CODES: Final = MappingProxyType({code.code: code for code in _PUBLISHED})
"""Every published code."""

# Decision 5: withdrawn in ITK 2.5.0, so never sent; an old receiver may still answer with it.
_WITHDRAWN: Final = replace(_fatal("10006", "Priority Value - Processing Error", "processing"), published=False)


def find(code: str | None) -> ResponseCode:
    """Return what ``code`` means.

    Decision 25: an unknown 1xxxx or 2xxxx is a negative infrastructure code; an unknown 3xxxx is a business
    code, and anything else a code of no known level, of which nobody can say whether it is good.
    """
    code = (code or "").strip()
    if code == _WITHDRAWN.code:
        return _WITHDRAWN
    if code in RESPONSE_CODES:
        return RESPONSE_CODES[code]
    # ITK3's own pages once print a code of six digits
    if re.fullmatch(r"[12][0-9]{4,5}", code):
        return replace(_fatal(code, "Unknown infrastructure response", "processing"), published=False)
    level = Level.BUSINESS if re.fullmatch(r"3[0-9]{4,5}", code) else Level.UNKNOWN
    return ResponseCode(code, f"Unknown {level} response", level, None, "warning", ("processing",), published=False)
