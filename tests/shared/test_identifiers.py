"""Identifiers are valid by construction and do not show."""

from __future__ import annotations

import pytest

from shared.identifiers import MailboxId, NhsNumber, OdsCode


def test_an_nhs_number_has_ten_digits_and_a_right_check_digit() -> None:
    assert NhsNumber("969 093 7278") == "9690937278"
    assert NhsNumber("9690937278").spaced() == "969 093 7278"
    for wrong in ("9690937279", "969093727", "969093727X", "٩٦٩٠٩٣٧٢٧٨", ""):
        with pytest.raises(ValueError, match="is not a valid NHS number") as caught:
            NhsNumber(wrong)
        assert not wrong or wrong not in str(caught.value)


def test_an_nhs_number_does_not_show_in_a_repr() -> None:
    assert "9690937278" not in repr(NhsNumber("9690937278"))


def test_codes_are_upper_case() -> None:
    assert (OdsCode(" a81001 "), MailboxId("aldermb1")) == ("A81001", "ALDERMB1")


@pytest.mark.parametrize("wrong", ["", "A", "A 81001", "A81001\n2", "x" * 41, "../A81001"])
def test_what_is_no_code_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not an ODS code"):
        OdsCode(wrong)
    with pytest.raises(ValueError, match="is not a MESH mailbox id"):
        MailboxId(wrong)
