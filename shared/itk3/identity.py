"""Ids that follow from what they identify (decision 21).

The same content gets the same ids, other content never does: a restored database cannot make a second
report of the first, and a message built twice has the same bytes.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final = UUID("42ee4dd4-a2bc-4e22-bcfc-c3562ef90d7f")
"""The namespace of every UUIDv5 of this product. Random, chosen once; to change it is to change every id."""


def report_id(ods_code: str, consultation_id: str, version: int, content_sha256: str) -> str:
    """Return the id of one version of a consultation's report.

    ``ods_code`` is the sending practice; ``content_sha256`` the hexadecimal digest of the canonical content.
    """
    return _named("report", ods_code.upper(), consultation_id.lower(), str(version), content_sha256.lower())


def response_id(answered: str, level: str) -> str:
    """Return the id of the answer to one message at one level (``infrastructure`` or ``business``).

    ``answered`` identifies the answered message for the answering practice: its MESH message id.
    """
    return _named("response", answered, level)


def task_id(sender_mailbox: str, payload_identifier: str) -> str:
    """Return the id of the task that a report becomes, whichever of its copies comes first (decision 27)."""
    return _named("task", sender_mailbox, payload_identifier)


def derive(parent_id: str, role: str) -> str:
    """Return the id of the part of ``parent_id`` (a UUID) that plays ``role``, such as ``patient``."""
    return str(uuid5(UUID(parent_id), role))


def payload_identifier(report_id: str) -> str:
    """Return the identifier of a version's payload bundle: what a replacement names and a duplicate is known by."""
    return derive(report_id, "payload-bundle-identifier")


def _named(*parts: str) -> str:
    # a line feed occurs in none of the parts, so different parts never make the same name
    return str(uuid5(NAMESPACE, "\n".join(parts)))
