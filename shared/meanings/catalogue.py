"""Looks codes up, whoever gave them: ITK3's by their five digits, the rest are MESH's."""

from __future__ import annotations

import re
from typing import Final

from shared.itk3.codes import Level, find
from shared.meanings.meaning import Meaning
from shared.meanings.of_mesh import MESH, NO_CODE, UNKNOWN_MESH
from shared.meanings.of_responses import RESPONSES, UNKNOWN_INFRASTRUCTURE, UNKNOWN_RESPONSE

_BY_CODE: Final = {meaning.code: meaning for meaning in (*RESPONSES, *MESH)}
_RESPONSE_CODE: Final = re.compile(r"[123][0-9]{4,5}")
_SERVER_FAULT: Final = re.compile(r"HTTP 5[0-9]{2}")


def is_known(code: str) -> bool:
    """Say whether the catalogue has a line for ``code``."""
    return code in _BY_CODE or _SERVER_FAULT.fullmatch(code) is not None


def meaning_of(code: str) -> Meaning:
    """Return what ``code`` means; of an unknown one, what its kind lets one say (decision 25)."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if _SERVER_FAULT.fullmatch(code):
        return _BY_CODE["HTTP 5xx"]
    if code in ("", "?"):
        return Meaning("no code", *NO_CODE, daemons="")
    if not _RESPONSE_CODE.fullmatch(code):
        return Meaning(code, *UNKNOWN_MESH, daemons="")
    refused = find(code).level is Level.INFRASTRUCTURE
    return Meaning(code, *(UNKNOWN_INFRASTRUCTURE if refused else UNKNOWN_RESPONSE), daemons="")
