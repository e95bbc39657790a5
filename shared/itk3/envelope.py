"""A read-only view on a received ITK3 message: the message bundle, its header and its payload."""

from __future__ import annotations

from functools import cached_property

from shared.itk3 import systems
from shared.itk3.bundle import Bundle
from shared.itk3.element import Element


class Envelope:
    """What was received, whole or (of a message that broke off) its beginning."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.message = Bundle(root)

    @cached_property
    def header(self) -> Element | None:
        """The first MessageHeader, wherever it stands."""
        return next(iter(self.message.of_type("MessageHeader")), None)

    @cached_property
    def handling(self) -> Element | None:
        """The message handling extension, if there is exactly one."""
        found = self.header.extensions(systems.MESSAGE_HANDLING) if self.header is not None else []
        return found[0] if len(found) == 1 else None

    def key(self, url: str) -> Element | None:
        """Return a key of the message handling extension, if there is exactly one."""
        found = self.handling.extensions(url) if self.handling is not None else []
        return found[0] if len(found) == 1 else None

    @property
    def message_id(self) -> str | None:
        """``MessageHeader.id`` as it was received."""
        return None if self.header is None else self.header.text("id")

    @property
    def sender_reference(self) -> str | None:
        """The handling key SenderReference as it was received."""
        key = self.key("SenderReference")
        return None if key is None else key.text("valueString")

    @cached_property
    def sender(self) -> Element | None:
        """The header's Organization that ``MessageHeader.sender`` refers to."""
        return self.message.follow(self.header, "sender", "Organization")

    @property
    def sender_ods_code(self) -> str | None:
        """The ODS code of the sending organisation, upper case."""
        return ods_code(self.sender)

    @cached_property
    def payload(self) -> Bundle | None:
        """The payload bundle that the single ``MessageHeader.focus`` refers to (GPCM-SD-001)."""
        found = self.message.follow(self.header, "focus", "Bundle")
        return None if found is None else Bundle(found)

    @property
    def payload_identifier(self) -> str | None:
        """The identifier of the payload bundle, by which a duplicate document is known (20008)."""
        return None if self.payload is None else self.payload.identifier

    @property
    def is_response(self) -> bool:
        """Whether this is an answer, which nobody may answer (decision 15)."""
        headers = self.message.of_type("MessageHeader")
        return any(
            header.first("response") is not None or header.text("event", "code") == systems.RESPONSE_EVENT
            for header in headers
        )


def ods_code(organization: Element | None) -> str | None:
    """Return an Organization's ODS organisation code, else its site code, upper case."""
    for system in (systems.ODS_ORGANIZATION_CODE, systems.ODS_SITE_CODE):
        code = identifier(organization, system)
        if code:
            return code.upper()
    return None


def identifier(resource: Element | None, system: str) -> str | None:
    """Return the resource's identifier of one system, stripped; None unless there is exactly one."""
    if resource is None:
        return None
    found = [each.text("value") for each in resource.all("identifier") if each.text("system") == system]
    return found[0].strip() if len(found) == 1 and found[0] else None
