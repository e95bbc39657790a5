"""The two documents that one consultation of the demo has attached: a PDF and a PNG, both made here."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

from PIL import Image, ImageDraw

_LETTER = """<html lang="en"><head><title>Peak flow diary</title></head><body><h1>Peak flow diary</h1>
<p>Readings of one week, written down by a synthetic patient.</p>
<table>{rows}</table></body></html>"""


def write_documents(directory: Path) -> tuple[Path, Path]:
    """Write ``diary.pdf`` and ``ecg.png`` into ``directory``; return their paths."""
    diary, ecg = directory / "diary.pdf", directory / "ecg.png"
    diary.write_bytes(_diary())
    ecg.write_bytes(_ecg())
    return diary, ecg


def _diary() -> bytes:
    with warnings.catch_warnings():
        # it warns of libharfbuzz-subset, which is speed alone
        warnings.simplefilter("ignore", DeprecationWarning)
        from weasyprint import HTML
    rows = "".join(f"<tr><td>Day {day}</td><td>{350 + 15 * day} l/min</td></tr>" for day in range(1, 8))
    pdf: bytes = HTML(string=_LETTER.format(rows=rows)).write_pdf()
    return pdf


def _ecg() -> bytes:
    image = Image.new("RGB", (480, 160), "white")
    trace = [(x, 80 - 60 * math.exp(-(((x % 96) - 48) ** 2) / 20) + 6 * math.sin(x / 15)) for x in range(480)]
    ImageDraw.Draw(image).line(trace, fill="black", width=2)
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()
