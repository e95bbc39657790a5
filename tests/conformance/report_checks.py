"""For each requirement on the content of a report: does a message say exactly what its consultation says?"""

from __future__ import annotations

from tests.conformance import header_checks, payload_checks, pdf_checks, people_checks

CHECKS = payload_checks.CHECKS | people_checks.CHECKS | header_checks.CHECKS | pdf_checks.CHECKS
