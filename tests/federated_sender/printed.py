"""A PDF as poppler reads it: its words with their places, its text, its structure and its pictures."""

from __future__ import annotations

import io
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pypdf
from PIL import Image


class Word(NamedTuple):
    """A word and its box, in points from the top left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def poppler(tool: str, pdf: bytes, *options: str) -> str:
    """Return what ``tool`` prints about ``pdf``."""
    command = [tool, *options, "-", "-"] if tool == "pdftotext" else [tool, *options, "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


def words(pdf: bytes, page: int) -> list[Word]:
    """Return the words of a page."""
    boxes = poppler("pdftotext", pdf, "-bbox", "-f", str(page), "-l", str(page))
    pattern = r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>'
    return [Word(found[4], *map(float, found[:4])) for found in re.findall(pattern, boxes)]


def text(pdf: bytes) -> str:
    """Return the text, lines and columns kept."""
    return poppler("pdftotext", pdf, "-layout")


def pages(pdf: bytes) -> list[str]:
    """Return the text of each page."""
    return text(pdf).split("\f")[:-1]


def notes_of(page: str) -> list[str]:
    """Return the lines of the notes on a page, from its text."""
    lines = [line.strip() for line in page.splitlines() if line.strip()]
    last_bar = max(index for index, line in enumerate(lines) if line == "Clinical notes")
    return lines[last_bar + 1 : -1]


def overlapping(printed: list[Word]) -> list[tuple[str, str]]:
    """Return the pairs of words whose boxes meet."""
    return [
        (one.text, other.text)
        for one, other in combinations(printed, 2)
        if min(one.right, other.right) > max(one.left, other.left)
        and min(one.bottom, other.bottom) > max(one.top, other.top)
    ]


def blocks(pdf: bytes) -> list[str]:
    """Return the text of each paragraph and heading of the structure tree, in its order."""
    found: list[str] = []
    for line in poppler("pdfinfo", pdf, "-struct-text").splitlines():
        if line.endswith("(block)"):
            found.append("")
        elif quoted := re.fullmatch(r'\s*"(.*)"', line):
            found[-1:] = [f"{found[-1]} {quoted[1]}".strip()] if found else []
    return [block for block in found if block]


def objects(pdf: bytes) -> list[Any]:
    """Return every object of the file that is a dictionary or a stream."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    every = (reader.get_object(number) for number in range(1, int(reader.trailer["/Size"])))
    return [item for item in every if isinstance(item, dict)]


def picture(pdf: bytes, page: int, directory: Path) -> Image.Image:
    """Return a page in shades of grey, 72 dots an inch."""
    options = ("-gray", "-r", "72", "-f", str(page), "-singlefile", "-png")
    subprocess.run(["pdftoppm", *options, "-", directory / "page"], input=pdf, check=True)
    with Image.open(directory / "page.png") as image:
        return image.convert("L")
