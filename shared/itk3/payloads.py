"""The kinds of payload that are built and taken: to add one is to add a value here."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from shared.itk3 import composition_rules, systems, task_rules
from shared.itk3.composition_build import (
    build_document,
    build_document_1_3,
    describe_document,
    describe_document_1_3,
)
from shared.itk3.composition_read import (
    CompositionView,
    has_one_composition,
    read_document_report,
    replaced_identifier,
)
from shared.itk3.payload import Payload
from shared.itk3.task_build import build_task_payload, describe_task
from shared.itk3.task_read import TaskView, has_one_task, read_task_report

PayloadName = Literal["task", "document"]

TASK_PAYLOAD: Final = Payload(
    name="Task",
    profile=systems.PAYLOAD_BUNDLE,
    bundle_type="collection",
    message_definition=systems.REPORT_DEFINITION,
    local_extension=systems.LOCAL_EXTENSION,
    local_extensions=frozenset({systems.LOCAL_EXTENSION}),
    recipient_types=frozenset({"FA"}),
    names_receiver=False,
    sends_confidential=True,
    build=build_task_payload,
    describe=describe_task,
    recognises=has_one_task,
    view=TaskView,
    structure_rules=task_rules.STRUCTURE,
    business_rules=task_rules.BUSINESS,
    read=read_task_report,
)
"""GP Connect Messaging 1.2.0 (decision 1)."""

DOCUMENT_PAYLOAD: Final = Payload(
    name="Document",
    profile=systems.DOCUMENT_BUNDLE,
    bundle_type="document",
    message_definition=systems.DOCUMENT_DEFINITION,
    local_extension=systems.NONE,
    local_extensions=None,
    recipient_types=frozenset({"FA", "FI"}),
    names_receiver=True,
    sends_confidential=False,
    build=build_document,
    describe=describe_document,
    recognises=has_one_composition,
    view=CompositionView,
    structure_rules=composition_rules.STRUCTURE,
    business_rules=composition_rules.BUSINESS,
    read=read_document_report,
    replaces=replaced_identifier,
)
"""GP Connect Send Document 2.0; what it takes is 1.3's as well (decision record 0023)."""

DOCUMENT_1_3_PAYLOAD: Final = replace(
    DOCUMENT_PAYLOAD,
    name="Document 1.3",
    local_extension=systems.CONSULTATION_REPORT,
    sends_confidential=True,
    build=build_document_1_3,
    describe=describe_document_1_3,
)
"""What is sent as GP Connect Send Document 1.3; on arrival it is a document like any other."""

PAYLOADS: Final = (TASK_PAYLOAD, DOCUMENT_PAYLOAD)
"""The kinds that are taken."""


def payload_to_send(name: PayloadName, workflow_id: str) -> Payload:
    """Return what is sent in a MESH workflow: a document in the workflow of 1.2.0 is one of 1.3."""
    if name == "task":
        return TASK_PAYLOAD
    return DOCUMENT_1_3_PAYLOAD if workflow_id == systems.FEDERATED_WORKFLOW else DOCUMENT_PAYLOAD
