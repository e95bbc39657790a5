"""Whether two family names are the same name, written differently (decision 19)."""

from __future__ import annotations

import re
import unicodedata

from shared.mesh.folding import fold


def family_names_agree(one: str, other: str) -> bool:
    """Say whether two family names agree once case, accents, hyphens, apostrophes and spaces are folded.

    The parts of a double-barrelled name may stand in either order. A name without any letter agrees with none.
    """
    first, second = _parts(one), _parts(other)
    return bool(first) and ("".join(first) == "".join(second) or sorted(first) == sorted(second))


def _parts(name: str) -> list[str]:
    """Return the folded parts between hyphens and spaces; apostrophes and full stops part nothing."""
    composed = unicodedata.normalize("NFC", name)
    # a letter without a Latin spelling stays: folded away, it would make two foreign names one
    spelled = "".join(fold(character) or character for character in composed)
    return re.findall(r"\w+", re.sub(r"[^\w\s-]|_", "", spelled.casefold()))
