"""Whether a log says who a patient is; imports nothing of the product."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from tests.chaos.surgery import Consultation

_OF_EVERYBODY: Final = ("Quarry Rise", "CA1 1ZZ", "throat sore", "no fever")
_NINE: Final = 9


def patients_named(text: str, people: Iterable[Consultation]) -> list[str]:
    """Return every word of a patient that stands in a text: number, name, birth date, address, note."""
    everybody = list(people)
    # without the check digit, which is wrong on purpose for some
    numbers = {each.nhs_number[:_NINE] for each in everybody} & set(_nines(text))
    written = set(re.findall(r"\d{4}-\d\d-\d\d|(?<!\d)\d{8}(?!\d)", text))
    dates = {day for each in everybody for day in (f"{each.birth_date}", f"{each.birth_date:%Y%m%d}")} & written
    names = {name for each in everybody for name in (each.family, each.given)}
    words = {_folded(word) for word in (*names, *_OF_EVERYBODY)}
    # an underline parts words, too: GPPROVIDER_number_date_name
    found = re.findall(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, sorted(words)))})(?![^\W\d_])", _folded(text))
    return sorted(numbers | dates | set(found))


def _nines(text: str) -> Iterator[str]:
    """Yield every nine digits that stand together."""
    for run in set(re.findall(r"\d{9,}", text)):
        yield from (run[start : start + _NINE] for start in range(len(run) - _NINE + 1))


def _folded(text: str) -> str:
    """Return a text as it may also be written: small letters without marks."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(each))
