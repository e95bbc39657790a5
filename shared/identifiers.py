"""NHS identifiers that are valid by construction."""

from __future__ import annotations

import re
from typing import Final, Self

from nhs_number.validate import is_valid

_ODS_CODE: Final = re.compile(r"[A-Z0-9]{3,12}")
_MAILBOX_ID: Final = re.compile(r"[A-Z0-9]{4,40}")


class NhsNumber(str):
    """An NHS number: ten digits with a right check digit.

    Raises ValueError, which never quotes the value, for anything else. Spaces are taken out.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        digits = value.replace(" ", "")
        if not (re.fullmatch(r"[0-9]{10}", digits) and is_valid(digits)):
            raise ValueError("is not a valid NHS number (ten digits, the last a check digit)")
        return super().__new__(cls, digits)

    def spaced(self) -> str:
        """Return it as people read it: ``943 476 5919``."""
        return f"{self[:3]} {self[3:6]} {self[6:]}"

    def __repr__(self) -> str:
        return "NhsNumber(**********)"


class OdsCode(str):
    """The code of an organisation in the Organisation Data Service, upper case."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        code = value.strip().upper()
        if not _ODS_CODE.fullmatch(code):
            raise ValueError("is not an ODS code (3 to 12 letters and digits)")
        return super().__new__(cls, code)


class MailboxId(str):
    """The id of a MESH mailbox, upper case (MESH compares the token's id with the path's)."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        mailbox = value.strip().upper()
        if not _MAILBOX_ID.fullmatch(mailbox):
            raise ValueError("is not a MESH mailbox id (4 to 40 letters and digits)")
        return super().__new__(cls, mailbox)
