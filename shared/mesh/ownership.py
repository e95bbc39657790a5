"""Which daemon a message in a shared mailbox belongs to (decision 31), decided on its headers alone."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from shared.mesh.messages import MessageHeaders, MessageType

ACKNOWLEDGEMENT_SUFFIX = "_ACK"


class Role(StrEnum):
    """The two daemons, which may share one mailbox."""

    SENDER = "sender"
    RECEIVER = "receiver"


def owns(role: Role, headers: MessageHeaders, workflows: Collection[str], *, links_to_ours: bool) -> bool:
    """Return whether a message is for ``role``; ``workflows`` are those of the reports, without ``_ACK``.

    ``links_to_ours`` says that a REPORT's linked message id, else its local id, is of a message that this daemon
    sent. A report of MESH otherwise follows its workflow: it carries that of the message it is about, so the plain
    one is for the sender and ``_ACK`` for the receiver, the other way round than for DATA.
    """
    acknowledgements = [workflow + ACKNOWLEDGEMENT_SUFFIX for workflow in workflows]
    if headers.message_type is MessageType.REPORT:
        return links_to_ours or headers.workflow_id in (workflows if role is Role.SENDER else acknowledgements)
    return headers.workflow_id in (acknowledgements if role is Role.SENDER else workflows)
