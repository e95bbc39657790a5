"""Patient data on its way into and out of MESH headers: folded to ASCII, cut to size, masked for logs."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Final, Literal

from shared.errors import MeshRefused
from shared.identifiers import NhsNumber

DateFormat = Literal["YYYYMMDD", "DDMMYYYY"]

GP_PROVIDER: Final = "GPPROVIDER_"
ADDRESS_LIMIT: Final = 100
SUBJECT_LIMIT: Final = 500

# Letters and marks that NFKD leaves whole; without them Søren would be routed as Sren.
_SPELLED: Final = str.maketrans(
    {
        **dict(zip("øØłŁđĐðÐħĦŧŦıŋŊĸəƏɓƁɗƊƙƘɔƆɛƐ", "oOlLdDdDhHtTinNkeEbBdDkKoOeE", strict=True)),
        **dict(zip("ßẞæÆœŒþÞ", ("ss", "SS", "ae", "AE", "oe", "OE", "th", "TH"), strict=True)),
        **dict.fromkeys("\u2018\u2019\u201b\u02bb\u02bc\u02b9\u2032\u00b4\u0060\uff07", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
    }
)
_DATE_FORMATS: Final[dict[DateFormat, str]] = {"YYYYMMDD": "%Y%m%d", "DDMMYYYY": "%d%m%Y"}
_ADDRESS: Final = re.compile(r"GPPROVIDER_.*", re.DOTALL | re.IGNORECASE)
_TOKEN: Final = re.compile(r"NHSMESH\s+\S+", re.IGNORECASE)
_NHS_NUMBER: Final = re.compile(r"(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9])")


def fold(text: str) -> str:
    """Return ``text`` in printable ASCII, white space collapsed, apostrophes and hyphens kept (decision 30).

    What has no Latin spelling is left out: MESH's headers cannot carry it.
    """
    ascii_only = unicodedata.normalize("NFKD", text.translate(_SPELLED)).encode("ascii", "ignore").decode("ascii")
    return " ".join("".join(character if character.isprintable() else " " for character in ascii_only).split())


def fold_surname(surname: str, limit: int) -> str:
    """Return the surname as the routing address carries it, at most ``limit`` characters.

    Raises MeshRefused when nothing of it can be written in ASCII: MESH could not trace the patient.
    """
    folded = fold(surname)[:limit].rstrip()
    if not folded:
        raise MeshRefused("the surname has no letter that a MESH address can carry")
    return folded


def fold_subject(text: str, name: str = "", limit: int = SUBJECT_LIMIT) -> str:
    """Return the subject in ASCII, at most ``limit`` characters; what is too long is taken off ``name`` first.

    The version stands at the end of the subject and ought to survive (GPCM-SD-091).
    """
    folded, name = fold(text), fold(name)
    excess = len(folded) - limit
    if excess > 0 and name:
        folded = fold(folded.replace(name, name[: max(len(name) - excess, 0)], 1))
    return folded[:limit].rstrip()


def gp_provider_address(
    nhs_number: NhsNumber, birth_date: date, surname: str, date_format: DateFormat = "YYYYMMDD"
) -> str:
    """Return the ``Mex-To`` by which MESH finds the registered practice (GPCM-SD-056, 060, 063; decision 2)."""
    start = f"{GP_PROVIDER}{nhs_number}_{birth_date.strftime(_DATE_FORMATS[date_format])}_"
    return start + fold_surname(surname, ADDRESS_LIMIT - len(start))


def redact(text: str, *patient_data: str) -> str:
    """Return ``text`` without tokens, routing addresses, NHS numbers and the values given, whatever their case."""
    for value in sorted(filter(None, patient_data), key=len, reverse=True):
        text = re.sub(re.escape(value), "***", text, flags=re.IGNORECASE)
    text = _TOKEN.sub("NHSMESH ***", text)
    return _NHS_NUMBER.sub("***", _ADDRESS.sub(f"{GP_PROVIDER}***", text))
