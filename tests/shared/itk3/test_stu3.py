"""The base types of FHIR STU3."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.itk3.build import build_report
from shared.itk3.element import Element
from shared.itk3.parse import parse
from shared.itk3.stu3 import check, faults
from tests.shared.itk3.examples import LIMIT, MESSAGE, Draft

PATIENT = "//f:Patient"


def patient(xpath: str, xml: str) -> Element:
    draft = Draft(build_report(MESSAGE))
    draft.add(xpath, xml)
    payload = parse(draft.body, LIMIT).payload
    assert payload is not None
    return payload.of_type("Patient")[0]


@pytest.mark.parametrize(
    ("xpath", "xml", "expected"),
    [
        (PATIENT, '<deceasedBoolean value="true"/>', ()),
        (PATIENT, "<text ><div>narrative</div></text>", ()),
        (PATIENT, "<contained ><Potato/></contained>", ()),
        (f"{PATIENT}/f:birthDate", '<extension url="u"><valueDateTime value="1957-01-09T10:00:00Z"/></extension>', ()),
        (PATIENT, '<active value="maybe"/>', ("Patient.active",)),
        (PATIENT, '<Active value="true"/>', ("Patient has an element that FHIR STU3 does not know",)),
        (f"{PATIENT}/f:name", '<period ><start value="Smith"/></period>', ("Patient.name.period.start",)),
        (PATIENT, '<birthDate value="1957-01-09"/>', ("Patient.birthDate is there twice",)),
        (PATIENT, '<extension ><valueString value="x"/></extension>', ("Patient.extension.url",)),
    ],
)
def test_a_fault_is_named_by_its_path(xpath: str, xml: str, expected: tuple[str, ...]) -> None:
    assert faults(patient(xpath, xml)) == expected


def test_a_child_left_out_is_not_looked_at() -> None:
    assert faults(patient(PATIENT, '<active value="maybe"/>'), "active") == ()


def test_an_unknown_resource_is_a_fault() -> None:
    assert len(faults(Element("Potato"))) == 1


def test_a_missing_element_is_a_fault() -> None:
    assert check({"resourceType": "MessageHeader"}) != ()


def test_what_messages_usually_hold_is_loaded_before_the_first_one_comes() -> None:
    script = """
import sys
from shared.itk3 import stu3
from shared.itk3.parse import read
from shared.itk3.rule import Context
from shared.itk3.rules import judge
stu3.load()
before = set(sys.modules)
body = sys.stdin.buffer.read()
verdict = judge(read(body, len(body)), Context(*sys.argv[1:]))
print(verdict.accepted, sorted(each for each in set(sys.modules) - before if each.startswith("fhir")))
"""
    us_and_them = (MESSAGE.recipient.ods_code, MESSAGE.sender_mailbox)
    command = [sys.executable, "-W", "ignore", "-c", script, *us_and_them]
    done = subprocess.run(command, input=build_report(MESSAGE), capture_output=True, check=True)

    assert done.stdout.decode().strip() == "True []"
