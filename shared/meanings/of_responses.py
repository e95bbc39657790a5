"""The ITK3 response codes in plain English."""

from __future__ import annotations

from typing import Final

from shared.meanings.meaning import Meaning

_NOBODY: Final = "nobody"
_SUPPORT: Final = "the support of the sending practice's system"
_OTHER_SUPPORT: Final = "the support of the registered practice's system"
_STAFF: Final = "the sending practice's staff"

_TELL: Final = "Tell the registered practice by telephone what the consultation says."
_REISSUE: Final = "Once it is mended, `reissue` the consultation."
_GIVE_SUPPORT: Final = f"{_TELL} Give the report's id to support; `export` has the message. {_REISSUE}"
_FAILED: Final = "The sender marks the report `failed` and opens an alert."
_NEVER_SENT: Final = "Our receiver never sends it."

# code, what it says, when our receiver sends it
_WRONGLY_BUILT: Final = (
    ("10001", "The message lacks the part that says how it is to be handled.", "the handling extension is missing"),
    (
        "10002",
        "The message does not ask for an infrastructure response in the way it must.",
        "InfAckRequested is not `true` (GPCM-SD-068)",
    ),
    (
        "10003",
        "The message does not ask for a business response in the way it must.",
        "BusAckRequested is not `true` (GPCM-SD-069)",
    ),
    (
        "10004",
        "The message says that it is of a kind that the registered practice's system does not take.",
        "the message definition is of another kind",
    ),
    (
        "10005",
        "The message is of the right kind, in a version that the registered practice's system does not take.",
        "the message definition has another final number",
    ),
    ("10006", "The message's priority was not understood. ITK withdrew this code in 2018.", ""),
    ("10007", "The sender's reference of the message is missing or cannot be used.", "the reference cannot be used"),
    (
        "10008",
        "The message breaks a rule of GP Connect: something that it must say is missing or has another value.",
        "something mandatory is missing or a fixed value differs (GPCM-SD-067, 072, 073)",
    ),
    ("10009", "The registered practice's system could not read the message at all.", "the body is no readable message"),
    (
        "10010",
        "The message does not say that it is for action, as it must.",
        "the recipient type is not FA (GPCM-SD-070)",
    ),
    ("20006", "The message's header breaks a rule of ITK3.", "the bundle or its header is not valid"),
    ("20009", "The report inside the message breaks a rule.", "the payload is not valid"),
    (
        "20014",
        "The document could not take the place of an earlier one; neither version counts any more.",
        "the document that it replaces is another consultation's, or another patient's",
    ),
)

_ATTACHED: Final = (
    (
        "20004",
        "The report has an attachment of a type that may not be sent.",
        f"{_TELL} Attach it as another type, PDF at best; the update is sent by itself.",
        "an attachment's type is not on the list of GP Connect",
    ),
    (
        "20005",
        "The report has an attachment that is not what it claims to be, or that the other system cannot show.",
        f"{_TELL} Attach it anew, as PDF at best; the update is sent by itself.",
        "an attachment's bytes are of another type than it says",
    ),
    (
        "20015",
        "The message is too large for the registered practice's system.",
        f"{_TELL} Bring it the attachments in another way, and take large ones out; the update is sent by itself.",
        "it is over `MAX_MESSAGE_SIZE`",
    ),
)

_OTHER_RULES: Final = (
    (
        "20001",
        "The registered practice's system does not know the person that the message is addressed to.",
        _OTHER_SUPPORT,
        f"{_TELL} Ask its support why, since a federated consultation report names no person.",
    ),
    (
        "20002",
        "The registered practice's system does not know the organisation that the message is addressed to.",
        _OTHER_SUPPORT,
        f"{_TELL} Ask its support why, since a federated consultation report names no addressee in its header.",
    ),
    (
        "20003",
        "The registered practice's system does not know the sending practice.",
        _OTHER_SUPPORT,
        f"{_TELL} Ask its support to let this practice's reports in. {_REISSUE}",
    ),
    (
        "20011",
        "The person that the report is addressed to is not at the registered practice.",
        _STAFF,
        f"{_TELL} {_REISSUE}",
    ),
    (
        "20012",
        "The registered practice's system does not let the sending practice send reports.",
        _OTHER_SUPPORT,
        f"{_TELL} Ask its support to let this practice's reports in. {_REISSUE}",
    ),
)

_ALREADY_THERE: Final = (
    (
        "20007",
        "The registered practice's system has this very message already.",
        "MessageHeader.id earned 20013 before",
    ),
    ("20008", "The registered practice's system has this very report already.", "the payload's id earned 20013 before"),
)

