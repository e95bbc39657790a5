"""What a response or a MESH REPORT means for a report: decisions 8, 15, 25 and 26 as pure rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from federated_sender.states import Event, State
from federated_sender.tracking import Tracked
from shared.itk3.codes import Level, find
from shared.meanings.catalogue import is_known, meaning_of

# decision 26: the receiver has it already, so it did accept it
_ALREADY_THERE = frozenset({"20007", "20008"})
# the contract: the only business codes that mean the report was filed; the others are about referrals
_FILED = frozenset({"30001", "30004"})
# as ITK3 and MESH write codes: 20013, 14, EPL-151; neither a word nor an NHS number
_CODE = re.compile(r"(?:[A-Z]{1,4}-?)?[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a report when something arrives about it."""

    state: State
    infrastructure_code: str | None
    business_code: str | None


@dataclass(frozen=True, slots=True)
class AlertNeed:
    """An alert to open: its kind, what happened and what to do, free of patient data."""

    kind: str
    text: str
    action: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What follows: the event, the codes and the reason to keep, and what a person must be told."""

    event: Event
    infrastructure_code: str | None
    business_code: str | None
    reason: str | None = None
    alert: AlertNeed | None = None


def is_positive(code: str | None) -> bool:
    """Say whether ``code`` says that its level went well; polarity comes from the code alone (decision 15)."""
    if code is None or find(code).level is Level.BUSINESS:
        return code in _FILED
    return code in _ALREADY_THERE or find(code).positive is True


def on_response(standing: Standing, code: str | None) -> Ruling:
    """Return what a response with ``code`` means for a report that stands at ``standing``."""
    meaning = find(code)
    if code is None or (meaning.positive is not False and not is_positive(code)):
        return _noted(standing, _unknown(code))
    infrastructure, business = standing.infrastructure_code, standing.business_code
    if is_positive(code):
        if meaning.level is Level.INFRASTRUCTURE:
            infrastructure = _better(infrastructure, code)
        else:
            business = code
        return Ruling(_event(standing.state, infrastructure, business), infrastructure, business)
    need = _negative(code)
    if standing.state in (State.DELIVERED, State.FAILED):
        return _noted(standing, need if standing.state is State.DELIVERED else None)
    if meaning.level is Level.INFRASTRUCTURE:
        infrastructure = code
    else:
        business = code
    return Ruling(Event.NEGATIVE, infrastructure, business, reason=code, alert=need)


def well_formed(code: str | None) -> str | None:
    """Return ``code`` when it looks like one; whatever else the other side wrote there is not repeated anywhere."""
    return code if code is not None and _CODE.fullmatch(code) else None


def on_mesh_report(standing: Standing, code: str, *, of_earlier_send: bool = False) -> Ruling:
    """Return what a MESH REPORT means: before any response the report did not arrive, afterwards it is noted.

    ``of_earlier_send`` says that the report was sent again since: the later send may still arrive.
    """
    answered = standing.infrastructure_code or standing.business_code
    if of_earlier_send or standing.state is not State.SENT or answered:
        return _noted(standing, None)
    return Ruling(Event.UNDELIVERABLE, None, None, reason=code, alert=_undeliverable(code))


def on_refusal(code: str | None, http_status: int | None) -> Ruling:
    """Return what MESH's refusal of the POST means: nothing was taken, and nothing will be."""
    status = f"HTTP {http_status}" if http_status else None
    reason = code or status
    if reason is None:
        need = AlertNeed(
            "refused",
            "The report cannot be sent: no header of MESH can carry what it says.",
            "Correct the patient's surname in the consultation; it is sent again by itself. Who usually acts: the"
            " sending practice's staff.",
        )
        return Ruling(Event.REFUSED, None, None, reason="unsendable", alert=need)
    # MESH does not always give one of its codes there; the status says more then
    meaning = meaning_of(reason if is_known(reason) or status is None else status)
    need = AlertNeed("refused", f"MESH refused the report ({reason}). {meaning}", meaning.action)
    return Ruling(Event.REFUSED, None, None, reason=reason, alert=need)


