"""The codes of MESH, its HTTP statuses and its tracking statuses in plain English."""

from __future__ import annotations

from typing import Final

from shared.meanings.meaning import Meaning

_NOBODY: Final = "nobody"
_STAFF: Final = "the sending practice's staff"
_SUPPORT: Final = "the support of the system that sent it"
_DESK: Final = "the MESH service desk"
_BOTH: Final = "the other practice, with the MESH service desk"

_TELL: Final = "Tell the other practice by telephone."
_GIVE_SUPPORT: Final = f"{_TELL} Give the id to support; once it is mended, send it again."
_CHECK: Final = "Run `check --online`: clock, mailbox id, password, shared key and certificate are the usual causes."
_REFUSED: Final = "To a POST: the report is `failed`, the response is set aside; an alert opens. Nothing was sent."
_UNDELIVERED: Final = (
    "As a MESH REPORT before any response: the report is `failed` with this code, an alert opens. About a response of"
    " ours: an alert opens at the receiver."
)
_CORRECT: Final = "the consultation is sent again by itself when its row is corrected"

_OF_REPORTS: Final = (
    (
        "14",
        "The other practice's mailbox did not collect the message within five days, or is closed.",
        _BOTH,
        f"{_TELL} Ask why its mailbox is not collected; the service desk can deliver it again for thirty days.",
    ),
    (
        "EPL-150",
        "Several mailboxes belong to the patient's registered practice, so MESH chose none.",
        _DESK,
        f"{_TELL} Ask the service desk which mailbox takes federated consultation reports; then `reissue`.",
    ),
    (
        "EPL-151",
        "No mailbox of the patient's registered practice takes federated consultation reports.",
        _DESK,
        f"{_TELL} Ask the service desk whether that practice has a mailbox for this workflow; then `reissue`.",
    ),
    (
        "EPL-152",
        "The NHS number is not a valid one.",
        _STAFF,
        f"Trace the patient on PDS and correct the NHS number: {_CORRECT}.",
    ),
    (
        "EPL-153",
        "PDS does not know the NHS number.",
        _STAFF,
        f"Trace the patient on PDS and correct the NHS number: {_CORRECT}.",
    ),
    (
        "EPL-154",
        "The NHS number belongs to somebody with another surname or birth date.",
        _STAFF,
        f"Trace the patient on PDS and correct number, surname or birth date: {_CORRECT}.",
    ),
)

_OF_POSTS: Final = (
    ("02", "MESH found no content in the message.", _SUPPORT, _GIVE_SUPPORT),
    ("06", "The message's headers have characters or a form that MESH does not take.", _SUPPORT, _GIVE_SUPPORT),
    ("07", "The message names a sending mailbox that is not the one it came from.", _SUPPORT, _GIVE_SUPPORT),
    ("08", "The message names no recipient.", _SUPPORT, _GIVE_SUPPORT),
    ("09", "The message's headers are of a version that MESH does not take.", _SUPPORT, _GIVE_SUPPORT),
    ("11", "The message is of a type that cannot be sent.", _SUPPORT, _GIVE_SUPPORT),
    (
        "12",
        "MESH knows no mailbox of that name.",
        _BOTH,
        f"{_TELL} Ask the service desk which mailbox the practice uses, and whether it is registered.",
    ),
    (
        "15",
        "The mailbox may send only over the network of its contract.",
        _DESK,
        "Ask the service desk what it allows.",
    ),
    ("16", "The mailbox may not send to this recipient.", _DESK, "Ask the service desk to allow it; then send again."),
    (
        "17",
        "One of the mailboxes is not registered for this workflow.",
        _DESK,
        f"{_TELL} Ask the service desk to register both mailboxes for the workflow; then send again.",
    ),
    ("18", "The workflow belongs to civil registration and is not open to this mailbox.", _SUPPORT, _GIVE_SUPPORT),
    ("19", "The message asks to be kept for a time that MESH does not offer.", _SUPPORT, _GIVE_SUPPORT),
)

