"""The HTML of a report to the bytes of its PDF, by WeasyPrint, in the process that asks."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.etree import ElementTree

import pydyf

from federated_sender.pdf_standards import complete
from shared.errors import RenderingFailed

if TYPE_CHECKING:
    from weasyprint import CSS, HTML
    from weasyprint.document import Document
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import URLFetcher

_TEMPLATES: Final = resources.files("federated_sender") / "templates"
_LIKELY_ONE_PAGE: Final = 6_000  # letters of HTML; a wrong guess costs a second layout
_FONTS: Final = {"Liberation Sans": "fonts-liberation", "DejaVu Sans": "fonts-dejavu-core"}


def print_pdf(html: str) -> bytes:
    """Return the PDF of ``html`` with the report's stylesheet; the same text gives the same bytes.

    It claims PDF/A-3a and PDF/UA-1, is tagged, and holds nothing but what ``html`` holds: no address in it
    is ever fetched. Raises RenderingFailed without any part of the report.
    """
    try:
        return _print(html)
    except Exception as error:  # noqa: BLE001 - whatever a layout engine may raise on some document
        failure = type(error).__name__
    # outside the handler: no chain to an error that may quote the report
    raise RenderingFailed(f"the report could not be laid out ({failure})")


def _print(html: str) -> bytes:
    pdf, letters = _lay_out(html)
    if letters:
        # PDF/A-3 (ISO 19005-3, 6.2.11.8) allows no empty boxes, and a reader can look up a code point
        pdf, _ = _lay_out(html.translate({letter: f"[U+{letter:04X}]" for letter in letters}))
    return pdf


def _lay_out(html: str) -> tuple[bytes, set[int]]:
    """Return the PDF and the letters that no font has."""
    document = _document(html)
    with warnings.catch_warnings():
        # it forgets to close the file of its colour profile
        warnings.simplefilter("ignore", ResourceWarning)
        pdf: bytes = document.write_pdf(finisher=_finish, pdf_variant="pdf/a-3a")
    return pdf, {letter for font in document.fonts.values() for letter in font.missing if letter >= 0x7F}


def _document(html: str) -> Document:
    """Return the pages of ``html``; what further pages repeat is left out while there seems to be none."""
    if len(html) <= _LIKELY_ONE_PAGE:
        document = _rendered(_source(html, repeated=False))
        if len(document.pages) == 1:
            return document
    return _rendered(_source(html))


def _rendered(source: HTML) -> Document:
    stylesheet, fonts = _kept()
    if source.etree_element.find(".//style") is not None:  # the long header of its further pages
        return source.render(stylesheets=[stylesheet], font_config=fonts)
    from federated_sender.kept_styles import lay_out

    return lay_out(source, stylesheet, fonts)


def _source(html: str, *, repeated: bool = True) -> HTML:
    """Return ``html`` read by the parser for XML, which is in C, and with the few rules its elements need.

    WeasyPrint's own ways give the same pages: its parser serves for a text with letters that XML forbids.
    """
    from cssselect2 import ElementWrapper
    from weasyprint import HTML

    try:
        tree = ElementTree.fromstring(html)  # noqa: S314 - of our own template, which declares no entity
    except ElementTree.ParseError:
        return HTML(string=html, url_fetcher=_fetcher())
    if not repeated and (body := tree.find("body")) is not None:
        for header in body.findall("div[@class='continued']"):
            body.remove(header)
    _close_up(tree)
    source = HTML(string="", url_fetcher=_fetcher())
    source.etree_element = tree
    source.wrapper_element = ElementWrapper.from_html_root(tree)
    source._ua_stylesheets = _elements  # noqa: SLF001 - no other way
    return source


def _close_up(tree: ElementTree.Element) -> None:
    """Take out the blanks between blocks: each would be a box with a style, thrown away in the end."""
    for block in tree.iter("div"):
        if not (block.text or "").strip():
            block.text = None
        for part in block:
            if not (part.tail or "").strip():
                part.tail = None


@cache
def _fetcher() -> URLFetcher:
    """Return what fetches ``data:`` alone: such an address is what it stands for, the frame."""
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols=("data",))


@cache
def _elements(*_: object, **__: object) -> list[CSS]:
    from weasyprint import CSS

    return [CSS(string=(_TEMPLATES / "elements.css").read_text("utf-8"))]


class _Written(pydyf.Object):  # type: ignore[misc]
    """An object of a PDF as its bytes: the library makes them twice, for the file and for its identifier."""

    compressible = False
    data = b""

    def __init__(self, item: Any) -> None:
        super().__init__()
        self.number, self.compressible, self.data = item.number, item.compressible, item.data


def _finish(document: Any, pdf: Any) -> None:
    complete(document, pdf)
    pdf.objects[1:] = [_Written(item) for item in pdf.objects[1:]]


@cache
def _kept() -> tuple[CSS, FontConfiguration]:
    """Return the stylesheet, parsed once in a process, and the fonts, looked up once.

    WeasyPrint takes half a second: it is loaded here.
    """
    with warnings.catch_warnings():
        # it warns of libharfbuzz-subset, which missing_libraries tells to people
        warnings.simplefilter("ignore", DeprecationWarning)
        from weasyprint import CSS
        from weasyprint.text.fonts import FontConfiguration
    return CSS(string=(_TEMPLATES / "report.css").read_text("utf-8")), FontConfiguration()


class MissingLibrary(NamedTuple):
    """What reports want of the machine and do not find: ``required``, or advised."""

    name: str
    package: str
    required: bool

    def __str__(self) -> str:
        return f"{self.name} is missing: install the Debian package {self.package}"


def missing_libraries() -> list[MissingLibrary]:
    """Return what this machine lacks for PDF reports, for ``check`` to tell; [] when all is there."""
    try:
        _kept()
    except OSError:
        return [MissingLibrary("Pango", "libpangoft2-1.0-0", required=True)]
    from weasyprint.text.ffi import harfbuzz_subset

    missing = [
        MissingLibrary(f"The font {family}", package, required=False)
        for family, package in _FONTS.items()
        if _font_used_for(family) != family
    ]
    if harfbuzz_subset is None:
        missing.append(MissingLibrary("HarfBuzz-Subset, for speed,", "libharfbuzz-subset0", required=False))
    return missing


def _font_used_for(family: str) -> str:
    from weasyprint import HTML

    document = HTML(string=f"<p style='font-family: {family}'>a").render()
    document.write_pdf()
    font: str = next(iter(document.fonts.values())).family
    return font
