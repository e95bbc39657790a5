"""One exemplar's exchange with the other system: what came back, and whether that conforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from federated_sender.harness_exemplars import Exemplar
from shared.itk3.codes import Level, find

# unreadable, and too large to be read
_UNREAD: Final = frozenset({"10009", "20015"})


@dataclass(frozen=True, slots=True)
class Received:
    """A response, with the rules that it breaks: id, requirement and text of each."""

    mesh_message_id: str
    received_at: datetime
    code: str | None
    broken: tuple[tuple[str, str, str], ...] = ()

    @property
    def level(self) -> Level:
        """Who answered, by the code."""
        return find(self.code).level


@dataclass(slots=True)
class Exchange:
    """What is known of one exemplar.

    ``refused`` says why it could not be posted; ``mesh_code`` is there when MESH gave it back.
    """

    exemplar: Exemplar
    sent_at: datetime | None = None
    mesh_message_id: str | None = None
    refused: str | None = None
    mesh_code: str | None = None
    responses: list[Received] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come from a system that conforms."""
        if self.refused or self.mesh_code:
            return True
        levels = {response.level for response in self.responses}
        refused = any(find(each.code).positive is False for each in self.at(Level.INFRASTRUCTURE))
        return refused or {Level.INFRASTRUCTURE, Level.BUSINESS} <= levels

    def at(self, level: Level) -> list[Received]:
        """Return the responses of one level, in the order in which they came."""
        return [response for response in self.responses if response.level is level]

    def faults(self, within: timedelta) -> list[str]:
        """Return in words everything that does not conform; each response was due ``within`` that time."""
        if self.refused or self.sent_at is None:
            return [f"not posted: {self.refused or 'the run ended before'}"]
        if self.mesh_code:
            return [f"MESH did not deliver it: {self.mesh_code}"]
        return [*self._infrastructure(), *self._business(), *self._odd(), *self._late(within), *self._broken()]

    def _infrastructure(self) -> Iterator[str]:
        found = self.at(Level.INFRASTRUCTURE)
        if not found:
            yield "no infrastructure response came"
        yield from _wrong("infrastructure", found, self.exemplar.expected.infrastructure)

    def _business(self) -> Iterator[str]:
        found, wanted = self.at(Level.BUSINESS), self.exemplar.expected.business
        negative = any(find(each.code).positive is False for each in self.at(Level.INFRASTRUCTURE))
        if found and negative:
            # ITK3: after a negative infrastructure response the message is not looked at any more
            yield "a business response came although the infrastructure response is negative"
        elif wanted:
            if not found and not negative:
                yield "no business response came"
            yield from _wrong("business", found, wanted)

    def _odd(self) -> Iterator[str]:
        for response in self.at(Level.UNKNOWN):
            yield f"a response of no known level came: its code is {response.code or 'missing'}"

    def _late(self, within: timedelta) -> Iterator[str]:
        for response in self.responses:
            if self.sent_at is not None and response.received_at - self.sent_at > within:
                yield f"the response {response.code} came after {_seconds(response.received_at - self.sent_at)} s"

    def _broken(self) -> Iterator[str]:
        for response in self.responses:
            for _, requirement, text in response.broken:
                yield f"the response {response.code} breaks {requirement}: {text}"


def waves(exemplars: Sequence[Exemplar]) -> list[list[Exemplar]]:
    """Return what may be posted at once, wave after wave.

    A message in which a receiver may find no id is answered without one: it travels alone. What repeats another comes
    last, when that is settled.
    """
    later = [each for each in exemplars if each.after is not None]
    alone = [each for each in exemplars if _may_be_nameless(each)]
    together = [each for each in exemplars if each not in alone and each not in later]
    return [wave for wave in (together, *([each] for each in alone), later) if wave]


def find_exchange(
    exchanges: Sequence[Exchange], request_id: str | None, sender_reference: str | None
) -> Exchange | None:
    """Return what a response belongs to: by the message id, else the reference, else as the only one that waits.

    Of several exchanges with one id the last posted is meant: it was posted when the others were settled.
    """
    posted = [each for each in exchanges if each.sent_at is not None]
    waiting = [each for each in posted if not each.is_settled]
    if request_id is not None:
        named = [each for each in posted if (each.exemplar.message_id or "").lower() == request_id]
        if named:
            return named[-1]
    if sender_reference is not None:
        named = [each for each in waiting if each.exemplar.sender_reference == sender_reference]
        if named:
            return named[-1]
    nothing_named = request_id is None and sender_reference is None
    return waiting[0] if nothing_named and len(waiting) == 1 else None


def _may_be_nameless(exemplar: Exemplar) -> bool:
    unread = exemplar.expected.infrastructure[0] in _UNREAD
    return unread or (exemplar.message_id is None and exemplar.sender_reference is None)


def _wrong(level: str, found: Sequence[Received], wanted: Sequence[str]) -> Iterator[str]:
    if len(found) > 1:
        yield f"{len(found)} {level} responses came: {', '.join(str(each.code) for each in found)}"
    for response in found:
        if response.code not in wanted:
            yield f"the {level} response is {response.code}, it must be {' or '.join(wanted)}"


def _seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())