_TO_CALLS: Final = (
    (
        "20",
        "MESH does not hold the message any more, or never did.",
        _NOBODY,
        "Nothing, when another system reads this mailbox or the message was fetched before.",
        "It is passed over; the others go on.",
    ),
    (
        "HTTP 400",
        "MESH does not understand the message's headers.",
        _SUPPORT,
        _GIVE_SUPPORT,
        _REFUSED,
    ),
    (
        "HTTP 401",
        "MESH, or a gateway before it, does not let this mailbox in.",
        _SUPPORT,
        _CHECK,
        "Nothing fails: everything waits and is tried again. The alert `mesh_refused` is open meanwhile.",
    ),
    (
        "HTTP 403",
        "MESH does not let this mailbox in. With EPL-151 in this answer it does not know the mailbox.",
        _SUPPORT,
        _CHECK,
        "Nothing fails: everything waits and is tried again. The alert `mesh_refused` is open meanwhile.",
    ),
    (
        "HTTP 404",
        "Nothing is there: the message is gone, or the address of MESH is wrong.",
        _NOBODY,
        "If `check --online` is content, nothing.",
        "A message of the mailbox is passed over. A POST waits, and the alert `mesh_refused` is open meanwhile.",
    ),
    (
        "HTTP 407",
        "A gateway before MESH wants credentials.",
        _SUPPORT,
        "Ask whoever runs the network to let this machine reach MESH.",
        "Nothing fails: everything waits and is tried again. The alert `mesh_refused` is open meanwhile.",
    ),
    (
        "HTTP 408",
        "MESH waited too long for the request.",
        _NOBODY,
        "Nothing.",
        "It is tried again; a POST is looked up first.",
    ),
    (
        "HTTP 410",
        "The message cannot be downloaded any more.",
        _NOBODY,
        "Nothing, when it was fetched before.",
        "It is passed over; the others go on.",
    ),
    ("HTTP 413", "The message is too large for MESH.", _SUPPORT, _GIVE_SUPPORT, _REFUSED),
    ("HTTP 417", "MESH refuses the message; the code beside it says why.", _SUPPORT, _GIVE_SUPPORT, _REFUSED),
    ("HTTP 422", "MESH does not take the message's encoding.", _SUPPORT, _GIVE_SUPPORT, _REFUSED),
    (
        "HTTP 423",
        "MESH has every part of the message already.",
        _NOBODY,
        "Nothing.",
        "Tracking confirms that it is there.",
    ),
    ("HTTP 425", "MESH asks to come back later.", _NOBODY, "Nothing.", "It is tried again."),
    (
        "HTTP 429",
        "MESH is asked too often.",
        _NOBODY,
        "If it lasts, look at `MESH_POLL_INTERVAL`.",
        "It is tried again.",
    ),
    (
        "HTTP 5xx",
        "MESH, or a gateway before it, has a fault of its own.",
        _NOBODY,
        "If it lasts for hours, look at the status page of MESH, then ask the service desk.",
        "Nothing fails: it is tried again. A POST that may have been taken is looked up first.",
    ),
)

MESH: Final = (
    Meaning(
        "00",
        "MESH brought the message to the recipient's mailbox.",
        _NOBODY,
        "Nothing.",
        "It stands on every message that is downloaded.",
    ),
    *(Meaning(code, means, who, step, _REFUSED) for code, means, who, step in _OF_POSTS),
    *(Meaning(code, means, who, step, _UNDELIVERED) for code, means, who, step in _OF_REPORTS),
    *(Meaning(*line) for line in _TO_CALLS),
)
"""Every code and status that MESH may answer or report with."""

UNKNOWN_MESH: Final = (
    "MESH gave a code that this version does not know.",
    _DESK,
    f"{_TELL} Ask the service desk what the code means.",
)

NO_CODE: Final = (
    "MESH, or the MESH client, could not send it and gives no code.",
    _SUPPORT,
    f"{_TELL} With `MESH_TRANSPORT=folder` read the MESH client's log; once the cause is mended, send it again.",
)
"""What can be said when a report of MESH, or what its client put into FAILED, has no code."""
