from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registered_receiver.replies import Request, Responder, business_response, infrastructure_response, subject
from shared.itk3.build import build_response
from shared.itk3.responses import read_response
from shared.itk3.rules import Verdict

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
REQUEST = Request("20261120180000000000_000001", "c40c0792-3227-5386-8d68-f5d8d73255d3", "a reference")
BIRCH = Responder("B82002", "BIRCHMB1")
REFUSAL = Verdict("10002", "processing", "InfAckRequested must be true", "inf-ack-requested", ())


@pytest.mark.requirement("GPCM-SD-052", "GPCM-SD-066", "GPCM-SD-074")
def test_an_infrastructure_response_gives_the_verdict_back_and_echoes_the_reference() -> None:
    read = read_response(build_response(infrastructure_response(REQUEST, REFUSAL, BIRCH, NOW)))

    assert (read.code, read.diagnostics) == ("10002", "InfAckRequested must be true")
    assert (read.request_id, read.sender_reference) == (REQUEST.message_id, "a reference")
    assert read.sender_ods_code == "B82002"


@pytest.mark.requirement("FHIR-BA-02", "GPCM-SD-074")
@pytest.mark.parametrize("code", ["30001", "30002", "30003", "30004"])
def test_each_business_response_has_a_text_without_patient_data(code: str) -> None:
    read = read_response(build_response(business_response(REQUEST, code, BIRCH, NOW)))

    assert read.code == code
    assert read.diagnostics
    assert not any(character.isdigit() for character in read.diagnostics)


def test_the_two_responses_to_a_message_have_their_own_ids_which_never_change() -> None:
    infrastructure = infrastructure_response(REQUEST, REFUSAL, BIRCH, NOW)
    business = business_response(REQUEST, "30001", BIRCH, NOW)

    assert infrastructure.response_id != business.response_id
    assert business == business_response(REQUEST, "30001", BIRCH, NOW)


def test_the_mesh_subject_of_a_response_says_its_level_and_code_only() -> None:
    assert subject("20013") == "Infrastructure response 20013"
    assert subject("30004") == "Business response 30004"
