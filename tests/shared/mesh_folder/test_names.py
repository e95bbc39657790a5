"""Names of files: ours tell nothing of a patient, and nobody's is repeated that might."""

from __future__ import annotations

import pytest

from shared.mesh_folder.names import Files, paired, stem_of, told
from tests.shared.mesh_folder.bench import LOCAL_ID


def test_a_send_has_one_name_and_another_send_another() -> None:
    assert stem_of(LOCAL_ID) == LOCAL_ID.replace(".", "-")
    assert stem_of(LOCAL_ID) != stem_of(LOCAL_ID[:-1] + "2")


@pytest.mark.parametrize("odd", ["../../etc/passwd", "a b", "", "x" * 300, "naïve", "a\nb"])
def test_a_local_id_of_any_other_form_is_digested(odd: str) -> None:
    assert stem_of(odd).startswith("sha256-")
    assert stem_of(odd) == stem_of(odd)


def test_files_belong_together_by_their_names_whatever_the_case_of_their_extensions() -> None:
    names = ["b.CTL", "b.dat", "a.ctl", "c.Dat", ".b.ctl.part", ".ctl", "notes.txt", "d.ctl.done"]

    assert paired(names) == [Files("a", "a.ctl", None), Files("b", "b.CTL", "b.dat"), Files("c", None, "c.Dat")]


@pytest.mark.parametrize(
    "name", ["Smith", "John Smith", "9690937278", "x9690937278", "969-093-7278", "a" * 81, "\udcff1"]
)
def test_a_name_that_may_be_a_patients_is_told_by_its_digest(name: str) -> None:
    assert told(name).startswith("sha256-")


def test_a_plain_name_is_told_as_it_is() -> None:
    assert told("20261120180000000000_00000A") == "20261120180000000000_00000A"
    assert told("AB12.part2") == "AB12.part2"
