"""The rows of the table for the sections of a Composition and the Binary that each of them leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.itk3 import attachments, systems
from shared.itk3.attachments import Kind
from shared.itk3.composition_read import CompositionView, EntryView
from shared.itk3.rule import MOST_FAULTS, Case, Predicate, Rule


def composition_rule(check: Callable[[CompositionView], object]) -> Predicate:
    """Return a predicate on the Composition payload; it holds for any other."""

    def holds(case: Case) -> bool:
        return not isinstance(case.view, CompositionView) or bool(check(case.view))

    return holds


def _entries(row: tuple[str, str, str, str], diagnostics: str, check: Callable[[EntryView], object]) -> Rule:
    """Return a row about every entry that leads to a Binary; its diagnostics name those at fault by their place."""

    def failing(case: Case) -> list[int]:
        entries = case.view.entries if isinstance(case.view, CompositionView) else ()
        return [entry.place for entry in entries if entry.binary is not None and not check(entry)]

    def places(case: Case) -> str:
        return "Composition.section.entry " + ", ".join(str(place) for place in failing(case)[:MOST_FAULTS])

    return Rule(*row, diagnostics, lambda case: not failing(case), places)


def _has_contents(entry: EntryView) -> bool:
    binary = entry.binary
    return binary is not None and bool(entry.content_type) and binary.one("content") is not None


def _bytes_fit(entry: EntryView) -> bool:
    kind = attachments.kind_of_type(entry.content_type)
    return kind is None or entry.data is None or attachments.bytes_fit(kind, entry.data)


def _each_binary_is_an_entry(view: CompositionView) -> bool:
    referred = sorted(id(entry.binary) for entry in view.entries if entry.binary is not None)
    return referred == sorted(id(element) for element in view.bundle.of_type("Binary"))


def _report_is_pdf(view: CompositionView) -> bool:
    if systems.REPORT_TYPE not in view.codes or not view.entries:
        return True
    return attachments.kind_of_type(view.entries[0].content_type) is Kind.PDF


def _pdf_is_pdf_inside(view: CompositionView) -> bool:
    first = view.entries[0] if view.entries else None
    is_typed = first is not None and attachments.kind_of_type(first.content_type) is Kind.PDF
    return first is None or not is_typed or not first.data or first.data.startswith(b"%PDF-")


SECTIONS: Final = (
    Rule(
        *("sections", "1.3/GPCM-SD-109", "20009", "required"),
        "Composition.section must be present, each with an entry and without sections of its own",
        composition_rule(
            lambda view: view.sections and all(each.all("entry") and not each.all("section") for each in view.sections)
        ),
    ),
    Rule(
        *("section-entry", "1.3/GPCM-SD-110", "20009", "structure"),
        "Each Composition.section.entry must refer to a Binary of the document",
        composition_rule(lambda view: all(entry.binary is not None for entry in view.entries)),
    ),
    Rule(
        *("binaries-are-entries", "1.3/GPCM-SD-109", "20009", "structure"),
        "Each Binary of the document must be referred to by one Composition.section.entry",
        composition_rule(_each_binary_is_an_entry),
    ),
    _entries(
        ("binary-contents", "ITK-Attachment-Binary-1", "20009", "required"),
        "Binary must have one contentType and one content",
        _has_contents,
    ),
    _entries(
        ("binary-data", "1.3/GPCM-SD-111", "20009", "value"),
        "Binary.content must be base64 and not empty",
        lambda entry: not _has_contents(entry) or entry.data,
    ),
    _entries(
        ("binary-type", "ITK3 20004", "20004", "security"),
        "Binary.contentType is not a type that is taken here",
        lambda entry: not entry.content_type or attachments.kind_of_type(entry.content_type),
    ),
    _entries(
        ("binary-bytes", "ITK3 20005", "20005", "security"),
        "Binary.content is not of its contentType",
        _bytes_fit,
    ),
    Rule(
        *("document-bytes", "1.3/GPCM-SD-124", "20009", "value"),
        "The first Binary of the document must be the PDF that it says it is",
        composition_rule(_pdf_is_pdf_inside),
    ),
)

REPORT_IS_PDF: Final = Rule(
    *("document-is-pdf", "1.3/GPCM-SD-124", "20009", "business-rule"),
    "The first Binary of a report of clinical encounter must be application/pdf",
    composition_rule(_report_is_pdf),
)
