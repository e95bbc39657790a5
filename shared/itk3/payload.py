"""The seam between the ITK3 envelope and what it carries (decision 1).

A kind of payload is one value of ``Payload``; the envelope's code knows nothing of its resources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.itk3.fhir_xml import Resource
from shared.itk3.model import Identifier, ReceivedReport, ReportMessage

if TYPE_CHECKING:
    from shared.itk3.bundle import Bundle
    from shared.itk3.envelope import Envelope
    from shared.itk3.rule import Rule


@dataclass(frozen=True)
class Payload:
    """One kind of payload bundle: how it is built, recognised, judged and read.

    ``describe`` gives the line for the worklist, which is the MESH Subject too. ``local_extensions`` is None when
    any will do on arrival; ``names_receiver`` says whether the header may name one, ``sends_confidential`` whether a
    confidential consultation may be sent so. ``replaces`` finds what the document is called that a received one
    takes the place of. ``structure_rules`` say whether the payload can be read, ``business_rules`` whether it says
    what the specification wants: a duplicate is looked for between the two (step 8 of the validation order).
    """

    name: str
    profile: str
    bundle_type: str
    message_definition: str
    local_extension: str
    local_extensions: frozenset[str] | None
    recipient_types: frozenset[str]
    names_receiver: bool
    sends_confidential: bool
    build: Callable[[ReportMessage], list[Resource]]
    describe: Callable[[ReportMessage], str]
    recognises: Callable[[Bundle], bool]
    view: Callable[[Bundle], object]
    structure_rules: tuple[Rule, ...]
    business_rules: tuple[Rule, ...]
    read: Callable[[Envelope], ReceivedReport]
    replaces: Callable[[Bundle], Identifier | None] = lambda _: None
