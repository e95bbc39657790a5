"""Documents that carry something that runs are flagged for people; nothing else is done with them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from registered_receiver.active_content import has_active_content
from shared.itk3.model import Document
from tests.registered_receiver.bench import AUTHORED, PDF, REPORT, ReceiverBench, report

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def archive(*names: str) -> bytes:
    """Return a Word document with these parts, compressed as Word does it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, "x" * 100)
    return content.getvalue()


ACTIVE = {
    "a script in a PDF": ("application/pdf", b"%PDF-1.7\n<< /S /JavaScript /JS (app.alert\\(1\\)) >>"),
    "a script in a stream of a PDF": ("application/pdf", b"%PDF-1.7\n<< /JS 12 0 R >>"),
    "a name with escapes": ("application/pdf", b"%PDF-1.7\n<< /S /J#61va#53cript >>"),
    "a program that a PDF starts": ("application/pdf", b"%PDF-1.7\n<< /S/Launch/F(cmd.exe) >>"),
    "an action on opening": ("application/pdf", b"%PDF-1.7\n<< /OpenAction 5 0 R >>"),
    "an action on a page": ("application/pdf", b"%PDF-1.7\n<< /AA << /O 5 0 R >> >>"),
    "a form with scripts": ("application/pdf; version=1.7", b"%PDF-1.7\n/XFA [ 1 0 R ]"),
    "macros in a Word document": (WORD, archive("word/document.xml", "word/vbaProject.bin")),
    "macros in an older one": ("application/msword", b"\xd0\xcf\x11\xe0" + "_VBA_PROJECT".encode("utf-16-le")),
    "an object in RTF": ("application/rtf", b"{\\rtf1{\\object\\objemb{\\*\\objdata 0105}}}"),
    "a script in HTML": ("text/html", b"<p>x</p><SCRIPT src=x></SCRIPT>"),
    "a handler in HTML": ("text/html", b"<img src=x onerror=alert(1)>"),
    "a handler without a space": ("text/html", b'<img src="x"onload="y">'),
    "an address that runs": ("text/html", b"<a href='javascript:x'>x</a>"),
    "a frame": ("text/html", b"<iframe src=x>"),
    "a script in XML": ("text/xml", b"<x:script xmlns:x='http://www.w3.org/1999/xhtml'/>"),
}
QUIET = {
    "a PDF": ("application/pdf", PDF),
    "a PDF with a link": ("application/pdf", b"%PDF-1.7\n<< /S /URI /URI (https://example.org) >>"),
    "names that only begin so": ("application/pdf", b"%PDF-1.7\n/JSON (x) /LaunchPad /OpenActions"),
    "compressed data": ("application/pdf", b"%PDF-1.7\nstream\n\x81/JS\x90/AA\x91\nendstream"),
    "a Word document": (WORD, archive("word/document.xml")),
    "HTML": ("text/html", b"<p>The patient takes one on = off a day, see onset=3</p>"),
    "plain text about scripts": ("text/plain", b"<script>"),
    "a photograph": ("image/jpeg", b"\xff\xd8\xff/JavaScript"),
    "an unknown type": ("application/x-unknown", b"/JavaScript <script>"),
}


@pytest.mark.parametrize("name", ACTIVE)
def test_what_runs_when_it_is_opened_is_flagged(name: str) -> None:
    assert has_active_content(*ACTIVE[name])


@pytest.mark.parametrize("name", QUIET)
def test_what_does_not_is_not(name: str) -> None:
    assert not has_active_content(*QUIET[name])


def test_people_are_told_in_the_task_and_in_its_file_and_the_bytes_stay_as_they_are(
    receiver: ReceiverBench, tmp_path: Path
) -> None:
    letter = Document("Letter", "text/html", ACTIVE["a script in HTML"][1], AUTHORED)
    receiver.deliver(report(documents=(REPORT, letter)))
    receiver.once()
    (task,) = receiver.tasks()

    shown = receiver.json("tasks", "show", task["task_id"], "--json")
    printed = receiver.command("tasks", "show", task["task_id"]).output
    receiver.command("tasks", "export", task["task_id"], "--to", str(tmp_path / "out"))

    assert [document["active_content"] for document in shown["documents"]] == [False, True]
    # the digest has no room beside the rest and stands beneath
    documents = [line for line in printed.splitlines() if not line.startswith("  ")][-2:]
    assert [line.split()[-1] for line in documents] == ["no", "yes"]
    described = json.loads((tmp_path / "out" / "task.json").read_text())
    assert [document["active_content"] for document in described["documents"]] == [False, True]
    assert (tmp_path / "out" / "02-attachment.html").read_bytes() == letter.data
