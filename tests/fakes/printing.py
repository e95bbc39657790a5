"""Prints each document once: the same text gives the same bytes, as ``test_pdf`` and ``test_layout`` show."""

from __future__ import annotations

from federated_sender.pdf import PdfRenderer

_PRINTED: dict[str, bytes] = {}


class ThriftyRenderer(PdfRenderer):
    """The real one, which remembers what this test session printed already."""

    def render(self, html: str) -> bytes:
        if html not in _PRINTED:
            _PRINTED[html] = super().render(html)
        return _PRINTED[html]
