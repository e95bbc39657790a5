"""Every legal way to write a message is accepted and filed with the same facts and the same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fhir.resources.STU3.bundle import Bundle

from shared.itk3.build import build_report
from tests.conformance.checks import HEADER, PAYLOAD
from tests.registered_receiver.bench import JPEG, PDF, PHOTOGRAPH, REPORT, ReceiverBench, report
from tests.shared.itk3.examples import Draft
from tests.shared.itk3.test_parse import commented, prefixed, reordered, with_type_and_id_references

GOOD = build_report(report())
DEFINITION = f"{HEADER}/f:extension/f:extension[@url='MessageDefinition']/f:valueReference/f:reference"
SEND_DOCUMENT = "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition"


def changed(xpath: str, value: str) -> bytes:
    draft = Draft(GOOD)
    draft.set(xpath, value)
    return draft.body


def grown(xpath: str, *children: str) -> bytes:
    draft = Draft(GOOD)
    for child in children:
        draft.add(xpath, child)
    return draft.body


def entry(kind: str, content: str, number: int) -> str:
    identifier = f"00000000-0000-4000-8000-{number:012}"
    return (
        f'<entry ><fullUrl value="urn:uuid:{identifier}"/><resource><{kind}><id value="{identifier}"/>'
        f"{content}</{kind}></resource></entry>"
    )


ENCOUNTER = entry("Encounter", '<status value="finished"/>', 1)
LOCATION = entry("Location", '<name value="Branch surgery"/>', 2)
ORGANIZATION = entry("Organization", '<name value="Another one"/>', 3)
AS_JSON = Bundle.model_validate_xml(GOOD).model_dump_json()
VARIETIES = [
    pytest.param(commented(GOOD), id="comments and processing instructions"),
    pytest.param(prefixed(GOOD), id="namespace prefixes"),
    pytest.param(b"\xef\xbb\xbf" + GOOD, id="a byte order mark"),
    pytest.param(GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16"), id="UTF-16"),
    pytest.param(with_type_and_id_references(GOOD), id="Type/id references"),
    pytest.param(reordered(GOOD), id="another order of elements"),
    pytest.param(AS_JSON.encode(), id="JSON"),
    pytest.param(b"\xef\xbb\xbf\n" + AS_JSON.encode(), id="JSON with a byte order mark"),
    pytest.param(AS_JSON.encode("utf-16"), id="JSON in UTF-16"),
    pytest.param(changed(DEFINITION, f"{SEND_DOCUMENT}-Instance-1"), id="the definition of 1.2.0"),
    pytest.param(changed(DEFINITION, f"{SEND_DOCUMENT}-1"), id="the definition of 1.3.0"),
    pytest.param(
        grown(
            f"{HEADER}/f:extension",
            '<extension url="Priority"><valueCode value="routine"/></extension>',
            '<extension url="SomethingNew"><valueString value="x"/></extension>',
        ),
        id="further handling keys",
    ),
    pytest.param(grown(PAYLOAD, ENCOUNTER, LOCATION, ORGANIZATION), id="further resources in the payload"),
    pytest.param(grown("/f:Bundle", LOCATION, ORGANIZATION), id="further resources beside the header"),
]


@pytest.mark.requirement("FHIR-V&V-01", "GPCM-SD-027", "GPCM-SD-093")
@pytest.mark.parametrize("body", VARIETIES)
def test_a_message_written_in_another_legal_way_is_filed_with_the_same_bytes(
    receiver: ReceiverBench, body: bytes
) -> None:
    receiver.deliver(body)

    receiver.once()

    (task,) = receiver.tasks()
    assert receiver.answers() == ["20013", "30001"]
    assert (task["nhs_number"], task["version"]) == ("9690937278", 1)
    assert [(each["content_type"], each["size"]) for each in task["documents"]] == [
        ("application/pdf", len(PDF)),
        ("image/jpeg", len(JPEG)),
    ]


@pytest.mark.requirement("GPCM-SD-093")
def test_an_attachment_of_more_than_ten_megabytes_within_the_limit_is_filed_whole(receiver: ReceiverBench) -> None:
    large = JPEG + bytes(11_000_000)
    receiver.deliver(build_report(report(documents=(REPORT, replace(PHOTOGRAPH, data=large)))))

    receiver.once()

    (task,) = receiver.tasks()
    assert task["documents"][1]["size"] == len(large)