def on_tracking(found: Tracked) -> AlertNeed | None:
    """Return what a person must be told at once of what MESH's tracking says, None when that can wait.

    ``undeliverable`` is the same kind as that of a MESH REPORT, so that both together open one alert.
    """
    if found is Tracked.UNDELIVERABLE:
        return AlertNeed(
            "undeliverable",
            "MESH could not deliver the report; its own report, which says why, has not come.",
            "Tell the registered practice by telephone what the consultation says; ask the MESH service desk for the"
            " reason. Who usually acts: the sending practice's staff.",
        )
    if found is Tracked.UNKNOWN_TO_MESH:
        return AlertNeed(
            "unknown_to_mesh",
            "MESH took the report and does not know it any more: it may never arrive.",
            "Tell the registered practice by telephone what the consultation says; then `resend` the report, and give"
            " its MESH message id to the MESH service desk. Who usually acts: the sending practice's staff.",
        )
    return None


def settles(standing: Standing, ruling: Ruling) -> Iterator[tuple[str, str]]:
    """Give the kinds of alerts about a report that what arrived settles, each with the reason."""
    if ruling.infrastructure_code is not None:
        yield "infrastructure_overdue", f"the infrastructure response came: {ruling.infrastructure_code}"
    if ruling.business_code is not None:
        yield "business_overdue", f"the business response came: {ruling.business_code}"
    if ruling.event in (Event.NEGATIVE, Event.UNDELIVERABLE):
        for level in Level.INFRASTRUCTURE, Level.BUSINESS:
            yield f"{level}_overdue", f"the report failed: {ruling.reason}"
    answered = ruling.infrastructure_code or ruling.business_code
    if answered and (standing.state is not State.FAILED or ruling.event is Event.BOTH_POSITIVE):
        # whoever answers has it, whatever MESH said
        for kind in "undeliverable", "unknown_to_mesh":
            yield kind, f"the registered practice answered: {answered}"
    if ruling.event is Event.BOTH_POSITIVE and standing.state is State.FAILED:
        yield "negative_response", "corrected: both positive responses came"


def _event(state: State, infrastructure: str | None, business: str | None) -> Event:
    if state is State.DELIVERED:
        return Event.NOTED
    if is_positive(infrastructure) and is_positive(business):
        return Event.BOTH_POSITIVE
    if state is State.FAILED or (state is State.ACCEPTED and not is_positive(business)):
        return Event.NOTED
    return Event.INFRASTRUCTURE_POSITIVE if is_positive(infrastructure) else Event.BUSINESS_POSITIVE


def _better(known: str | None, code: str) -> str:
    # 20013 says more than "duplicate": it is never replaced by one
    return known if known is not None and is_positive(known) and code in _ALREADY_THERE else code


def _noted(standing: Standing, alert: AlertNeed | None) -> Ruling:
    return Ruling(Event.NOTED, standing.infrastructure_code, standing.business_code, alert=alert)


def _negative(code: str) -> AlertNeed:
    meaning = meaning_of(code)
    return AlertNeed("negative_response", f"The registered practice did not file it. {meaning}", meaning.action)


def _unknown(code: str | None) -> AlertNeed:
    if code is None:
        return AlertNeed(
            "unknown_response",
            "A response came without a code: whether the report was filed cannot be told.",
            "Ask the registered practice whether the report was filed. Who usually acts: the sending practice's staff.",
        )
    meaning = meaning_of(code)
    return AlertNeed("unknown_response", f"A response came that says nothing certain. {meaning}", meaning.action)


def _undeliverable(code: str) -> AlertNeed:
    meaning = meaning_of(code)
    return AlertNeed("undeliverable", f"MESH did not deliver the report. {meaning}", meaning.action)
