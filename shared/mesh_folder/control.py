"""Control files (``.ctl``): what the MESH client reads and writes beside the data of a message."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from shared.errors import MeshProtocolError
from shared.mesh.headers import read_headers
from shared.mesh.messages import MessageHeaders, MessageType

LARGEST: Final = 100_000
"""The most bytes that a control file has; ours have a thousand."""

_ID_LIMIT: Final = 100
# The elements of a control file as the headers of the API, by their names in small letters.
_AS_HEADERS: Final = {
    "messagetype": "mex-messagetype",
    "from_dts": "mex-from",
    "to_dts": "mex-to",
    "workflowid": "mex-workflowid",
    "localid": "mex-localid",
    "subject": "mex-subject",
}
_OF_STATUS: Final = {
    "datetime": "mex-statustimestamp",
    "event": "mex-statusevent",
    "statuscode": "mex-statuscode",
    "description": "mex-statusdescription",
    # a report names the message that it is about here, if at all; else our local id tells
    "dtsid": "mex-linkedmsgid",
    "messageid": "mex-linkedmsgid",
    "linkedmsgid": "mex-linkedmsgid",
}


@dataclass(frozen=True, slots=True)
class ControlFile:
    """What a control file says. ``message_id`` is None as long as MESH gave none; a report always has one.

    ``is_good_news``: MESH or its client says that something went well, which is no report of the API's.
    """

    message_id: str | None
    mex: Mapping[str, str]
    is_compressed: bool
    is_encrypted: bool
    is_good_news: bool

    @property
    def is_report(self) -> bool:
        """Whether this is MESH's word about a message, which has no data beside it."""
        return self.mex.get("mex-messagetype", "").upper() == MessageType.REPORT

    def headers(self, message_id: str) -> MessageHeaders:
        """Return what the API would tell of it. Raises MeshProtocolError when it is neither Data nor Report."""
        return read_headers(message_id, self.mex)


def write_control(headers: Mapping[str, str], *, allow_chunking: bool) -> bytes:
    """Return the control file of a message to send; ``headers`` are those of ``send_headers``.

    GPCM-SD-059: From_DTS is our mailbox. GPCM-SD-060: To_DTS routes by the patient. GPCM-SD-061: the Subject.
    """
    values = {
        "Version": "1.0",
        "AddressType": "DTS",
        "MessageType": "Data",
        "From_DTS": headers["Mex-From"],
        "To_DTS": headers["Mex-To"],
        "Subject": headers.get("Mex-Subject", ""),
        "LocalId": headers["Mex-LocalID"],
        "DTSId": "",
        "PartnerId": "",
        "Compress": "Y",
        "AllowChunking": "Y" if allow_chunking else "N",
        "Encrypted": "N",
        "WorkflowId": headers["Mex-WorkflowID"],
        "ProcessId": "",
        "DataChecksum": "",
        "IsCompressed": "N",
    }
    root = etree.Element("DTSControl")
    for name, value in values.items():
        etree.SubElement(root, name).text = value
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def read_control(content: bytes) -> ControlFile:
    """Read a control file, hostile ones included. Raises MeshProtocolError, which says why without quoting it."""
    if len(content) > LARGEST:
        raise MeshProtocolError("the control file is too large for one")
    root = _root(content)
    said = _texts(root)
    mex = {header: said[name] for name, header in _AS_HEADERS.items() if said.get(name)}
    record = root.find("{*}StatusRecord")
    status = _texts(record) if record is not None else {}
    mex |= {header: status[name] for name, header in _OF_STATUS.items() if status.get(name)}
    outcome = status.get("status", "").upper() or ("SUCCESS" if status.get("statuscode") == "00" else "")
    return ControlFile(
        message_id=_message_id(said.get("dtsid", "")) or _id_of_report(mex, content),
        mex=mex,
        is_compressed=_is_yes(said.get("iscompressed")),
        is_encrypted=_is_yes(said.get("encrypted")),
        is_good_news=outcome == "SUCCESS",
    )


def _root(content: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise MeshProtocolError("the control file is not XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise MeshProtocolError("the control file has a document type, which none of MESH's has")
    if etree.QName(root).localname != "DTSControl":
        raise MeshProtocolError("the control file is not a DTSControl")
    return root


def _texts(parent: etree._Element) -> dict[str, str]:
    """Return the texts of the children by their names in small letters, white space collapsed; the first counts."""
    found: dict[str, str] = {}
    for child in parent.iterchildren("*"):
        found.setdefault(etree.QName(child).localname.lower(), " ".join("".join(map(str, child.itertext())).split()))
    return found


def _message_id(stated: str) -> str | None:
    usable = stated and len(stated) <= _ID_LIMIT and stated.isprintable() and " " not in stated
    return stated if usable else None


def _id_of_report(mex: Mapping[str, str], content: bytes) -> str | None:
    """Return an id for a report without one: it is all in its control file, so the same content is the same report."""
    if mex.get("mex-messagetype", "").upper() != MessageType.REPORT:
        return None
    return f"REPORT-{hashlib.sha256(content).hexdigest()[:24]}"


def _is_yes(value: str | None) -> bool:
    return (value or "").upper() in ("Y", "YES", "TRUE")