_ELSEWHERE: Final = "Find out with PDS where the patient is registered, tell that practice by telephone, and correct"
_MATCHING: Final = (
    (
        "30002",
        "The registered practice does not know this patient: number, name or birth date do not fit.",
        f"{_ELSEWHERE} number, name or birth date in the consultation; the update is sent by itself.",
        "nobody fits, or a person rejected the candidates",
    ),
    (
        "30003",
        "The patient has left that practice, or died there six months ago or more.",
        f"{_ELSEWHERE} the registered practice in the consultation, or run `route`; the new version goes there.",
        "the patient left, or died six months ago or more",
    ),
)

_REFERRALS: Final = {
    "30005": "a referral is open",
    "30006": "a referral is completed",
    "30007": "a referral went back to the GP",
    "30008": "the patient was sent to the GP, without urgency",
    "30009": "the patient was handed on to urgent care, 111 or the GP out of hours",
    "30010": "the patient was handed on to an emergency department or 999",
    "30011": "the patient was advised to go elsewhere",
    "30012": "the patient could not be reached",
    "30013": "a referral was closed, the service not being needed",
    "30014": "a referral was closed, the service not being accepted",
    "30015": "a referral was closed as a duplicate",
    "30016": "a referral was accepted",
    "30017": "a referral was rejected",
    "30018": "the patient did not attend",
    "30019": "a registration was accepted",
    "30020": "a registration waits; the practice wants to be contacted",
    "30021": "a registration was rejected, the patient being registered already",
    "30022": "a registration was rejected, the practice being full",
    "30023": "a registration was rejected, the patient living outside the practice's area",
    "30024": "a registration was rejected, the patient having been removed from this practice before",
    "30025": "a registration was rejected, the patient having been removed from another practice before",
}


def _of_referral(code: str, said: str, *, positive: bool) -> Meaning:
    noted = "The sender keeps waiting for 30001 or 30004 and opens an alert."
    return Meaning(
        code,
        f"It says that {said}. It belongs to referrals or registrations and says nothing about a consultation report.",
        _STAFF,
        "Ask the registered practice whether the report was filed.",
        f"{noted if positive else _FAILED} {_NEVER_SENT}",
    )


_NEGATIVE_REFERRALS: Final = frozenset(
    {"30007", "30012", "30014", "30015", "30017", "30018", *(f"300{number}" for number in range(20, 26))}
)

RESPONSES: Final = (
    Meaning(
        "20013",
        "The registered practice's system accepted the message. Whether the patient is known there comes next.",
        _NOBODY,
        "Wait for the business response.",
        "The sender marks the report `accepted`. Our receiver sends it when every rule holds.",
    ),
    *(
        Meaning(
            code,
            means,
            _SUPPORT,
            _GIVE_SUPPORT,
            f"{_FAILED} {f'Our receiver sends it when {when}.' if when else _NEVER_SENT}",
        )
        for code, means, when in _WRONGLY_BUILT
    ),
    *(Meaning(code, means, who, step, f"{_FAILED} {_NEVER_SENT}") for code, means, who, step in _OTHER_RULES),
    Meaning(
        "20010",
        "The report went to a practice that it is not for.",
        _STAFF,
        f"{_ELSEWHERE} the registered practice in the consultation, or run `route`; the new version goes there.",
        f"{_FAILED} Our receiver sends it when Task.owner is another practice.",
    ),
    *(
        Meaning(
            code,
            means,
            _NOBODY,
            "Wait for the business response to the first one.",
            f"The sender takes it as accepted. Our receiver sends it when {when}, and files nothing again.",
        )
        for code, means, when in _ALREADY_THERE
    ),
    Meaning(
        "30001",
        "The patient is registered at the practice; the report is on its worklist.",
        _NOBODY,
        "Nothing.",
        "With 20013 the report is `delivered`. Our receiver sends it when it has filed the report.",
    ),
    *(
        Meaning(code, means, _STAFF, step, f"{_FAILED} Our receiver sends it when {when}.")
        for code, means, step, when in (*_ATTACHED, *_MATCHING)
    ),
    Meaning(
        "30004",
        "The patient was registered at the practice and died less than six months ago; the report is on its worklist.",
        _NOBODY,
        "Nothing.",
        "With 20013 the report is `delivered`. Our receiver sends it when it has filed the report.",
    ),
    *(_of_referral(code, said, positive=code not in _NEGATIVE_REFERRALS) for code, said in _REFERRALS.items()),
)
"""Every published response code, and 10006."""

UNKNOWN_INFRASTRUCTURE: Final = (
    "The answer has a code that this version does not know; by its number it is a refusal.",
    _OTHER_SUPPORT,
    f"{_TELL} Ask its support what the code means.",
)
UNKNOWN_RESPONSE: Final = (
    "The response's code is not one that this version knows: whether the report was filed cannot be told.",
    _OTHER_SUPPORT,
    "Ask the registered practice whether the report was filed, and its support what the code means.",
)
