"""The kinds of payload that are built and taken: to add one is to add a value here."""

from __future__ import annotations

from typing import Final

from shared.itk3 import systems, task_rules
from shared.itk3.payload import Payload
from shared.itk3.task_build import build_task_payload
from shared.itk3.task_read import TaskView, has_one_task, read_task_report

TASK_PAYLOAD: Final = Payload(
    name="Task",
    profile=systems.PAYLOAD_BUNDLE,
    bundle_type="collection",
    message_definition=systems.REPORT_DEFINITION,
    local_extension=systems.LOCAL_EXTENSION,
    build=build_task_payload,
    recognises=has_one_task,
    view=TaskView,
    structure_rules=task_rules.STRUCTURE,
    business_rules=task_rules.BUSINESS,
    read=read_task_report,
)
"""GP Connect Messaging 1.2.0 (decision 1)."""

PAYLOADS: Final = (TASK_PAYLOAD,)
