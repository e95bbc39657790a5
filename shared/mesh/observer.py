"""What a MESH client tells of while it works, so that it need know neither log nor database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.mesh.certificates import Expiry


class Observer:
    """Is told and does nothing; override what matters. Its methods must not raise, and threads call them at once."""

    def answered(self) -> None:
        """Hear that MESH gave a good answer: no outage, no refusal."""

    def took(self, call: str, duration: timedelta) -> None:
        """Hear how long one attempt took from the request to the end of the answer; ``call`` is a word of ``calls``."""

    def clock_compared(self, ahead: timedelta) -> None:
        """Hear how far our clock is ``ahead`` of MESH's by some answer, behind when negative, to a second or two."""

    def certificates_expire(self, expiries: Sequence[Expiry]) -> None:
        """Hear when the certificates end, at each handshake: that is at the start and daily."""

    def certificates_changed(self) -> None:
        """Hear that changed certificate files were read; calls from now on use them."""

    def certificates_unusable(self, error: str) -> None:
        """Hear, once for each change, that changed files cannot be used and the former ones stay in use."""
