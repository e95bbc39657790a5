"""The faults of ``fault_script`` by name, sorted by what a client may make of them."""

from __future__ import annotations

from typing import Final

from tests.fakes.fault_script import (
    BODIES,
    HTML,
    JSON,
    adds,
    answers,
    answers_early,
    byte_by_byte,
    cut_after_headers,
    cut_before_answer,
    cut_before_reading,
    cut_in_body,
    gzipped_twice_over,
    in_capitals,
    in_pieces,
    says,
    says_before,
    stall_before_taking,
    stall_unread,
    taken_and_closed,
    taken_and_cut,
    taken_and_cut_in_a_chunk_of_the_answer,
    taken_and_cut_in_answer_body,
    taken_and_cut_in_answer_headers,
    taken_and_stalled,
    taken_and_stalled_in_answer,
    to_the_end,
    zips,
)
from tests.fakes.fault_server import Fault


def _page(status: int, kind: str, *, taken: bool = False) -> Fault:
    return answers(status, BODIES[kind], {"content-type": f"text/{kind}"}, taken=taken)


CUTS: Final[dict[str, Fault]] = {
    "cut before reading": cut_before_reading,
    "cut after the headers": cut_after_headers,
    "cut in the body": cut_in_body,
    "cut before the answer": cut_before_answer,
    "taken and cut": taken_and_cut,
    "taken and closed": taken_and_closed,
    "taken and cut in the answer's headers": taken_and_cut_in_answer_headers,
    "taken and cut in the answer's body": taken_and_cut_in_answer_body,
    "taken and cut in a chunk of the answer": taken_and_cut_in_a_chunk_of_the_answer,
}
STALLS: Final[dict[str, Fault]] = {
    "stalled unread": stall_unread,
    "stalled before it is taken": stall_before_taking,
    "taken and stalled": taken_and_stalled,
    "taken and stalled in the answer": taken_and_stalled_in_answer,
}
REFUSALS: Final[dict[str, Fault]] = {
    f"{status} {kind}": _page(status, kind) for status in (425, 429, 500, 502, 503, 504) for kind in BODIES
}
TAKEN_BUT_REFUSED: Final[dict[str, Fault]] = {
    f"taken and {status} {kind}": _page(status, kind, taken=True)
    for status, kind in ((500, "json"), (502, "html"), (503, "xml"), (504, "empty"), (408, "empty"))
}
NONSENSE: Final[dict[str, Fault]] = {
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n", taken=True),
    "nothing but a line": says(b"\r\n", taken=True),
    "another protocol": says(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n", taken=True),
    "a status of letters": says(b"HTTP/1.1 abc OK\r\n\r\n", taken=True),
    "a status beyond all": says(b"HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n", taken=True),
    "two lengths": says(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", taken=True),
    "a length of letters": says(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", taken=True),
    "a header without a colon": says(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", taken=True),
    "headers without end": says(b"HTTP/1.1 200 OK\r\n" + b"x-more: and more\r\n" * 20_000, taken=True),
    "a body that is no JSON": answers(200, HTML, taken=True),
    "a body that is no object": answers(200, b"[1, 2]", taken=True),
    "JSON nested without end": answers(200, b"[" * 100_000, taken=True),
    "bytes that are no text": answers(200, b"\xff\xfe\x00", {"content-type": "application/json"}, taken=True),
    "an unknown character set": answers(200, JSON, {"content-type": "application/json; charset=klingon"}, taken=True),
    "an encoding not asked for": adds({"content-encoding": "br"}),
    "gzip cut short": zips(0.5),
    "gzip without its checksum": zips(0.99),
    "corrupt gzip": zips(corrupt=True),
    "gzip that is none": answers(200, HTML, {"content-encoding": "gzip"}, taken=True),
    "a redirect elsewhere": answers(302, b"", {"location": "http://127.0.0.1:9/messageexchange"}),
    "a redirect to the same place": answers(307, b"", {"location": "/messageexchange"}),
    "a redirect to nowhere": answers(308, b"", {"location": "http://[::bad"}),
    "an early answer": answers_early(413),
    "junk before the answer": says_before(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
    "a wrong date": adds({"date": "Thu, 01 Jan 1970 00:00:00 GMT"}),
    "a date that is none": adds({"date": "yesterday"}),
    "a wish that is none": answers(503, b"", {"retry-after": "soon"}),
    "no content": answers(204, taken=True),
    "a partial answer": answers(206, b"{}", taken=True),
    "several choices": answers(300, JSON),
    "a gateway wants a password": answers(407, HTML),
    "forbidden": answers(403, JSON),
    "gone": answers(410),
    "a legal reason": answers(451, HTML),
}
HARMLESS: Final[dict[str, Fault]] = {
    "byte by byte": byte_by_byte,
    "in pieces": in_pieces,
    "to the end of the connection": to_the_end,
    "in capitals": in_capitals,
    "gzipped twice over": gzipped_twice_over,
    "closed afterwards": adds({"connection": "close"}),
    "junk before the answer": NONSENSE["junk before the answer"],
}
EVERY_FAULT: Final = {**CUTS, **STALLS, **REFUSALS, **TAKEN_BUT_REFUSED, **NONSENSE}
