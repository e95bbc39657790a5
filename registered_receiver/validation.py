"""Judges a message that came with the workflow of reports: what happens to it, and with which code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registered_receiver.states import MessageEvent
from shared.itk3.parse import Reading
from shared.itk3.rule import Context
from shared.itk3.rules import Verdict, judge

_REPEATED: Final = frozenset({"20007", "20008"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What happens to a message; ``verdict`` is None for a response, which nobody answers (decision 15)."""

    event: MessageEvent
    verdict: Verdict | None


def validate(reading: Reading, context: Context) -> Judgement:
    """Hold a message against the table of rules; see :func:`shared.itk3.rules.judge`."""
    if reading.is_response:
        return Judgement(MessageEvent.IS_RESPONSE, None)
    verdict = judge(reading, context)
    if verdict.accepted:
        return Judgement(MessageEvent.ACCEPTED, verdict)
    # decision 8: it is here already, nothing is wrong with it
    return Judgement(MessageEvent.REPEATED if verdict.code in _REPEATED else MessageEvent.REFUSED, verdict)
