"""The HTML of a report to the bytes of its PDF, by WeasyPrint, in the process that asks."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

from federated_sender.pdf_standards import complete
from shared.errors import RenderingFailed

if TYPE_CHECKING:
    from weasyprint import CSS
    from weasyprint.text.fonts import FontConfiguration

_TEMPLATES: Final = resources.files("federated_sender") / "templates"
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
    stylesheet, fonts = _kept()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    source = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=()))
    document = source.render(stylesheets=[stylesheet], font_config=fonts)
    with warnings.catch_warnings():
        # it forgets to close the file of its colour profile
        warnings.simplefilter("ignore", ResourceWarning)
        pdf: bytes = document.write_pdf(finisher=complete, pdf_variant="pdf/a-3a")
    return pdf, {letter for font in document.fonts.values() for letter in font.missing if letter >= 0x7F}


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
