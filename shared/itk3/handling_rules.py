"""The rows of the table for the message handling extension: its keys, and what each must say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.itk3 import systems
from shared.itk3.element import Element
from shared.itk3.naming import normal_form
from shared.itk3.rule import Case, Predicate, Rule, envelope_rule, header_rule, key_rule, payload_key_rule

if TYPE_CHECKING:
    from shared.itk3.payload import Payload

_KEYS: Final = (
    *("InfAckRequested", "BusAckRequested", "RecipientType"),
    *("MessageDefinition", "SenderReference", "LocalExtension"),
)
_RECIPIENT_TYPES: Final = frozenset({"FA", "FI"})


def _has_one_handling_extension(header: Element) -> bool:
    return len(header.extensions(systems.MESSAGE_HANDLING)) == 1


def _has_key(url: str) -> Predicate:
    return envelope_rule(lambda envelope: envelope.handling is None or envelope.key(url) is not None)


def _is_true(key: Element) -> bool:
    return key.text("valueBoolean") == "true"


def _recipient_type(case: Case) -> bool:
    taken = case.payload.recipient_types if case.payload is not None else _RECIPIENT_TYPES

    def is_taken(key: Element) -> bool:
        coding = key.one("valueCoding")
        is_type = coding is not None and coding.text("system") == systems.RECIPIENT_TYPE
        return is_type and key.text("valueCoding", "code") in taken

    return key_rule("RecipientType", is_taken)(case)


def _local_extension(payload: Payload, key: Element) -> bool:
    return payload.local_extensions is None or key.text("valueString") in payload.local_extensions


def _local_extensions_taken(case: Case) -> str:
    taken = case.payload.local_extensions if case.payload is not None else None
    return " or ".join(sorted(taken or ()))


def _family(definition: str) -> str:
    return re.sub(r"-[0-9]+$", "", definition)


_FAMILIES: Final = frozenset(_family(definition) for definition in systems.REPORT_DEFINITIONS)


def _definition_is_known(key: Element) -> bool:
    return _family(key.text("valueReference", "reference") or "") in _FAMILIES


def _definition_version_is_known(key: Element) -> bool:
    definition = key.text("valueReference", "reference") or ""
    return _family(definition) not in _FAMILIES or definition in systems.REPORT_DEFINITIONS


def _identifies_a_consultation(key: Element) -> bool:
    # "None" is ITK3's word for a reference that is not used: every such report would be of one chain
    reference = key.text("valueString") or ""
    return len(reference) <= 255 and normal_form(reference).casefold() not in ("", systems.NONE.casefold())


PRESENCE: Final = (
    Rule(
        *("handling-extension", "ITK-MessageHeader-2", "10001", "processing"),
        "MessageHeader must have one message handling extension",
        header_rule(_has_one_handling_extension),
    ),
    *(
        Rule(
            *(f"key-{url}", "GPCM-SD-067", "10008", "processing"),
            f"MessageHeader handling key {url} must be present once",
            _has_key(url),
        )
        for url in _KEYS
    ),
)

VALUES: Final = (
    Rule(
        *("inf-ack-requested", "GPCM-SD-068", "10002", "processing"),
        "MessageHeader handling key InfAckRequested must be true",
        key_rule("InfAckRequested", _is_true),
    ),
    Rule(
        *("bus-ack-requested", "GPCM-SD-069", "10003", "processing"),
        "MessageHeader handling key BusAckRequested must be true",
        key_rule("BusAckRequested", _is_true),
    ),
    Rule(
        *("recipient-type", "GPCM-SD-070", "10010", "processing"),
        "MessageHeader handling key RecipientType must be FA of ITK-RecipientType-1, with a document FA or FI",
        _recipient_type,
    ),
    Rule(
        *("message-definition", "GPCM-SD-043", "10004", "processing"),
        "MessageHeader handling key MessageDefinition must be the GP Connect Send Document definition",
        key_rule("MessageDefinition", _definition_is_known),
    ),
    Rule(
        *("message-definition-version", "GPCM-SD-043", "10005", "processing"),
        "MessageHeader handling key MessageDefinition must be version 1 of the GP Connect Send Document definition",
        key_rule("MessageDefinition", _definition_version_is_known),
    ),
    Rule(
        *("sender-reference", "GPCM-SD-042", "10007", "processing"),
        "MessageHeader handling key SenderReference must identify the encounter, in 1 to 255 characters",
        key_rule("SenderReference", _identifies_a_consultation),
    ),
    Rule(
        *("local-extension", "GPCM-SD-044", "10008", "processing"),
        "MessageHeader handling key LocalExtension must be the one of its kind of payload",
        payload_key_rule("LocalExtension", _local_extension),
        _local_extensions_taken,
    ),
)
