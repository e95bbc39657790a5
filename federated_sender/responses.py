"""What a response or a MESH REPORT means for a report: decisions 8, 15, 25 and 26 as pure rules."""

from __future__ import annotations

import re
from dataclasses import dataclass

from federated_sender.states import Event, State
from shared.itk3.codes import MESH_REPORT_CODES, Level, find

# decision 26: the receiver has it already, so it did accept it
_ALREADY_THERE = frozenset({"20007", "20008"})
# the contract: the only business codes that mean the report was filed; the others are about referrals
_FILED = frozenset({"30001", "30004"})


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
    need = _negative(code, meaning.display)
    if standing.state in (State.DELIVERED, State.FAILED):
        return _noted(standing, need if standing.state is State.DELIVERED else None)
    if meaning.level is Level.INFRASTRUCTURE:
        infrastructure = code
    else:
        business = code
    return Ruling(Event.NEGATIVE, infrastructure, business, reason=code, alert=need)


def well_formed(code: str | None) -> str | None:
    """Return ``code`` when it looks like one; whatever else the other side wrote there is not repeated anywhere."""
    return code if code is not None and re.fullmatch(r"[A-Za-z0-9-]{1,16}", code) else None


def on_mesh_report(standing: Standing, code: str) -> Ruling:
    """Return what a MESH REPORT means: before any response the report did not arrive, afterwards it is noted."""
    answered = standing.infrastructure_code or standing.business_code
    if standing.state is not State.SENT or answered:
        return _noted(standing, None)
    text = MESH_REPORT_CODES.get(code, "MESH could not deliver the message")
    need = AlertNeed("undeliverable", f"MESH did not deliver the report: {code}, {text}.", _on_mesh_code(code))
    return Ruling(Event.UNDELIVERABLE, None, None, reason=code, alert=need)


def on_refusal(code: str | None, http_status: int | None) -> Ruling:
    """Return what MESH's refusal of the POST means: nothing was taken, and nothing will be."""
    reason = code or (f"HTTP {http_status}" if http_status else "unsendable")
    need = AlertNeed(
        "refused",
        f"MESH refused the report: {reason}.",
        "Run `check --online`; mend the mailbox or the workflow, then send the consultation again.",
    )
    return Ruling(Event.REFUSED, None, None, reason=reason, alert=need)


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


def _negative(code: str, display: str) -> AlertNeed:
    return AlertNeed(
        "negative_response",
        f"The registered practice did not file the report: {code}, {display}.",
        "Tell the registered practice by telephone what the consultation says, and correct what the code names.",
    )


def _unknown(code: str | None) -> AlertNeed:
    return AlertNeed(
        "unknown_response",
        f"A response came whose code says nothing certain: {code or 'none'}.",
        "Ask the registered practice whether the report was filed.",
    )


def _on_mesh_code(code: str) -> str:
    if code in ("EPL-152", "EPL-153", "EPL-154"):
        return "Trace the patient on PDS, correct NHS number, birth date or surname, and update the consultation."
    if code in ("EPL-150", "EPL-151"):
        return "Ask the MESH service desk which mailbox the registered practice uses; tell the practice meanwhile."
    return "Tell the registered practice by telephone; ask it why its mailbox is not collected."
