"""The rows of the table for the Task payload of GP Connect Messaging 1.2.0.

Structure (step 8): what is missing or unreadable is 20009, a document that is not taken 20004 or 20005.
Business (step 9): a value other than the fixed one is 10008. Then whether we are the practice it is for.
"""

from __future__ import annotations

import re
from typing import Final

from shared.itk3 import document_rules
from shared.itk3.document_rules import task_rule
from shared.itk3.envelope import ods_code
from shared.itk3.people_rules import ONE_PATIENT, PEOPLE
from shared.itk3.primitives import read_instant
from shared.itk3.rule import Case, Rule
from shared.itk3.task_read import TaskView


def _describes_a_report(view: TaskView) -> bool:
    # the rest of the format is the sender's; decision 23 takes a description without a version
    return not view.description or bool(
        re.match(r"\s*Federated consultation report for\s+\S", view.description, re.IGNORECASE)
    )


def _owner_is_us(case: Case) -> bool:
    code = ods_code(case.view.owner) if isinstance(case.view, TaskView) else None
    return code is None or code == case.context.ods_code.upper()


STRUCTURE: Final = (
    ONE_PATIENT,
    Rule(
        *("task-for", "GPCM-SD-019", "20009", "required"),
        "Task.for must refer to the Patient of the payload bundle",
        task_rule(lambda view: view.patient),
    ),
    Rule(
        *("task-agent", "GPCM-SD-021", "20009", "required"),
        "Task.requester.agent must refer to a Practitioner of the payload bundle",
        task_rule(lambda view: view.practitioner),
    ),
    Rule(
        *("task-on-behalf-of", "GPCM-SD-022", "20009", "required"),
        "Task.requester.onBehalfOf must refer to an Organization of the payload bundle",
        task_rule(lambda view: view.sender),
    ),
    Rule(
        *("task-owner", "GPCM-SD-023", "20009", "required"),
        "Task.owner must refer to an Organization of the payload bundle",
        task_rule(lambda view: view.owner),
    ),
    Rule(
        *("task-description", "GPCM-SD-018", "20009", "required"),
        "Task.description must be present",
        task_rule(lambda view: view.description),
    ),
    Rule(
        *("task-authored-on", "GPCM-SD-020", "20009", "value"),
        "Task.authoredOn must be a date and time with a zone",
        task_rule(lambda view: read_instant(view.task.text("authoredOn"))),
    ),
    *PEOPLE,
    *document_rules.STRUCTURE,
)

BUSINESS: Final = (
    Rule(
        *("task-intent", "GPCM-SD-015", "10008", "processing"),
        "Task.intent must be plan",
        task_rule(lambda view: view.task.text("intent") == "plan"),
    ),
    Rule(
        *("task-status", "GPCM-SD-016", "10008", "processing"),
        "Task.status must be requested",
        task_rule(lambda view: view.task.text("status") == "requested"),
    ),
    Rule(
        # the requirement's 10006 was withdrawn: decision 5
        *("task-priority", "GPCM-SD-017", "10008", "processing"),
        "Task.priority must be routine",
        task_rule(lambda view: view.task.text("priority") == "routine"),
    ),
    Rule(
        *("description-format", "GPCM-SD-018", "10008", "processing"),
        "Task.description must begin with Federated consultation report for",
        task_rule(_describes_a_report),
    ),
    *document_rules.BUSINESS,
    Rule(
        *("owner", "GPCM-SD-023", "20010", "not-found"),
        "Task.owner is not a practice that this mailbox receives for",
        _owner_is_us,
    ),
)
