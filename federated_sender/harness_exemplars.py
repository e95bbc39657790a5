"""Makes the messages that the synthetic sender posts, by the way on which the daemon makes its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

from federated_sender import harness_catalogue as names
from federated_sender.consultation import Consultation, canonical_json, content_sha256, read_consultation
from federated_sender.harness_catalogue import GOOD, RULES, Broken, broken_ones
from federated_sender.harness_content import BLOBS, consultation_content
from federated_sender.harness_expectations import Expected, of_code, of_good_message, of_replacement
from federated_sender.message import Composer, Version
from federated_sender.report import Practice, report_html
from shared.harness.draft import Draft
from shared.itk3.identity import report_id
from shared.itk3.model import Organization
from shared.itk3.parse import read
from shared.itk3.rule import Context
from shared.itk3.rules import judge

_HEADER: Final = "/f:Bundle/f:entry[f:resource/f:MessageHeader]"
_DOCUMENT: Final = "/f:Bundle/f:entry/f:resource/f:Bundle/f:identifier/f:value"
_REFERENCE: Final = f"{_HEADER}//f:extension[@url='SenderReference']/f:valueString"
_UNKNOWN_HERE: Final = "30002"


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A message to post. ``message_id`` and ``sender_reference`` are what can be read of it, None when nothing can.

    ``after`` names the exemplar that must have been accepted before this one is posted.
    """

    name: str
    what: str
    requirement: str | None
    expected: Expected
    body: bytes = field(repr=False)
    mex_to: str = field(repr=False)
    subject: str = field(repr=False)
    message_id: str | None = None
    sender_reference: str | None = field(default=None, repr=False)
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Workshop:
    """Makes the exemplars of one run. ``run`` is new for each run, so that no two runs have an id in common.

    ``patient`` is the contract's object of a synthetic patient; ``address`` is a mailbox, or None to let MESH find
    the registered practice; ``business`` is the code that the other system is to give for that patient;
    ``too_large`` how many bytes are more than it takes.
    """

    composer: Composer
    practice: Practice
    recipient: Organization
    patient: Mapping[str, Any] = field(repr=False)
    print_pdf: Callable[[str], bytes]
    run: UUID
    now: datetime
    business: str
    too_large: int
    address: str | None = field(default=None, repr=False)

    def make(self, wanted: Sequence[str]) -> list[Exemplar]:
        """Return the exemplars of these names in the catalogue's order, and what they must come after.

        Raises InvalidConsultation when no report can be made about the patient.
        """
        needed = {*wanted, names.PLAIN} if {*wanted} & names.AFTER_PLAIN else {*wanted}
        broken = [each for each in broken_ones(self.composer.payload) if each.name in needed]
        models = {names.PLAIN, names.ATTACHMENTS} if broken else {names.PLAIN}
        good = {name: self._good(name) for name in GOOD if name in needed | models}
        plain = good[names.PLAIN]
        # MESH finds the practice by the one patient whom it knows
        good = {name: replace(exemplar, mex_to=plain.mex_to) for name, exemplar in good.items()}
        special: dict[str, Callable[[Exemplar], Exemplar]] = {
            names.TOO_LARGE: self._oversized,
            names.SAME_MESSAGE: self._same_message,
            names.SAME_DOCUMENT: self._same_document,
            names.OTHER_CONSULTATION: partial(self._replacement, names.OTHER_CONSULTATION),
            names.OTHER_PATIENT: partial(self._replacement, names.OTHER_PATIENT),
        }
        return [
            *(exemplar for name, exemplar in good.items() if name in needed),
            *(self._broken(each, good[names.ATTACHMENTS]) for each in broken),
            *(make(plain) for name, make in special.items() if name in needed),
        ]

    def _good(self, name: str) -> Exemplar:
        business = _UNKNOWN_HERE if name == names.UNKNOWN_PATIENT else self.business
        expected = of_good_message(business)
        if name == names.MISSING_ORIGINAL:
            expected = of_replacement("20013", business)
        return self._composed(name, GOOD[name], expected)

    def _replacement(self, name: str, plain: Exemplar) -> Exemplar:
        """Return a document that claims to take the place of the plain one, and cannot."""
        rule, business = RULES[name], _UNKNOWN_HERE if name == names.OTHER_PATIENT else self.business
        made = self._composed(name, rule.diagnostics, of_replacement(rule.code, business))
        return replace(made, requirement=rule.requirement, mex_to=plain.mex_to, after=names.PLAIN)

    def _composed(self, name: str, what: str, expected: Expected) -> Exemplar:
        consultation, replaces = self._consultation(name), self._replaced_by(name)
        number = 1 if replaces is None else 2
        pdf = self.print_pdf(report_html(consultation, version=number, sent_at=self.now, practice=self.practice))
        version = Version(self._identity(consultation, number), number, self.now, self.recipient, replaces)
        built = self.composer.compose(consultation, version, pdf, BLOBS)
        address = self.address or built.mex_to
        return _with_body(Exemplar(name, what, None, expected, built.body, address, built.mex_subject), built.body)

    def _replaced_by(self, name: str) -> str | None:
        """Return the report id of what a message takes the place of, None when it is the first version."""
        if name == names.MISSING_ORIGINAL:
            return str(uuid5(self.run, "never sent"))
        if name in (names.UPDATE, names.OTHER_CONSULTATION, names.OTHER_PATIENT):
            return self._identity(self._consultation(names.PLAIN), 1)
        return None

    def _broken(self, broken: Broken, model: Exemplar) -> Exemplar:
        if broken.spoil is None:
            return _by_rule(model, broken.name, broken.rule, broken.body or b"")
        draft = self._another(model, broken.name)
        broken.spoil(draft)
        body = draft.body
        verdict = judge(read(body, len(body)), Context(self.recipient.ods_code, self.composer.mailbox_id))
        if verdict.decided_by != broken.rule:
            raise ValueError(f"the exemplar {broken.name} does not break its rule")
        return _by_rule(model, broken.name, broken.rule, body)

    def _oversized(self, plain: Exemplar) -> Exemplar:
        body = self._another(plain, names.TOO_LARGE).body
        # white space behind the document is legal, and makes any size
        return _by_rule(plain, names.TOO_LARGE, names.TOO_LARGE, body.ljust(self.too_large, b" "))

    def _same_message(self, plain: Exemplar) -> Exemplar:
        made = _by_rule(plain, names.SAME_MESSAGE, names.SAME_MESSAGE, plain.body)
        return replace(made, after=names.PLAIN)

    def _same_document(self, plain: Exemplar) -> Exemplar:
        body = self._with_new_ids(plain, names.SAME_DOCUMENT).body
        return replace(_by_rule(plain, names.SAME_DOCUMENT, names.SAME_DOCUMENT, body), after=names.PLAIN)

    def _with_new_ids(self, model: Exemplar, name: str) -> Draft:
        """Return a message as another message; the document in it stays the same one."""
        draft = Draft(model.body)
        header, bundle = uuid5(self.run, f"{name} header"), uuid5(self.run, f"{name} bundle")
        draft.set(f"{_HEADER}/f:fullUrl", f"urn:uuid:{header}")
        draft.set(f"{_HEADER}/f:resource/f:MessageHeader/f:id", str(header))
        draft.set("/f:Bundle/f:id", str(bundle))
        draft.set("/f:Bundle/f:identifier/f:value", str(uuid5(bundle, "identifier")))
        return draft

    def _another(self, model: Exemplar, name: str) -> Draft:
        """Return a message as another message, with another document of another consultation."""
        draft = self._with_new_ids(model, name)
        draft.set(_DOCUMENT, str(uuid5(self.run, f"{name} document")))
        draft.set(_REFERENCE, str(uuid5(self.run, name)))
        return draft

    def _identity(self, consultation: Consultation, number: int) -> str:
        digest = content_sha256(canonical_json(consultation))
        return report_id(self.composer.sender.ods_code, str(consultation.consultation_id), number, digest)

    def _consultation(self, name: str) -> Consultation:
        content = consultation_content(name, self.patient, self.recipient.ods_code, self.run, self.now)
        return read_consultation(content, self.now)


def _by_rule(model: Exemplar, name: str, rule: str, body: bytes) -> Exemplar:
    """Return an exemplar that another body makes of a good one; ``rule`` is what it breaks."""
    row = RULES[rule]
    made = replace(model, name=name, what=row.diagnostics, requirement=row.requirement, expected=of_code(row.code))
    return _with_body(made, body)


def _with_body(exemplar: Exemplar, body: bytes) -> Exemplar:
    ids = read(body, len(body))
    return replace(exemplar, body=body, message_id=ids.message_id, sender_reference=ids.sender_reference)
