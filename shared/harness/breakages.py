"""For each row of the table about the envelope, ways to break a good message so that it is this row that decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from shared.harness.draft import Draft

Spoil: TypeAlias = Callable[[Draft], None]
Breakage: TypeAlias = tuple[str, str, Spoil]
"""The rule that is broken, the response code that it decides, and what is done to a good message."""

PNG: Final = b"\x89PNG\r\n\x1a\nsynthetic"
PDF: Final = b"%PDF-1.7\nsynthetic"
UNKNOWN: Final = "urn:uuid:00000000-0000-4000-8000-000000000000"
_HEADER: Final = "/f:Bundle/f:entry/f:resource/f:MessageHeader"
PAYLOAD: Final = "/f:Bundle/f:entry/f:resource/f:Bundle"


def remove(xpath: str) -> Spoil:
    """Take elements out."""
    return lambda draft: draft.remove(xpath)


def change(xpath: str, value: str) -> Spoil:
    """Give elements another value."""
    return lambda draft: draft.set(xpath, value)


def repeat(xpath: str) -> Spoil:
    """Write elements twice."""
    return lambda draft: draft.repeat(xpath)


def add(xpath: str, xml: str) -> Spoil:
    """Append to elements."""
    return lambda draft: draft.add(xpath, xml)


def data(place: int, content: bytes) -> Spoil:
    """Give the document at ``place``, from 0, other bytes."""
    return lambda draft: draft.set_data(place, content)


def both(*spoils: Spoil) -> Spoil:
    """Break in several ways at once."""

    def spoil(draft: Draft) -> None:
        for each in spoils:
            each(draft)

    return spoil


def _key(url: str, child: str = "") -> str:
    return f"{_HEADER}/f:extension/f:extension[@url='{url}']{child}"


def _header_second(draft: Draft) -> None:
    draft.root.append(draft.find("/f:Bundle/f:entry[1]")[0])


def _rename_root(draft: Draft) -> None:
    draft.root.tag = "{http://hl7.org/fhir}Parameters"


_MESSAGE: Final[tuple[Breakage, ...]] = (
    ("bundle", "20006", _rename_root),
    ("bundle-type", "20006", change("/f:Bundle/f:type", "collection")),
    ("bundle-identifier", "20006", remove("/f:Bundle/f:identifier")),
    ("bundle-identifier", "20006", change("/f:Bundle/f:identifier/f:value", " ")),
    ("header-first", "20006", _header_second),
    ("header-first", "20006", remove("/f:Bundle/f:entry[1]")),
    ("header-first", "20006", remove("/f:Bundle/f:entry")),
    ("one-header", "20006", both(repeat("/f:Bundle/f:entry[1]"), remove("/f:Bundle/f:entry[2]/f:fullUrl"))),
    ("full-urls", "20006", repeat("/f:Bundle/f:entry[2]")),
    ("entries", "20006", remove("/f:Bundle/f:entry[2]/f:resource")),
    ("entries", "20006", add("/f:Bundle/f:entry[2]/f:resource", '<Basic ><id value="x"/></Basic>')),
    ("message-id", "20006", remove(f"{_HEADER}/f:id")),
    ("message-id", "20006", change(f"{_HEADER}/f:id", "urn:uuid:x")),
    ("message-id", "20006", repeat(f"{_HEADER}/f:id")),
    ("sender", "20006", remove(f"{_HEADER}/f:sender")),
    ("sender", "20006", change(f"{_HEADER}/f:sender/f:reference", UNKNOWN)),
    ("sender", "20006", remove("/f:Bundle/f:entry[2]/f:resource/f:Organization/f:identifier")),
    ("source", "20006", remove(f"{_HEADER}/f:source")),
    ("source", "20006", change(f"{_HEADER}/f:source/f:endpoint", " ")),
    ("focus", "20006", remove(f"{_HEADER}/f:focus")),
    ("timestamp-format", "20006", change(f"{_HEADER}/f:timestamp", "2026-11-20T21:25:00")),
    ("timestamp-format", "20006", change(f"{_HEADER}/f:timestamp", "2026-13-20T21:25:00Z")),
    ("header-prohibited", "20006", add(_HEADER, '<author ><reference value="x"/></author>')),
    ("bundle-prohibited", "20006", add("/f:Bundle", '<total value="3"/>')),
    ("header-fhir", "20006", add("/f:Bundle", '<colour value="blue"/>')),
    ("header-fhir", "20006", repeat(f"{_HEADER}/f:event")),
    ("header-fhir", "20006", add("/f:Bundle/f:entry[2]/f:resource/f:Organization", '<active value="maybe"/>')),
    ("handling-extension", "10001", remove(f"{_HEADER}/f:extension")),
    ("handling-extension", "10001", repeat(f"{_HEADER}/f:extension")),
    *(
        (f"key-{url}", "10008", spoil(_key(url)))
        for url in ("InfAckRequested", "BusAckRequested", "RecipientType")
        for spoil in (remove, repeat)
    ),
    *(
        (f"key-{url}", "10008", spoil(_key(url)))
        for url in ("MessageDefinition", "SenderReference", "LocalExtension")
        for spoil in (remove, repeat)
    ),
    ("timestamp", "10008", remove(f"{_HEADER}/f:timestamp")),
    ("event", "10008", remove(f"{_HEADER}/f:event")),
    ("inf-ack-requested", "10002", change(_key("InfAckRequested", "/f:valueBoolean"), "false")),
    ("inf-ack-requested", "10002", remove(_key("InfAckRequested", "/f:valueBoolean"))),
    ("bus-ack-requested", "10003", change(_key("BusAckRequested", "/f:valueBoolean"), "false")),
    ("bus-ack-requested", "10003", change(_key("BusAckRequested", "/f:valueBoolean"), "yes")),
    ("recipient-type", "10010", change(_key("RecipientType", "/f:valueCoding/f:code"), "FI")),
    ("recipient-type", "10010", remove(_key("RecipientType", "/f:valueCoding"))),
    ("message-definition", "10004", change(_key("MessageDefinition", "//f:reference"), "https://example.org/x-1")),
    ("message-definition", "10004", remove(_key("MessageDefinition", "/f:valueReference"))),
    (
        *("message-definition-version", "10005"),
        change(
            _key("MessageDefinition", "//f:reference"),
            "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-2",
        ),
    ),
    ("sender-reference", "10007", change(_key("SenderReference", "/f:valueString"), "None")),
    ("sender-reference", "10007", change(_key("SenderReference", "/f:valueString"), "x" * 256)),
    ("sender-reference", "10007", remove(_key("SenderReference", "/f:valueString"))),
    ("local-extension", "10008", change(_key("LocalExtension", "/f:valueString"), "None")),
    ("report-event", "10008", change(f"{_HEADER}/f:event/f:code", "ITK006D")),
    ("report-event", "10008", change(f"{_HEADER}/f:event/f:system", "https://example.org/events")),
    ("no-receiver", "10008", add(_HEADER, '<receiver ><reference value="x"/></receiver>')),
    ("no-receiver", "10008", add(_HEADER, '<destination ><endpoint value="x"/></destination>')),
    ("source-is-sender", "10008", change(f"{_HEADER}/f:source/f:endpoint", "X26OTHER")),
)

_PAYLOAD_BUNDLE: Final[tuple[Breakage, ...]] = (
    ("payload-bundle", "20009", change(f"{_HEADER}/f:focus/f:reference", UNKNOWN)),
    ("payload-identifier", "20009", remove(f"{PAYLOAD}/f:identifier")),
    ("payload-identifier", "20009", change(f"{PAYLOAD}/f:identifier/f:value", "urn:uuid: ")),
    ("payload-entries", "20009", add(PAYLOAD, '<entry ><fullUrl value="urn:uuid:x"/></entry>')),
    ("payload-entries", "20009", remove(f"{PAYLOAD}/f:entry")),
    ("payload-prohibited", "20009", add(PAYLOAD, '<link ><url value="https://example.org"/></link>')),
    ("payload-full-urls", "20009", repeat(f"{PAYLOAD}/f:entry[f:resource/f:Practitioner]")),
)

ENVELOPE: Final = (*_MESSAGE, *_PAYLOAD_BUNDLE)
"""Whatever the payload is."""

BODIES: Final = (
    ("not-empty", "10009", b" \n"),
    ("readable", "10009", b"hello"),
    ("readable", "10009", b"<Bundle"),
)
"""Bodies that break rows which no change of a message's elements can break."""
