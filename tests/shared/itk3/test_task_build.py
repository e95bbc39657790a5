"""The description of a report."""

from __future__ import annotations

import pytest

from shared.itk3.model import PersonName
from shared.itk3.task_build import task_description
from tests.shared.itk3.examples import SENDER


@pytest.mark.requirement("GPCM-SD-018", "GPCM-SD-061", "GPCM-SD-064", "GPCM-SD-091")
def test_the_description_has_the_words_of_the_specification_odd_space_included() -> None:
    description = task_description(
        patient_name=PersonName("Smith", ("Richard",), "Mr"),
        nhs_number="9690937278",
        practice=SENDER,
        version=3,
        confidential=False,
    )

    assert description == (
        "Federated consultation report for Mr Richard Smith , NHS Number 9690937278, "
        "seen at Starling Surgery, ODS Code B81001, Version 3"
    )


@pytest.mark.requirement("GPCM-SD-018", "GPCM-SD-092")
def test_a_confidential_description_does_not_say_where() -> None:
    description = task_description(
        patient_name=PersonName("Smith"), nhs_number="9690937278", practice=SENDER, version=1, confidential=True
    )

    assert description == "Federated consultation report for Smith , NHS Number 9690937278, Version 1"
