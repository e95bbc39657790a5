"""How the synthetic receiver answers a message: chosen by a given name in it, as NHS Digital's own harness does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.itk3.codes import RESPONSE_CODES, Level, find
from shared.itk3.envelope import Envelope
from shared.itk3.parse import Reading
from shared.itk3.rule import Context
from shared.itk3.rules import judge

INVALID: Final = "invrep"
"""The word for a response that no sender can make sense of."""
SILENCE: Final = "noresponse"
WITHDRAWN: Final = "10006"
"""Decision 5: no longer in the code system, but an old receiver may still answer with it."""
_POSITIVE: Final = "20013"
_KNOWN_HERE: Final = "30001"


class ChosenBy(StrEnum):
    """What decided the answer."""

    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    FLAGS = "flags"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Choice:
    """The answers to one message in their order: response codes, or ``INVALID``.

    ``name`` is the given name that decided, one of ``NAMES`` and so nobody's; None when none did.
    """

    chosen_by: ChosenBy
    answers: tuple[str, ...]
    name: str | None = None


NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{code: (code,) for code in (*RESPONSE_CODES, WITHDRAWN)},
        "IB001": (_POSITIVE, "30001"),
        "IB002": (_POSITIVE, "30002"),
        "IB003": (_POSITIVE, "30003"),
        "IB004": (_POSITIVE, "30004"),
        INVALID: (INVALID,),
        SILENCE: (),
    }
)
"""Every given name that decides, with the answers it stands for."""
_FOLDED: Final = {name.casefold(): name for name in NAMES}


def choose(reading: Reading) -> Choice:
    """Return how a message that is not a response is answered. Pure; never raises.

    The patient's given names are looked at first, then the practitioner's. Without such a name the flags decide: each
    level that is asked for gets its good news. A message that cannot be read has neither, and gets its fault.
    """
    envelope = reading.envelope
    if envelope is None:
        return Choice(ChosenBy.FAULT, (judge(reading, Context("")).code,))
    for chosen_by, resource in ((ChosenBy.PATIENT, "Patient"), (ChosenBy.PRACTITIONER, "Practitioner")):
        name = next((name for name in _given_names(envelope, resource) if name in NAMES), None)
        if name is not None:
            return Choice(chosen_by, NAMES[name], name)
    return Choice(ChosenBy.FLAGS, tuple(_asked_for(envelope)))


def broken_rules(reading: Reading, ods_code: str, sender_mailbox: str | None) -> tuple[str, ...]:
    """Return the ids of the rules that a real receiver at ``ods_code`` would find broken."""
    return tuple(failure.id for failure in judge(reading, Context(ods_code, sender_mailbox)).failures)


def level_of(answer: str) -> str:
    """Return the level that an answer is for: ``infrastructure`` or ``business``."""
    return Level.INFRASTRUCTURE if answer == INVALID else find(answer).level


def _given_names(envelope: Envelope, resource: str) -> Iterator[str]:
    bundles = (envelope.payload, envelope.message)
    people = [each for bundle in bundles if bundle is not None for each in bundle.of_type(resource)]
    for person in people:
        for given in person.all("name", "given"):
            name = (given.value or "").strip()
            yield _FOLDED.get(name.casefold(), name)


def _asked_for(envelope: Envelope) -> Sequence[str]:
    flags = {"InfAckRequested": _POSITIVE, "BusAckRequested": _KNOWN_HERE}
    keys = ((envelope.key(url), code) for url, code in flags.items())
    return [code for key, code in keys if key is not None and key.text("valueBoolean") == "true"]
