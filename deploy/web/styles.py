"""Makes the stylesheet of the web pages from the locked NHS.UK frontend: the same rules, and nothing from outside.

``python -m deploy.web.styles UNPACKED TARGET``: the directory that the package was unpacked into, and the file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

_STYLES: Final = "wagtailnhsukfrontend/static/wagtailnhsukfrontend/css/nhsuk-frontend-*.min.css"
_LICENCE: Final = "wagtail_nhsuk_frontend-*.dist-info/licenses/LICENSE"
# the faces lie on a server of the NHS, and the map on none
_FACE: Final = re.compile(r"@font-face\s*\{[^}]*\}")
_MAP: Final = re.compile(r"/\*# sourceMappingURL=.*?\*/")
_REQUEST: Final = re.compile(r"url\(\s*[\"']?(?!data:)|@import|@font-face|https?:", re.IGNORECASE)


def self_contained(styles: str, licence: str) -> str:
    """Return ``styles`` under their licence, without what a browser would request.

    Raises ValueError when something is left that one would.
    """
    kept = _MAP.sub("", _FACE.sub("", styles)).strip()
    if _REQUEST.search(kept):
        raise ValueError("the styles of the NHS.UK frontend request something from outside")
    # the first rule names the character set, and must stay the first
    charset, _, rules = kept.partition(";")
    return f"{charset};\n/*!\n{licence.strip()}\n*/\n{rules}\n"


def main(unpacked: Path, target: Path) -> None:
    """Write the stylesheet."""
    (styles,), (licence,) = unpacked.glob(_STYLES), unpacked.glob(_LICENCE)
    made = self_contained(styles.read_text(encoding="utf-8"), licence.read_text(encoding="utf-8"))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
