"""The daemon at the registered practice: judges, matches and files the reports that MESH brings."""

from typing import Final

NAME: Final = "registered-receiver"
