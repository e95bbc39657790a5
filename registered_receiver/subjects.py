"""What a message's MESH subject adds to its payload: the line for the worklist, the version, a doubt."""

from __future__ import annotations

import re

from shared.itk3 import task_read
from shared.itk3.model import ReceivedReport
from shared.itk3.task_read import version_in
from shared.mesh.folding import GP_PROVIDER, fold


def task_subject(mesh_subject: str | None, report: ReceivedReport) -> str:
    """Return the line that the worklist shows: the MESH subject, exactly as it came (GPCM-SD-092).

    The payload's description stands in when there is no subject, and when it keeps a confidence that the subject
    breaks: practice and ODS code are not shown of a confidential consultation.
    """
    if not mesh_subject or not mesh_subject.strip():
        return report.description
    if report.confidential and not task_read.is_confidential(mesh_subject):
        return report.description
    return mesh_subject


def is_confidential(mesh_subject: str | None, stated: bool) -> bool:
    """Say whether practice and practitioner are not to be shown: the payload ``stated`` it, or the subject does.

    A subject does by leaving out ``seen at``; one that does not follow the template says nothing about that.
    """
    follows = ", nhs number" in (mesh_subject or "").casefold()
    return stated or (follows and task_read.is_confidential(mesh_subject or ""))


def report_version(mesh_subject: str | None, report: ReceivedReport) -> int | None:
    """Return the version, from the description or else the subject; None when neither says it (decision 23)."""
    return report.version if report.version is not None else version_in(mesh_subject)


def doubts(recipient: str | None, mesh_subject: str | None, report: ReceivedReport) -> tuple[str, ...]:
    """Return what of the MESH headers does not fit the payload's patient (decision 2), without values."""
    found = []
    if (recipient or "").upper().startswith(GP_PROVIDER):
        if not _is_routed_to(recipient or "", report):
            found.append("Mex-To does not name the patient of the message (GPCM-SD-038)")
    elif _numbers(mesh_subject) - {report.patient.nhs_number}:
        found.append("the MESH subject names another NHS number than the message")
    return tuple(found)


def _is_routed_to(recipient: str, report: ReceivedReport) -> bool:
    number, _, rest = recipient[len(GP_PROVIDER) :].partition("_")
    born = report.patient.birth_date
    # MESH once wanted the day first
    dates = (born.strftime("%Y%m%d"), born.strftime("%d%m%Y"))
    date, _, surname = rest.partition("_")
    # MESH's limit may have cut the surname
    named = fold(report.patient.name.family).upper().startswith(fold(surname).upper()) and bool(surname.strip())
    return number == report.patient.nhs_number and date in dates and named


def _numbers(text: str | None) -> set[str]:
    found = re.findall(r"(?<!\d)\d{3} ?\d{3} ?\d{4}(?!\d)", text or "")
    return {number.replace(" ", "") for number in found}
