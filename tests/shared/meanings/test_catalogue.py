"""Every code has plain words, and the words fit what is done with it."""

from __future__ import annotations

import pytest

from federated_sender.responses import is_positive
from shared.itk3.codes import RESPONSE_CODES
from shared.meanings.catalogue import is_known, meaning_of
from shared.meanings.of_mesh import MESH
from shared.meanings.of_responses import RESPONSES


@pytest.mark.parametrize("code", [*RESPONSE_CODES, "10006"])
def test_every_published_response_code_has_a_meaning(code: str) -> None:
    assert is_known(code)
    assert meaning_of(code).code == code


@pytest.mark.requirement("GPCM-SD-075")
@pytest.mark.parametrize(
    "code",
    [
        *("00", "02", "06", "07", "08", "09", "11", "12", "14", "15", "16", "17", "18", "19", "20"),
        *("EPL-150", "EPL-151", "EPL-152", "EPL-153", "EPL-154"),
        *("HTTP 400", "HTTP 401", "HTTP 403", "HTTP 404", "HTTP 410", "HTTP 413", "HTTP 417", "HTTP 422", "HTTP 503"),
    ],
)
def test_every_code_and_status_of_mesh_has_a_meaning(code: str) -> None:
    assert is_known(code)


def test_no_code_stands_twice_and_none_lacks_words() -> None:
    every = [*RESPONSES, *MESH]

    assert len({each.code for each in every}) == len(every)
    for each in every:
        assert all(text.endswith(".") for text in (each.means, each.next_step, each.daemons)), each.code
        assert each.who[0].islower() or each.who.startswith("MESH"), each.code
        assert "  " not in f"{each.means}{each.next_step}{each.daemons}", each.code


@pytest.mark.parametrize("code", RESPONSE_CODES)
def test_what_is_said_that_the_sender_does_is_what_it_does(code: str) -> None:
    said = meaning_of(code).daemons
    negative = RESPONSE_CODES[code].positive is False and not is_positive(code)

    assert negative == ("`failed`" in said)


def test_an_unknown_code_is_told_by_its_kind() -> None:
    assert "refusal" in meaning_of("20999").means
    assert "cannot be told" in meaning_of("30099").means
    assert "MESH" in meaning_of("EPL-199").means
    assert str(meaning_of("")).startswith("no code: MESH")
    assert not any(is_known(code) for code in ("20999", "30099", "EPL-199", "HTTP 299"))


def test_every_fault_of_a_server_is_one_line_of_the_catalogue() -> None:
    assert meaning_of("HTTP 502") is meaning_of("HTTP 503")


def test_an_alert_says_what_to_do_and_who_usually_does_it() -> None:
    action = meaning_of("EPL-152").action

    assert action.startswith("Trace the patient on PDS")
    assert action.endswith("Who usually acts: the sending practice's staff.")
