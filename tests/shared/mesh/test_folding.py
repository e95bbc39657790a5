"""The surname in the address, the subject, and the masks for logs."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MeshRefused
from shared.identifiers import NhsNumber
from shared.mesh.folding import fold, fold_subject, fold_surname, gp_provider_address, redact

SMITH = NhsNumber("9690937278")
BORN = date(1957, 1, 9)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Smith", "Smith"),
        ("O\u2019Brien", "O'Brien"),
        ("O\u2018Brien", "O'Brien"),
        ("Smith-Jones", "Smith-Jones"),
        ("Smith\u2013Jones", "Smith-Jones"),
        ("Smith\u2011Jones", "Smith-Jones"),
        ("Müller", "Muller"),
        ("S\u00f8rensen", "Sorensen"),
        ("\u0141ukasz", "Lukasz"),
        ("Wei\u00df", "Weiss"),
        ("\u00c6r\u00f8", "AEro"),
        ("\u0110or\u0111evi\u0107", "Dordevic"),
        ("\u00derist\u00f0", "THristd"),
        ("  van\u00a0der \t Berg\n", "van der Berg"),
        ("Zoe\u0308", "Zoe"),
        ("zero\u200bwidth", "zerowidth"),
        ("a\x00b\x7fc", "a b c"),
    ],
)
def test_a_name_is_folded_to_the_letters_that_a_header_can_carry(written: str, folded: str) -> None:
    assert fold(written) == folded


@given(st.text())
def test_whatever_is_folded_fits_a_header_and_folding_again_changes_nothing(text: str) -> None:
    folded = fold(text)

    assert folded.isascii()
    assert folded == "" or folded.isprintable()
    assert folded == folded.strip()
    assert fold(folded) == folded


@pytest.mark.requirement("GPCM-SD-056", "GPCM-SD-060", "GPCM-SD-063")
def test_the_address_is_nhs_number_birth_date_and_surname() -> None:
    assert gp_provider_address(SMITH, BORN, "Smith") == "GPPROVIDER_9690937278_19570109_Smith"


def test_the_birth_date_can_be_written_day_first_by_setting() -> None:
    assert gp_provider_address(SMITH, BORN, "Smith", "DDMMYYYY") == "GPPROVIDER_9690937278_09011957_Smith"


def test_the_surname_is_cut_so_that_the_address_fits_its_header() -> None:
    address = gp_provider_address(SMITH, BORN, "A" * 68 + " B")

    assert len(address) == 99
    assert address.endswith("A")


def test_a_surname_that_cannot_be_written_is_refused_without_being_quoted() -> None:
    with pytest.raises(MeshRefused) as refused:
        fold_surname("\u0418\u0432\u0430\u043d\u043e\u0432", 69)

    assert "\u0418" not in str(refused.value)


@pytest.mark.requirement("GPCM-SD-061", "GPCM-SD-064")
def test_a_subject_that_fits_is_only_folded() -> None:
    subject = "Federated consultation report for Zo\u00eb Smith , NHS Number 9690937278, Version 2"

    assert fold_subject(subject) == subject.replace("\u00eb", "e")


@pytest.mark.requirement("GPCM-SD-091")
def test_a_subject_too_long_loses_the_end_of_the_name_and_keeps_the_version() -> None:
    name = "Anna" + " Maria" * 100

    subject = fold_subject(f"Federated consultation report for {name} , NHS Number 9690937278, Version 12", name)

    assert len(subject) <= 500
    assert subject.startswith("Federated consultation report for Anna Maria")
    assert subject.endswith(" , NHS Number 9690937278, Version 12")


def test_a_subject_too_long_for_other_reasons_is_cut_at_its_end() -> None:
    assert len(fold_subject("Anna " + "x" * 600, "Anna")) == 500
    assert len(fold_subject("x" * 600)) == 500


@pytest.mark.parametrize(
    "text",
    [
        "Unregistered GPPROVIDER_9690937278_19570109_Smith",
        "unregistered gpprovider_9690937278_19570109_smith",
        "no patient 9690937278 known",
        "no patient 969 093 7278 known",
        "no patient 969-093-7278 known",
        "subject Report For Smith is bad",
    ],
)
def test_patient_data_is_masked_in_what_is_logged(text: str) -> None:
    masked = redact(text, "Report for Smith", "")

    assert "Smith" not in masked.title()
    assert "7278" not in masked
    assert "***" in masked


def test_a_message_id_is_not_masked() -> None:
    assert redact("20210311101813838554_1B8F53") == "20210311101813838554_1B8F53"


@pytest.mark.parametrize("scheme", ["NHSMESH", "nhsmesh"])
def test_a_token_that_an_answer_quotes_is_masked(scheme: str) -> None:
    text = redact(f"bad header Authorization: {scheme} B82002OT001:nonce:0:202611201800:signature, go away")

    assert text == "bad header Authorization: NHSMESH *** go away"
