"""The rows of the table for the documents of a Task payload; the report itself is one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.itk3 import attachments, systems
from shared.itk3.attachments import Kind
from shared.itk3.primitives import read_date_time, read_instant
from shared.itk3.rule import MOST_FAULTS, Case, Predicate, Rule
from shared.itk3.task_read import DocumentView, TaskView


def task_rule(check: Callable[[TaskView], object]) -> Predicate:
    """Return a predicate on the Task payload; it holds for any other."""

    def holds(case: Case) -> bool:
        return not isinstance(case.view, TaskView) or bool(check(case.view))

    return holds


def _documents(
    row: tuple[str, str, str, str], diagnostics: str, check: Callable[[TaskView, DocumentView], object]
) -> Rule:
    """Return a row about every document; its diagnostics name the inputs at fault by their place."""

    def failing(case: Case) -> list[int]:
        view = case.view
        if not isinstance(view, TaskView):
            return []
        return [document.place for document in view.documents if not check(view, document)]

    def places(case: Case) -> str:
        return "Task.input " + ", ".join(str(place) for place in failing(case)[:MOST_FAULTS])

    return Rule(*row, diagnostics, lambda case: not failing(case), places)


def _each_document_is_an_input(view: TaskView) -> bool:
    referred = [id(document.element) for document in view.documents]
    return sorted(referred) == sorted(id(element) for element in view.bundle.of_type("DocumentReference"))


def _has_coding(_: TaskView, document: DocumentView) -> bool:
    codings = document.element.all("type", "coding")
    return any(coding.text("system") and coding.text("code") and coding.text("display") for coding in codings)


def _is_report_type(document: DocumentView) -> bool:
    # digest of the guides: the required system is a value set's URL, so SNOMED CT's own is taken as well
    return any(
        coding.text("system") in (systems.DOCUMENT_TYPES, systems.SNOMED_CT)
        and coding.text("code") == systems.REPORT_TYPE
        for coding in document.element.all("type", "coding")
    )


def _bytes_fit(_: TaskView, document: DocumentView) -> bool:
    kind = attachments.kind_of_type(document.content_type)
    return kind is None or document.data is None or attachments.bytes_fit(kind, document.data)


def _report_is_pdf_inside(report: DocumentView) -> bool:
    is_typed = attachments.kind_of_type(report.content_type) is Kind.PDF
    return not is_typed or not report.data or report.data.startswith(b"%PDF-")


def _subject_is_patient(view: TaskView, document: DocumentView) -> bool:
    return view.patient is None or view.bundle.follow(document.element, "subject", "Patient") is view.patient


def _author_is_agent(view: TaskView, document: DocumentView) -> bool:
    author = view.bundle.follow(document.element, "author", "Practitioner")
    return view.practitioner is None or author is view.practitioner


def _report(check: Callable[[DocumentView], object]) -> Predicate:
    return task_rule(lambda view: view.report is None or check(view.report))


STRUCTURE: Final = (
    Rule(
        *("task-input", "GPCM-SD-008", "20009", "required"),
        "Task.input must be present",
        task_rule(lambda view: view.inputs),
    ),
    Rule(
        *("input-resolves", "GPCM-SD-009", "20009", "structure"),
        "Each Task.input must refer to a DocumentReference of the payload bundle",
        task_rule(lambda view: len(view.documents) == len(view.inputs)),
    ),
    Rule(
        *("documents-are-inputs", "GPCM-SD-010", "20009", "structure"),
        "Each DocumentReference of the payload bundle must be referred to by one Task.input",
        task_rule(_each_document_is_an_input),
    ),
    _documents(
        ("document-type", "GPConnect-DocumentReference-1", "20009", "required"),
        "DocumentReference.type must have a coding with system, code and display",
        _has_coding,
    ),
    _documents(
        ("document-people", "GPConnect-DocumentReference-1", "20009", "required"),
        "DocumentReference must have one subject and one author, each a reference",
        lambda _, document: all(document.element.one(name, "reference") for name in ("subject", "author")),
    ),
    _documents(
        ("document-created", "GPCM-SD-011", "20009", "value"),
        "DocumentReference.created must be a date",
        lambda _, document: read_date_time(document.element.text("created")),
    ),
    _documents(
        ("document-indexed", "GPCM-SD-079", "20009", "value"),
        "DocumentReference.indexed must be an instant with a time zone",
        lambda _, document: read_instant(document.element.text("indexed")),
    ),
    _documents(
        ("document-description", "GPCM-SD-012", "20009", "required"),
        "DocumentReference.description must be present",
        lambda _, document: document.description,
    ),
    _documents(
        ("document-attachment", "GPCM-SD-013", "20009", "required"),
        "DocumentReference.content must have one attachment with contentType and data",
        lambda _, document: document.content_type and document.element.one("content", "attachment", "data") is not None,
    ),
    _documents(
        ("document-inside", "FHIR-PAY-02", "20009", "structure"),
        "DocumentReference.content.attachment must not have a url",
        lambda _, document: not document.element.all("content", "attachment", "url"),
    ),
    _documents(
        ("document-data", "GPCM-SD-013", "20009", "value"),
        "DocumentReference.content.attachment.data must be base64 and not empty",
        lambda _, document: document.element.one("content", "attachment", "data") is None or document.data,
    ),
    _documents(
        ("attachment-type", "ITK3 20004", "20004", "security"),
        "DocumentReference.content.attachment.contentType is not a type that is taken here",
        lambda _, document: not document.content_type or attachments.kind_of_type(document.content_type),
    ),
    _documents(
        ("attachment-bytes", "ITK3 20005", "20005", "security"),
        "DocumentReference.content.attachment.data is not of its contentType",
        _bytes_fit,
    ),
    Rule(
        *("report-bytes", "GPCM-SD-024", "20009", "value"),
        "The report's DocumentReference.content.attachment.data must be a PDF",
        _report(_report_is_pdf_inside),
    ),
)

BUSINESS: Final = (
    Rule(
        *("report-present", "GPCM-SD-026", "10008", "processing"),
        "One DocumentReference.description must be Federated Consultation Report",
        task_rule(lambda view: not view.documents or view.report),
    ),
    Rule(
        *("report-is-pdf", "GPCM-SD-024", "10008", "processing"),
        "The report's DocumentReference.content.attachment.contentType must be application/pdf",
        _report(lambda report: attachments.kind_of_type(report.content_type) is Kind.PDF),
    ),
    Rule(
        *("report-input-type", "GPCM-SD-025", "10008", "processing"),
        "The report's Task.input.type.text must be Federated consultation report",
        _report(
            lambda report: (
                (report.input.text("type", "text") or "").strip().casefold() == systems.REPORT_INPUT_TYPE.casefold()
            )
        ),
    ),
    _documents(
        ("document-status", "GPCM-SD-078", "10008", "processing"),
        "DocumentReference.status must be current",
        lambda _, document: document.element.text("status") == "current",
    ),
    _documents(
        ("document-subject", "GPCM-SD-080", "10008", "processing"),
        "DocumentReference.subject must refer to the Patient of Task.for",
        _subject_is_patient,
    ),
    _documents(
        ("document-author", "GPCM-SD-081", "10008", "processing"),
        "DocumentReference.author must refer to the Practitioner of Task.requester.agent",
        _author_is_agent,
    ),
    Rule(
        *("report-type", "GPCM-SD-082", "10008", "processing"),
        "The report's DocumentReference.type must be 371531000, Report of clinical encounter",
        _report(_is_report_type),
    ),
)
