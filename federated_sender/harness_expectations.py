"""What the other system may answer to an exemplar: the code of our own table, and those that are as good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Expected:
    """The codes that are right at each level. No ``business`` codes: there must be no business response."""

    infrastructure: tuple[str, ...]
    business: tuple[str, ...] = ()


# GPCM-SD-067 to 073 fix 10002, 10003, 10008 and 10010. The other infrastructure codes ITK3 says a receiver should
# support, and 10001 that it must; and where structure ends and a business rule begins no text says.
_AS_GOOD: Final = {
    "10001": ("10008",),
    "10004": ("10001",),
    "10005": ("10004", "10001"),
    "10007": ("10001",),
    "10009": ("20006",),
    "20004": ("20005", "20009"),
    "20005": ("20004", "20009"),
    "20006": ("10001", "10008", "10009"),
    "20007": ("20008",),
    "20008": ("20007",),
    "20009": ("10008", "10009"),
    "20010": ("20002",),
    "20015": ("20009", "10009"),
}


def of_code(code: str) -> Expected:
    """Return what may be answered to a message that our own table refuses with ``code``, which stands first."""
    return Expected((code, *_AS_GOOD.get(code, ())))


def of_good_message(business: str) -> Expected:
    """Return what must be answered to a good message about a patient who gets the code ``business``."""
    return Expected(("20013",), (business,))


def of_replacement(code: str, business: str) -> Expected:
    """Return what may be answered to a document that cannot, or need not, take the place of another.

    ``code`` is what our own receiver answers. Whether such a replacement is refused (20014) or filed as a document of
    its own no text says; ``business`` is what must follow in the second case.
    """
    return Expected((code, *{"20013", "20014"} - {code}), (business,))
