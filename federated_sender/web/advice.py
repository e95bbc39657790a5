"""What people at the sender's pages are told to do about each kind of alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.web.advice import OF_BOTH, Advice
from shared.web.links import Link
from shared.web.roles import Role

_RESEND: Final = Link("Resend the report", "{record}/resend", Role.CLERK)
_REISSUE: Final = Link("Reissue the report", "{record}/reissue", Role.CLERK)
_ROUTE: Final = Link("Name the registered practice", "{record}/route", Role.CLERK)
_CORRECT: Final = "Correct the consultation in the clinical system; the report is then tried again by itself."

ADVICE: Final[Mapping[str, Advice]] = {
    **OF_BOTH,
    "parked": Advice(
        "Something was set aside",
        "Whoever runs this service finds and mends the cause. A report is then taken back into work on its page, a"
        " response by whoever runs this service. When the alert says that PDS's record cannot be read: find out where"
        " the patient is registered and name that practice, or have PDS corrected.",
        (_ROUTE,),
    ),
    "not_sent": Advice(
        "A report is late",
        "Whoever runs this service looks why: MESH, the database or the sender itself may be away. It goes out by"
        " itself once that is mended.",
    ),
    "invalid": Advice("A consultation cannot be sent as it is", f"Each fault is named with the report. {_CORRECT}"),
    "older_update": Advice(
        "An older state of a consultation came after a newer one",
        "Ask the clinical system's supplier why, and have the consultation written again with a later time of change.",
    ),
    # what to do follows from the code, or from what MESH's tracking knows
    "refused": Advice("MESH refused a report", links=(_RESEND, _REISSUE)),
    "undeliverable": Advice("MESH could not deliver a report", links=(_RESEND, _REISSUE)),
    "negative_response": Advice("A report was not filed", links=(_ROUTE, _REISSUE)),
    "unknown_response": Advice("A response says nothing certain"),
    "infrastructure_overdue": Advice("No response to a report yet", links=(_RESEND,)),
    "business_overdue": Advice("Nobody has said whether a report was filed", links=(_RESEND,)),
    "unknown_to_mesh": Advice(
        "MESH does not know a report any more",
        "Tell the registered practice by telephone what the consultation says; then resend the report, and give its"
        " MESH message id to the MESH service desk.",
        (_RESEND,),
    ),
    "other_responder": Advice(
        "Another practice responded", "Check with PDS where the patient is registered; the response was accepted."
    ),
    "response_for_nobody": Advice(
        "A response belongs to no report that is known here",
        "Ask whoever sent it; if a database was restored, ask for the reports since the backup.",
    ),
    "deleted_after_sending": Advice(
        "A consultation was deleted after its report was made",
        "Telephone the registered practice: it has, or will get, a report of a consultation that was deleted. The page"
        " of the report says about whom, and the telephone number. Then close this alert.",
    ),
    "not_resent": Advice(
        "A report was not sent again",
        "Telephone the registered practice: what it has of this consultation does not hold any more. Then close this"
        " alert.",
    ),
    "sent_after_all": Advice(
        "A report that was withdrawn went out all the same",
        "Telephone that practice: the consultation was deleted, became confidential or is about another patient since."
        " What happened is told with the report. Then close this alert.",
    ),
    "updated_after_deletion": Advice(
        "A deleted consultation was changed",
        "Ask the clinician. If it was not meant to be deleted, take that back in the clinical system or reissue the"
        " report; else close this alert.",
        (_REISSUE,),
    ),
    "confidential": Advice(
        "A confidential consultation was not sent",
        "Decide with the clinician whether the registered practice is told in another way; where an earlier version was"
        " sent, telephone that practice: what it holds is confidential now. Then close this alert.",
    ),
    "pds_refused": Advice(
        "PDS refuses this application",
        "Whoever runs this service looks at API key, key id, private key, addresses and clock. Reports wait meanwhile.",
    ),
    "pds_superseded": Advice("An NHS number was replaced by another one", f"Trace the patient on PDS. {_CORRECT}"),
    "pds_restricted": Advice(
        "A patient's record on PDS is restricted",
        "Follow the practice's rules for restricted records. Only when the registered practice is known and may have"
        " the report, name that practice.",
        (_ROUTE,),
    ),
    "pds_no_practice": Advice(
        "PDS names no registered practice",
        "Ask the patient. When PDS names the practice, reissue the report: PDS is asked again. Otherwise name the"
        " practice yourself.",
        (_REISSUE, _ROUTE),
    ),
    "pds_demographics_differ": Advice(
        "A consultation and PDS do not agree about the patient",
        "Trace the patient on PDS, and correct whichever is wrong. A consultation that is corrected is tried again by"
        " itself; when PDS was corrected and the report is held, reissue it.",
        (_REISSUE,),
    ),
}
