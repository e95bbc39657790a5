"""The send job: takes one due report from decision to MESH (GPCM-SD-076).

Each step commits before the next begins, so that a crash anywhere is continued by the next claim: an unbuilt
version is built again, a built one is never built again, and one that may be in MESH is looked up first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federated_sender import events, outbox, setbacks, withdrawal, workload
from federated_sender.consultation import Consultation, Patient
from federated_sender.eligibility import Reason, is_regular, why_not
from federated_sender.message import Composer, Version
from federated_sender.pdf import PdfRenderer
from federated_sender.pds import RegisteredPractices
from federated_sender.pds_rules import Held, Registration
from federated_sender.report import Practice, report_html
from federated_sender.responses import on_refusal
from federated_sender.states import Event
from federated_sender.workload import Clocks, Work
from shared import large_blocks
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database
from shared.errors import (
    InvalidConsultation,
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshPending,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    PdsError,
    PdsRecordUnreadable,
)
from shared.itk3.model import Organization
from shared.mesh.delivery import Delivery, TooLate, deliver
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import OutgoingMessage, Taken

# what lacks chunks, MESH shows to nobody
_NOT_IN_MESH: Final = frozenset({Taken.NEVER, Taken.UNFINISHED})


@dataclass(frozen=True)
class Send:
    """Everything that the job needs; :meth:`step` is the job.

    ``began_at`` is when this process began; MESH is asked about reports that are older before they are sent.
    """

    database: Database
    mesh: MeshMailbox
    clock: Clock
    practices: RegisteredPractices
    federation: Mapping[str, Organization]
    practice: Practice
    composer: Composer
    renderer: PdfRenderer
    clocks: Clocks
    workflow_id: str
    began_at: datetime | None = None

    def step(self) -> int:
        """Work on the report that has been due longest; return 0 when none is due.

        Raises MeshUnavailable, MeshForbidden and PdsError after the report was given back: the daemon tells of the
        outage.
        """
        with self.database.transaction() as session:
            work = workload.claim(session, self.clock(), self.workflow_id, self.began_at)
        if work is None:
            return 0
        try:
            if work.message is None:
                self._build(work)
            else:
                self._post(work, work.message)
                large_blocks.sweep(work.message.size)
        except (MeshError, PdsError, *DATABASE_AWAY):
            raise
        except Exception as error:  # noqa: BLE001 - one poisonous report must not stop the others
            with self.database.transaction() as session:
                setbacks.stumble(session, work, error, self.clock())
        return 1

    def _build(self, work: Work) -> None:
        consultation = Consultation.model_validate_json(work.content)
        try:
            recipient = self._recipient(work, consultation)
            if recipient is None:
                return
            html = report_html(consultation, version=work.number, sent_at=work.generated_at, practice=self.practice)
            pdf = self.renderer.render(html)
            with self.database.snapshot() as session:
                blobs = outbox.blobs_of(session, consultation)
                replaces = workload.replaced_by(session, work, recipient.ods_code)
            version = Version(work.report_id, work.number, work.generated_at, recipient, replaces)
            built = self.composer.compose(consultation, version, pdf, blobs)
        except InvalidConsultation as error:
            with self.database.transaction() as session:
                workload.invalidate(session, work, error.faults, self.clock())
            return
        except PdsRecordUnreadable as error:
            with self.database.transaction() as session:
                setbacks.ask_again(session, work, error, self.clock())
            return
        except PdsError:
            with self.database.transaction() as session:
                setbacks.put_off(session, work, self.clock())
            raise
        with self.database.transaction() as session:
            workload.store(session, work, version, built, self.clock())
        large_blocks.sweep(len(built.body))

    def _recipient(self, work: Work, consultation: Consultation) -> Organization | None:
        patient = consultation.patient
        found = self._registration(work, patient)
        if isinstance(found, Held):
            with self.database.transaction() as session:
                workload.hold(session, work, found.reason, found.alert, self.clock())
            return None
        registered = found.ods_code
        withheld = consultation.confidential and not self.composer.payload.sends_confidential
        reason = why_not(
            patient.registration_type, registered, self.practice_ods_code, self.federation, withheld=withheld
        )
        if reason is not None:
            with self.database.transaction() as session:
                workload.drop(session, work, Event.NOT_ELIGIBLE, reason, self.clock(), registered_at=registered)
            return None
        if found.note is not None:
            with self.database.transaction() as session:
                workload.note(session, work, found.note, self.clock())
        return self.federation[registered]

    def _registration(self, work: Work, patient: Patient) -> Registration | Held:
        if is_regular(patient.registration_type):
            # GPCM-SD-083 comes first: no question about a patient who is registered here
            return Registration("")
        if work.routed_to is not None:
            # decision 39: a person's word beats PDS and the row
            return Registration(work.routed_to)
        return self.practices.registration(patient, work.report_id)

    @property
    def practice_ods_code(self) -> str:
        """This practice's ODS code."""
        return self.composer.sender.ods_code

    def _post(self, work: Work, message: OutgoingMessage) -> None:
        with self.database.transaction() as session:
            report = workload.ours(session, work)
            if report is None:
                return
            if outbox.is_pending(session, report.consultation_id):
                # what the clinical system says now decides whether it goes (0031)
                setbacks.wait_for_intake(report, self.clock())
                return
            why = withdrawal.reason(session, report)
            if why is None:
                workload.begin_post(report, self.clock())
        self._bring(work, message, why)

    def _bring(self, work: Work, message: OutgoingMessage, why: Reason | None) -> None:
        """Let MESH have a version, or withdraw it: ``why`` says that it must not go out any more."""
        try:
            if why is None:
                delivery: Delivery | None = deliver(
                    self.mesh,
                    message,
                    look_first=work.look_first,
                    in_time=lambda: self.clock() < work.lease_until,
                )
            else:
                delivery = self._withdraw(work, message)
        except TooLate:
            # whoever has it now looks it up and goes on
            return
        except MeshPending:
            with self.database.transaction() as session:
                setbacks.look_again(session, work, self.clock())
        except MeshAmbiguous as error:
            with self.database.transaction() as session:
                setbacks.postpone(session, work, error, self.clock(), events.SEND_AMBIGUOUS)
            # to the daemon, a broken connection is an outage like any other (decision 38)
            raise MeshUnavailable(str(error), http_status=error.http_status) from None
        except (MeshUnavailable, MeshForbidden, MeshProtocolError) as error:
            with self.database.transaction() as session:
                setbacks.postpone(session, work, error, self.clock(), events.SEND_POSTPONED)
            raise
        except MeshRefused as error:
            ruling = on_refusal(error.code, error.http_status)
            with self.database.transaction() as session:
                workload.refuse(session, work, ruling, error.message_id, self.clock())
        else:
            if delivery is None:
                return
            with self.database.transaction() as session:
                withdrawal.taken(session, work, delivery, why, self.clock(), self.clocks)

    def _withdraw(self, work: Work, message: OutgoingMessage) -> Delivery | None:
        """End the work on a version that must not go out any more; return how MESH has it when it does already.

        Nothing is posted here, whatever MESH says.
        """
        if work.look_first:
            known = self.mesh.track_local_id(message.local_id)
            if known.taken is Taken.ON_ITS_WAY:
                raise MeshPending("it was handed over, and MESH has not taken it yet")
            if known.taken not in _NOT_IN_MESH:
                return Delivery(known.message_id, adopted=not known.is_usual)
        with self.database.transaction() as session:
            withdrawal.withdraw(session, work, self.clock())
        return None
