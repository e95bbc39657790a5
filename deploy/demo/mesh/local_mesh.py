"""NHS England's mesh-sandbox as a MESH of our own: our mailboxes, automatic routing, reports, strict tokens.

Runs in the sandbox's own virtual environment. What the sandbox lacks beside the real service is added here; the
rest is the sandbox as published.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from fastapi import HTTPException
from mesh_sandbox.common import EnvConfig, constants
from mesh_sandbox.common.messaging import Messaging, try_parse_authorisation_token
from mesh_sandbox.models.mailbox import Mailbox
from mesh_sandbox.models.message import Message, MessageEvent, MessageMetadata, MessageParty, MessageStatus, MessageType
from mesh_sandbox.store.memory_store import MemoryStore
from routing import DESCRIPTIONS, PREFIX, ROUTED_WORKFLOWS, Directory

DEFAULT_WORKFLOWS: Final = tuple(sorted(ROUTED_WORKFLOWS))
_TOKEN_LIFE: Final = timedelta(hours=2)


@dataclass(frozen=True)
class Configuration:
    """The mailboxes and patients of one local MESH, and the workflows whose messages it loses on purpose."""

    mailboxes: tuple[Mailbox, ...]
    workflows: dict[str, tuple[str, ...]]
    directory: Directory = field(repr=False)
    dropped: frozenset[str] = frozenset()
    overtaken: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def from_json(cls, document: dict[str, Any], dropped: Iterable[str]) -> Configuration:
        """Read ``mailboxes`` (mailbox_id, ods_code, password, optionally name and workflows) and ``patients``."""
        described = document["mailboxes"]
        mailboxes = tuple(
            Mailbox(
                mailbox_id=each["mailbox_id"],
                mailbox_name=each.get("name", each["mailbox_id"]),
                ods_code=each["ods_code"],
                org_code=each["ods_code"],
                org_name=each.get("name", ""),
                password=each["password"],
            )
            for each in described
        )
        workflows = {each["mailbox_id"].upper(): tuple(each.get("workflows", DEFAULT_WORKFLOWS)) for each in described}
        patients = document.get("patients", ())
        overtaken = frozenset(each["nhs_number"] for each in patients if each.get("overtaken"))
        return cls(mailboxes, workflows, Directory.from_json(patients), frozenset(dropped), overtaken)


class LocalStore(MemoryStore):
    """The sandbox's memory, with routing by ``GPPROVIDER_`` address before and reports of its failures after."""

    def __init__(self, config: EnvConfig, logger: logging.Logger, configuration: Configuration) -> None:
        self._configuration = configuration
        self._held: dict[str, Message | None] = dict.fromkeys(configuration.overtaken)
        super().__init__(config, logger)

    def _load_mailboxes(self) -> dict[str, Mailbox]:
        """Add a mailbox for each way in which routing fails: MESH takes the message all the same."""
        unroutable = [
            Mailbox(mailbox_id=code, mailbox_name=text, password=uuid4().hex) for code, text in DESCRIPTIONS.items()
        ]
        return {each.mailbox_id: each for each in (*self._configuration.mailboxes, *unroutable)}

    def _load_endpoints(self) -> dict[str, list[Mailbox]]:
        endpoints: dict[str, list[Mailbox]] = defaultdict(list)
        for mailbox in self._configuration.mailboxes:
            for workflow_id in self._configuration.workflows[mailbox.mailbox_id]:
                endpoints[workflow_id].append(mailbox)
                endpoints[f"{mailbox.ods_code}/{workflow_id}"].append(mailbox)
        return endpoints

    async def get_mailbox(self, mailbox_id: str, accessed: bool = False) -> Mailbox | None:
        """Find a mailbox; a recipient (not ``accessed``, which is the caller's own) may be an address to route."""
        if not accessed and mailbox_id.startswith(PREFIX):
            mailbox_id = self._configuration.directory.route(mailbox_id)
        return await super().get_mailbox(mailbox_id, accessed)

    async def add_to_inbox(self, message: Message) -> None:
        """Deliver a message, unless it is to be lost, or could not be routed: then its sender gets a report."""
        if message.workflow_id in self._configuration.dropped:
            return
        subject = "" if message.workflow_id.endswith("_ACK") else message.metadata.subject or ""
        overtaken = next((number for number in self._held if number in subject), None)
        if overtaken is not None and self._held[overtaken] is None:
            self._held[overtaken] = message
            return
        await super().add_to_inbox(message)
        first = self._held.pop(overtaken, None) if overtaken else None
        if first is not None:
            await super().add_to_inbox(first)
        code = message.recipient.mailbox_id
        if code in DESCRIPTIONS:
            message.events.insert(0, _failure(code, message.message_id))
            report = _report_about(message)
            await self.save_message(report)
            await super().add_to_inbox(report)

    async def record(self) -> list[dict[str, Any]]:
        """Return all that MESH knows, without bodies and patient data, oldest first: for judging from outside."""
        known = {each.message_id: each for each in self._everything()}
        return [_entry(each) for each in sorted(known.values(), key=lambda each: each.created_timestamp)]

    def _everything(self) -> Iterator[Message]:
        for box in (*self.outboxes.values(), *self.inboxes.values()):
            yield from box


class StrictMessaging(Messaging):
    """The sandbox's messaging, which also refuses a token that it has seen or that is hours off, as MESH does."""

    def __init__(self, store: LocalStore) -> None:
        super().__init__(store=store)
        self._seen: set[tuple[str, str, str]] = set()

    async def _validate_auth_token(self, mailbox_id: str, authorization: str) -> Mailbox | None:
        mailbox = await super()._validate_auth_token(mailbox_id, authorization)
        token = try_parse_authorisation_token(authorization)
        if mailbox is None or token is None:
            return mailbox
        if not _is_recent(token.timestamp):
            raise HTTPException(status_code=403, detail=constants.ERROR_INVALID_AUTH_TOKEN)
        use = (token.mailbox_id, token.nonce, token.nonce_count)
        if use in self._seen:
            raise HTTPException(status_code=403, detail=constants.ERROR_DUPLICATED_AUTH_TOKEN)
        self._seen.add(use)
        return mailbox


def _is_recent(timestamp: str) -> bool:
    try:
        at = datetime.strptime(timestamp, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - at) <= _TOKEN_LIFE


def _failure(code: str, message_id: str) -> MessageEvent:
    return MessageEvent(
        status=MessageStatus.ERROR,
        code=code,
        event="SEND",
        description=DESCRIPTIONS[code],
        linked_message_id=message_id,
    )


def _report_about(message: Message) -> Message:
    return Message(
        message_id=uuid4().hex,
        message_type=MessageType.REPORT,
        events=[MessageEvent(status=MessageStatus.ACCEPTED), message.events[0]],
        sender=MessageParty(mailbox_id="", mailbox_name="Local MESH"),
        recipient=message.sender,
        total_chunks=0,
        workflow_id=message.workflow_id,
        metadata=MessageMetadata(subject=message.metadata.subject, local_id=message.metadata.local_id),
    )


def _entry(message: Message) -> dict[str, Any]:
    failure = message.error_event
    return {
        "message_id": message.message_id,
        "message_type": message.message_type,
        "sender": message.sender.mailbox_id or None,
        "recipient": message.recipient.mailbox_id,
        "workflow_id": message.workflow_id,
        "local_id": message.metadata.local_id or None,
        "status": message.status,
        "code": failure.code if failure else None,
        "linked_message_id": failure.linked_message_id if failure and message.message_type == "REPORT" else None,
        "size": message.file_size,
        "created_at": f"{message.created_timestamp.isoformat()}Z",
    }
