"""The daemon at the practice that saw the patient: reports each consultation to the registered practice."""

from typing import Final

NAME: Final = "federated-sender"
