"""What WeasyPrint leaves undone for PDF/UA-1 (ISO 14289-1) and PDF/A-3a (ISO 19005-3) in one file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, Final

_CLAIM: Final = resources.files("federated_sender") / "templates" / "pdf-ua.xmp"
# from here on a letter may be drawn as several glyphs, join its neighbour or run from right to left
_FIRST_COMPLEX_LETTER: Final = "\u0300"
_BREAK_POINT: Final = "\u200b"
_JOINER: Final = b"034f"


def complete(document: Any, pdf: Any) -> None:
    """Finish ``pdf``, which WeasyPrint made of ``document`` and has not written yet."""
    _claim_pdf_ua(pdf)
    _mark_artifacts(pdf)
    texts = [text for page in document.pages for text in _texts(page._page_box)]  # noqa: SLF001 - no other way
    if any(map(_is_complex, texts)):
        _tell_texts(pdf, texts)
        _complete_letters(pdf)


@cache
def _claim() -> bytes:
    return _CLAIM.read_bytes()


def _claim_pdf_ua(pdf: Any) -> None:
    """Say PDF/UA-1 in the metadata (ISO 14289-1, 5) beside PDF/A-3a: WeasyPrint has room for one standard."""
    metadata = next(item for item in pdf.objects if getattr(item, "extra", {}).get("Type") == "/Metadata")
    metadata.stream = [part.replace(b"</rdf:RDF>", _claim() + b"</rdf:RDF>") for part in metadata.stream]
    # plain text, for tools that look for metadata without reading PDF
    metadata.compress = False


def _mark_artifacts(pdf: Any) -> None:
    """Mark what the margins of the pages repeat as artifacts (ISO 14289-1, 7.1).

    WeasyPrint marks it as content, but leaves it out of the structure tree.
    """
    root = _resolve(pdf, pdf.catalog["StructTreeRoot"])
    in_tree: set[bytes] = set()
    waiting = list(root["K"])
    while waiting:
        kid = waiting.pop()
        if isinstance(kid, bytes):
            in_tree.add(kid)
            waiting.extend(_resolve(pdf, kid)["K"])
    pages = [item for item in pdf.objects if isinstance(item, dict) and item.get("Type") == "/Page"]
    elements_by_page = _resolve(pdf, root["ParentTree"])["Nums"][1::2]
    for page, elements in zip(pages, elements_by_page, strict=True):
        operators = _resolve(pdf, page["Contents"]).stream
        for index, operand in enumerate(operators):
            if isinstance(operand, dict) and "MCID" in operand and elements[operand["MCID"]] not in in_tree:
                elements[operand["MCID"]] = "null"
                operators[index - 1 : index + 1] = ["/Artifact", "<</Type /Pagination>>"]


def _resolve(pdf: Any, reference: bytes) -> Any:
    return pdf.objects[int(reference.split()[0])]


def _texts(box: Any) -> Iterator[str]:
    """Give the text of each line in the order in which WeasyPrint makes the elements of the structure."""
    box = getattr(box, "_box", box)  # what is placed absolutely is wrapped
    if hasattr(box, "text"):
        yield box.text
    for child in getattr(box, "children", ()):
        yield from _texts(child)


def _is_complex(text: str) -> bool:
    return "\t" in text or (not text.isascii() and max(text) >= _FIRST_COMPLEX_LETTER)


def _tell_texts(pdf: Any, texts: list[str]) -> None:
    """Say beside glyphs what they mean, where their order or number is not that of the letters (14.9.4).

    Without it, Arabic and Hebrew are read backwards, and the words beside a tab as one.
    """
    elements = [item for item in pdf.objects if isinstance(item, dict) and item.get("Type") == "/StructElem"]
    lines = [item for item in elements if item["S"] != "/Figure" and isinstance(next(iter(item["K"]), None), int)]
    for element, text in zip(lines, texts, strict=True):
        if _is_complex(text):
            marked = "\ufeff" + text.replace(_BREAK_POINT, "")
            element["ActualText"] = f"<{marked.encode('utf-16-be').hex()}>"


def _complete_letters(pdf: Any) -> None:
    """Give glyphs that only complete another one a letter without meaning: none may have no letter."""
    for item in pdf.objects:
        if isinstance(stream := getattr(item, "stream", None), list) and b"endbfchar" in stream:
            item.stream = [line[:-1] + _JOINER + b">" if line.endswith(b" <>") else line for line in stream]
