"""The demo's judge: what is as expected passes, and whatever is not is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from deploy.demo.cases import CASES, cases_of
from deploy.demo.judge import Facts, missing, settled
from deploy.demo.surgery import ALDER, BIRCH, Case, Expected, patient_index
from shared.identifiers import NhsNumber

ATTACHED = ("a" * 64, "b" * 64)


def report(case: Case, expected: Expected) -> dict[str, Any]:
    return {
        "report_id": f"{case.name} {expected.version}",
        "consultation_id": case.consultation_id,
        "version": expected.version,
        "state": expected.state,
        "reason": expected.reason,
        "mesh_message_id": expected.version and f"MESH {case.name} {expected.version}",
        "infrastructure_code": expected.infrastructure,
        "business_code": expected.business,
        "overdue": [expected.overdue] if expected.overdue else [],
    }


def task(case: Case, expected: Expected) -> dict[str, Any]:
    attached = ATTACHED if case.attached else ()
    return {
        "consultation_id": case.consultation_id,
        "version": expected.version,
        "state": expected.task,
        "nhs_number": case.patient.nhs_number,
        "documents": [{"sha256": digest} for digest in ("c" * 64, *attached)],
    }


def in_mesh(sender: Mapping[str, str], recipient: str, status: str = "acknowledged") -> dict[str, Any]:
    return {"message_type": "DATA", "sender": sender["mailbox_id"], "recipient": recipient, "status": status}


def good() -> Facts:
    """Return the facts of an evening that went well."""
    versions = [(case, each) for case in CASES for each in case.expected]
    arrived = [pair for pair in versions if pair[1].message]
    lost = sum(each.version is not None and each.message is None for _, each in versions)
    return Facts(
        reports=[report(*pair) for pair in versions],
        messages=[report(*pair) | {"state": pair[1].message} for pair in arrived],
        tasks=[task(*pair) for pair in versions if pair[1].task],
        sender_alerts=[
            {"kind": each.alert, "subject_id": f"{case.name} {each.version}"} for case, each in versions if each.alert
        ],
        receiver_alerts=[],
        mesh=[in_mesh(ALDER, BIRCH["mailbox_id"]) for _ in arrived]
        + [in_mesh(BIRCH, ALDER["mailbox_id"]) for _ in arrived * 2]
        + [in_mesh(ALDER, "EPL-153", "error")] * lost,
        attached=ATTACHED,
    )


def test_an_evening_that_went_well_lacks_nothing() -> None:
    facts = good()

    assert missing(CASES, facts) == []
    assert settled(CASES, facts.reports)


def test_of_documents_nothing_confidential_goes_out_and_all_else_is_alike() -> None:
    documents = cases_of("document")

    withheld = [case for case, other in zip(documents, CASES, strict=True) if case != other]
    assert [case.name for case in withheld] == ["confidential"]
    assert [(each.state, each.reason, each.alert) for each in withheld[0].expected] == [
        ("not_required", "confidential", "confidential")
    ]
    assert missing(documents, good()) != []
    assert cases_of("task") is CASES


@pytest.mark.parametrize("what", ["reports", "messages", "tasks", "sender_alerts", "mesh"])
def test_whatever_is_taken_away_is_missed(what: str) -> None:
    facts = good()

    for index in range(len(getattr(facts, what))):
        fewer = [row for at, row in enumerate(getattr(facts, what)) if at != index]
        assert missing(CASES, replace(facts, **{what: fewer})), f"{what}[{index}]"


def test_an_overdue_response_is_named() -> None:
    facts = good()
    facts.reports[0]["overdue"].append("infrastructure")

    assert missing(CASES, facts) == ["plain: what is overdue should be none, it is infrastructure"]


def test_another_document_than_the_one_attached_is_named() -> None:
    facts = replace(good(), attached=(ATTACHED[0], "d" * 64))

    (fault,) = missing(CASES, facts)

    assert fault == "two attachments: the attachments are not those that were sent, byte for byte"


def test_an_alert_at_the_registered_practice_is_named() -> None:
    facts = replace(good(), receiver_alerts=[{"kind": "response_parked", "text": "could not be sent"}])

    assert missing(CASES, facts) == ["the registered practice has the alert response_parked: could not be sent"]


def test_the_patients_are_synthetic_and_their_numbers_valid_but_for_the_one_that_must_not_be() -> None:
    numbers = {case.name: case.patient.nhs_number for case in CASES if case.name != "invalid row"}

    assert [NhsNumber(number) for number in numbers.values()] == list(numbers.values())
    # the range that the NHS keeps for tests
    assert all(number.startswith("999") for number in numbers.values())
    with pytest.raises(ValueError, match="NHS number"):
        NhsNumber(next(case.patient.nhs_number for case in CASES if case.name == "invalid row"))


def test_the_patient_index_has_a_line_for_each_patient_known_at_the_practice() -> None:
    lines = patient_index(CASES).splitlines()

    assert len(lines) == 1 + sum(case.patient.index is not None for case in CASES)
