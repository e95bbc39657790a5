"""What people at the receiver's pages are told to do about each kind of alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.web.advice import OF_BOTH, Advice
from shared.web.links import Link

_TELEPHONE: Final = "Telephone the sending practice with the code: it waits for this response to its report."

ADVICE: Final[Mapping[str, Advice]] = {
    **OF_BOTH,
    "patient_index_empty": Advice(
        "The list of the practice's patients is empty",
        "Whoever runs this service imports the practice's patients. Ask the practices whose reports were answered"
        " 30002 meanwhile to send them again.",
        (Link("The reports whose patient was not known here", "/messages?state=unmatched"),),
    ),
    "review_waiting": Advice(
        "A near miss waits for a decision",
        "Say who the patient is, or that nobody here is meant. When in doubt telephone the sending practice.",
    ),
    "patient_differs": Advice(
        "Versions of a consultation name different patients",
        "Open the task and the other versions that it lists, and telephone the sending practice: which patient was it?"
        " Take the wrong one out of the record, and complete its task.",
    ),
    "replacement_failed": Advice(
        "A document could not take another one's place",
        "Do not rely on the task before you telephoned the sending practice, which has the newer document.",
    ),
    "message_parked": Advice(
        "A message was set aside",
        "Whoever runs this service finds and mends the cause. Then take the message back into work on its page.",
    ),
    "response_parked": Advice(
        "A response was set aside",
        f"{_TELEPHONE} Once the cause is mended, take it back into work on the page of the message.",
    ),
    "response_undelivered": Advice(
        "A response did not arrive",
        f"{_TELEPHONE} It ought to mend its mailbox, and may then send the report once more.",
    ),
    "unanswerable": Advice(
        "A message cannot be answered",
        "Find out who sent the message and tell them the code by telephone; ask the MESH service desk about the missing"
        " sender.",
    ),
    "drop_failed": Advice(
        "Tasks cannot be laid into the directory",
        "Whoever runs this service mends the directory; it is tried again by itself. Every task is on the worklist all"
        " the same.",
        (Link("The worklist", "/tasks"),),
    ),
}
