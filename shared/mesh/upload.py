"""One message on its way into MESH: the POST that creates it, then its further chunks in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUploadInterrupted,
)
from shared.mesh import answers, problems
from shared.mesh.chunks import Chunks
from shared.mesh.connection import Connection
from shared.mesh.messages import OutgoingMessage, Tracking

_TAKEN: Final = (200, 202)
_FINISHED_ALREADY: Final = 423
_BINARY: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """What ``message`` and its ``headers`` need to get to ``outbox``; ``track`` asks what MESH has of a message id.

    MESH shows a message to nobody until its last chunk is there, and the last one is posted only when MESH took all
    before it: whatever breaks off, no broken message comes about.
    """

    message: OutgoingMessage
    headers: Mapping[str, str] = field(repr=False)
    chunks: Chunks
    outbox: str
    track: Callable[[str], Tracking]

    def create(self, connection: Connection) -> str:
        """Post the message, or its first chunk, once, and return its id. Raises what ``MeshClient.send`` names."""
        headers = {**self.headers, **self.chunks.headers(1)}
        if self.chunks.total > 1:
            headers |= {"Mex-Content-Type": headers["Content-Type"], "Content-Type": _BINARY}
        try:
            with self.chunks.section(1) as body:
                answer = connection.attempt("POST", self.outbox, headers=headers, body=body)
            if answer.status in _TAKEN:
                return answers.sent_message_id(answer)
        except MeshProtocolError as error:
            raise MeshAmbiguous(str(error), http_status=error.http_status) from error
        except MeshRefused as error:
            raise MeshForbidden(str(error)) from error
        raise problems.send_failure(answer, self.message.subject, headers.get("Mex-Subject", ""))

    def finish(self, connection: Connection, message_id: str) -> None:
        """Post every chunk after the first to the upload ``message_id``, each when MESH took the one before.

        Raises MeshUploadInterrupted while chunks are missing, MeshAmbiguous when the last one may be there, and
        MeshGone when MESH has no such upload, or one with another number of chunks.
        """
        for number in range(2, self.chunks.total + 1):
            if self._post(connection, message_id, number):
                return

    def _post(self, connection: Connection, message_id: str, number: int) -> bool:
        """Post one chunk; say whether MESH needs no more."""
        path = f"{self.outbox}/{quote(message_id, safe='')}/{number}"
        headers = {"Content-Type": _BINARY, **self.chunks.headers(number)}
        try:
            with self.chunks.section(number) as body:
                answer = connection.ask("POST", path, headers=headers, body=body)
        except (MeshUnavailable, MeshProtocolError) as error:
            return self._is_there(message_id, number, error)
        if answer.status in _TAKEN:
            return False
        failure = problems.chunk_failure(answer)
        if answer.status == _FINISHED_ALREADY:
            # an answer got lost, or somebody else went on with it: then all chunks are there
            return self._is_there(message_id, self.chunks.total, failure)
        if isinstance(failure, MeshUnavailable):
            return self._is_there(message_id, number, failure)
        raise failure

    def _is_there(self, message_id: str, number: int, error: MeshError) -> bool:
        """Say that MESH has all chunks although chunk ``number`` met ``error``; raise what it comes to otherwise."""
        if number == self.chunks.total:
            try:
                tracked = self.track(message_id)
            except MeshError:
                raise MeshAmbiguous(
                    f"the last chunk: {error}", http_status=error.http_status, retry_after=error.retry_after
                ) from error
            if not tracked.is_uploading:
                return True
        raise MeshUploadInterrupted(
            f"chunk {number} did not arrive: {error}",
            http_status=error.http_status,
            message_id=message_id,
            retry_after=error.retry_after,
        ) from error
