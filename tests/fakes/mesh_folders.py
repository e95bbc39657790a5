"""NHS England's MESH client, as far as its folders go: a stand-in for each mailbox, and MESH behind it.

It does what the real one does with files (version 6.3 was looked at): it takes a pair from OUT once the control file is
there, posts it, writes MESH's id and a status into the control file, and moves both to SENT or FAILED; what it collects
it writes to IN, named by the message id, the data first. It never looks at files that are not named like messages.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lxml import etree

from shared.errors import MeshRefused
from shared.mesh.messages import MessageHeaders, OutgoingMessage
from tests.fakes.mesh import InMemoryMesh

FOLDERS = ("IN", "OUT", "SENT", "FAILED", "TEMP")
_LARGEST = 1_000_000_000
_TRANSFERRED = ("TRANSFER", "SUCCESS", "00", "Transferred to recipient mailbox")


def make_folders(root: Path) -> Path:
    """Make a mailbox's folders as the client's installer does."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True, mode=0o770)
    return root


@dataclass
class JavaClient:
    """The client of one mailbox. ``saves_sent`` is its setting SaveSent, ``notes`` its TransferReport."""

    mesh: InMemoryMesh
    mailbox_id: str
    root: Path
    saves_sent: bool = True
    notes: bool = False
    # what it fails to send from now on, with the code that it gives; no code for None
    fails_with: str | None = ""

    def __post_init__(self) -> None:
        make_folders(self.root)
        self._client = self.mesh.client(self.mailbox_id)

    def work(self) -> None:
        """Send what is in OUT and collect what MESH holds, once."""
        self.send()
        self.collect()

    def send(self) -> int:
        """Send what is in OUT; return how many messages it took."""
        controls = sorted(self.root.glob("OUT/*.ctl"), key=lambda path: path.stat().st_mtime_ns)
        for control in controls:
            self._send(control)
        return len(controls)

    def _send(self, control: Path) -> None:
        root = etree.fromstring(control.read_bytes())
        data = control.with_suffix(".dat")
        said = {each.tag: each.text or "" for each in root}
        assert said["From_DTS"] == self.mailbox_id
        message = OutgoingMessage(
            said["To_DTS"], said["WorkflowId"], said["LocalId"], said["Subject"], data.read_bytes()
        )
        if self.fails_with != "":
            self._put_away(control, data, root, "", ("SEND", "ERROR", self.fails_with, "It could not be sent"))
            return
        try:
            message_id = self._client.send(message)
        except MeshRefused as error:
            self._put_away(control, data, root, "", ("SEND", "ERROR", error.code, error.message or ""))
            return
        self._put_away(control, data, root, message_id, _TRANSFERRED)
        if self.notes:
            about = {name: said[name] for name in ("From_DTS", "To_DTS", "Subject", "LocalId", "WorkflowId")}
            note = control_file("Report", f"note-{message_id}", about, _TRANSFERRED, self.mesh.clock())
            self._appear(f"note-{message_id}.ctl", note)

    def _put_away(
        self,
        control: Path,
        data: Path,
        root: etree._Element,
        message_id: str,
        status: tuple[str, str, str | None, str],
    ) -> None:
        """Move a pair on: it is in TEMP while its control file is written anew, as other programs may see."""
        to = self.root / ("SENT" if message_id else "FAILED")
        busy = self.root / "TEMP" / control.name
        control.rename(busy)
        if message_id and not self.saves_sent:
            data.unlink()
            busy.unlink()
            return
        found = root.find("DTSId")
        assert found is not None
        found.text = message_id
        if status[2] is not None:
            root.append(_status(status, self.mesh.clock()))
        busy.write_bytes(etree.tostring(root))
        data.rename(to / data.name)
        busy.rename(to / control.name)

    def collect(self) -> int:
        """Write what MESH holds into IN, and acknowledge it to MESH; return how many messages that were."""
        ids = self._client.list_inbox()
        for message_id in ids:
            headers = self._client.head(message_id)
            if headers.report is None:
                with self._client.download(message_id, _LARGEST) as message:
                    self._appear(f"{message_id}.dat", message.body)
            self._appear(f"{message_id}.ctl", received(headers, self.mailbox_id, self.mesh.clock()))
            self._client.acknowledge(message_id)
        return len(ids)

    def _appear(self, name: str, content: bytes) -> None:
        path = self.root / "IN" / name
        path.write_bytes(content)
        moment = self.mesh.clock().timestamp()
        os.utime(path, (moment, moment))


def received(headers: MessageHeaders, mailbox_id: str, at: datetime) -> bytes:
    """Return the control file that the client writes for a message or a report of MESH."""
    said = {
        "From_DTS": headers.sender or "",
        "To_DTS": headers.recipient or mailbox_id,
        "Subject": headers.subject or "",
        "LocalId": headers.local_id or "",
        "WorkflowId": headers.workflow_id,
    }
    status = (
        headers.status_event or "TRANSFER",
        "SUCCESS",
        headers.status_code or "00",
        headers.status_description or "",
    )
    if headers.report is None:
        return control_file("Data", headers.message_id, said, status, at)
    status = (headers.status_event or "SEND", "ERROR", headers.status_code or "", headers.status_description or "")
    return control_file("Report", headers.message_id, said, status, at)


def control_file(
    kind: str, message_id: str, said: dict[str, str], status: tuple[str, str, str | None, str] | None, at: datetime
) -> bytes:
    """Return a control file as it appears in IN."""
    root = etree.Element("DTSControl")
    values = {"Version": "1.0", "AddressType": "ALL", "MessageType": kind, "DTSId": message_id}
    for name, text in {**values, **said, "Encrypted": "N", "IsCompressed": "N"}.items():
        etree.SubElement(root, name).text = text
    if status is not None:
        root.append(_status(status, at))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _status(status: tuple[str, str, str | None, str], at: datetime) -> etree._Element:
    record = etree.Element("StatusRecord")
    values: Iterable[tuple[str, str]] = zip(
        ("DateTime", "Event", "Status", "StatusCode", "Description"),
        (f"{at:%Y%m%d%H%M%S}", *(each or "" for each in status)),
        strict=True,
    )
    for name, text in values:
        etree.SubElement(record, name).text = text
    return record
