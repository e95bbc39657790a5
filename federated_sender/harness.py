"""The synthetic sender: it posts exemplars, collects what is answered to them, and leaves everything else alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from federated_sender.harness_answer import Answer
from federated_sender.harness_exchange import Exchange, Received, find_exchange, waves
from federated_sender.harness_exemplars import Exemplar
from federated_sender.harness_rules import broken_rules
from federated_sender.responses import well_formed
from shared.clock import Clock
from shared.errors import Fault, InvalidMessage, MeshAmbiguous, MeshError, MeshPending, MeshUnavailable
from shared.itk3.parse import read
from shared.itk3.responses import read_response
from shared.mesh.delivery import deliver
from shared.mesh.inbox import Collector
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import IncomingMessage, MessageHeaders, MessageType, OutgoingMessage
from shared.mesh.ownership import ACKNOWLEDGEMENT_SUFFIX

_LARGEST_RESPONSE: Final = 5_000_000
_ATTEMPTS: Final = 3
_WAIT: Final = 5.0


@dataclass
class SenderHarness:
    """Posts exemplars from one mailbox and collects their responses.

    ``run_id`` is that of the exemplars. ``within`` is how long a response may take; the mailbox is looked at ``every``
    so often. ``pause`` waits for some seconds and says whether to go on. ``say`` gets a line now and then about what
    goes on, without patient data. Responses to anybody else's messages stay in MESH.
    """

    client: MeshMailbox
    clock: Clock
    workflow_id: str
    run_id: UUID
    within: timedelta
    every: timedelta
    pause: Callable[[float], bool]
    say: Callable[[str], None]
    patient_data: frozenset[str] = field(default=frozenset(), repr=False)
    exchanges: list[Exchange] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    _going: bool = True

    def run(self, exemplars: Sequence[Exemplar]) -> list[Exchange]:
        """Post all and return what came back when everything is settled, the time is over or a signal came."""
        collector = Collector(
            self.client,
            owns=self._owns,
            keep=self._keep,
            left=lambda _: None,
            max_bytes=_LARGEST_RESPONSE,
            workflows=(self.workflow_id,),
        )
        self.exchanges = [Exchange(each) for each in exemplars]
        by_name = {each.exemplar.name: each for each in self.exchanges}
        for wave in waves(exemplars):
            if self._going:
                self._play([by_name[each.name] for each in wave], collector)
        if self._going:
            # whoever answers too much does so now
            self._going = self.pause(self.every.total_seconds())
            self._collect(collector)
        return self.exchanges

    def _play(self, wave: Sequence[Exchange], collector: Collector) -> None:
        for exchange in wave:
            self._post(exchange)
        self.say(f"{len(wave)} posted: {', '.join(each.exemplar.name for each in wave)}")
        deadline = self.clock() + self.within
        self._collect(collector)
        while self._going and self.clock() < deadline and not all(each.is_settled for each in wave):
            self._going = self.pause(min(self.every, deadline - self.clock()).total_seconds())
            self._collect(collector)
            settled = sum(each.is_settled for each in self.exchanges)
            self.say(f"{settled} of {len(self.exchanges)} are settled")

    def _post(self, exchange: Exchange) -> None:
        """Post one; an attempt of which nobody knows the outcome is looked up before the next (decision 13)."""
        outgoing = self._outgoing(exchange)
        attempts = Retrying(
            retry=retry_if_exception_type((MeshAmbiguous, MeshUnavailable)),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_fixed(_WAIT),
            sleep=lambda seconds: setattr(self, "_going", self.pause(seconds)),
            reraise=True,
        )
        try:
            for attempt in attempts:
                with attempt:
                    look_first = attempt.retry_state.attempt_number > 1
                    delivered = deliver(self.client, outgoing, look_first=look_first)
                    exchange.mesh_message_id = delivered.message_id
        except MeshPending:
            # the MESH client has it, and tells by a report should it fail
            exchange.sent_at = self.clock()
        except MeshError as error:
            exchange.refused = str(error)
        else:
            exchange.sent_at = self.clock()

    def _outgoing(self, exchange: Exchange) -> OutgoingMessage:
        exemplar, local_id = exchange.exemplar, self._local_id(exchange)
        return OutgoingMessage(exemplar.mex_to, self.workflow_id, local_id, exemplar.subject, exemplar.body)

    def _local_id(self, exchange: Exchange) -> str:
        return f"{self.run_id}.{self.exchanges.index(exchange) + 1}"

    def _collect(self, collector: Collector) -> None:
        try:
            failures = collector.collect().failures
        except MeshError as error:
            self.say(f"MESH: {error}")
            return
        for message_id, failure in failures:
            if message_id not in self.others:
                self.say(f"{message_id}: {failure}")

    def _owns(self, headers: MessageHeaders) -> bool:
        if headers.message_id in self.others:
            return False
        if headers.message_type is MessageType.REPORT:
            return self._reported(headers) is not None
        # a response in the wrong workflow is to be told, too (GPCM-SD-058)
        return headers.workflow_id in (self.workflow_id, self._acknowledgements)

    @property
    def _acknowledgements(self) -> str:
        return self.workflow_id + ACKNOWLEDGEMENT_SUFFIX

    def _reported(self, headers: MessageHeaders) -> Exchange | None:
        linked, local_id = headers.linked_message_id, headers.local_id
        by_id = (each for each in self.exchanges if linked and each.mesh_message_id == linked)
        by_local_id = (each for each in self.exchanges if local_id and self._local_id(each) == local_id)
        return next(by_id, None) or next(by_local_id, None)

    def _keep(self, message: IncomingMessage) -> None:
        """Note what came; raise InvalidMessage, which leaves it in MESH, when it answers nothing of this run."""
        headers = message.headers
        exchange = self._reported(headers) if headers.message_type is MessageType.REPORT else None
        if exchange is not None:
            exchange.mesh_code = headers.status_code or "no code"
            return
        body = message.body
        reading = read(body, _LARGEST_RESPONSE, truncated=message.truncated)
        response = read_response(body)
        if reading.is_response or headers.workflow_id == self._acknowledgements:
            exchange = find_exchange(self.exchanges, response.request_id, response.sender_reference)
        if exchange is None:
            self.others.add(headers.message_id)
            raise InvalidMessage(Fault("message", "answers nothing that was posted"))
        if headers.message_id in {each.mesh_message_id for each in exchange.responses}:
            return
        exemplar = exchange.exemplar
        answer = Answer(
            reading=reading,
            workflow_id=headers.workflow_id,
            mailbox=headers.sender,
            acknowledgement_workflow=self._acknowledgements,
            message_id=exemplar.message_id,
            sender_reference=exemplar.sender_reference,
            patient_data=self.patient_data,
        )
        broken = tuple((rule.id, rule.requirement, rule.text) for rule in broken_rules(answer))
        code = well_formed(response.code)
        exchange.responses.append(Received(headers.message_id, self.clock(), code, broken))
