"""The yardstick of sending: bare calls of WeasyPrint, each as if it were the first thing a script does.

    python -m benchmarks.bare [--without-harfbuzz]

Each line of standard input is a JSON string of HTML; after each an empty line of output says that its PDF is made.
Nothing is kept from one call to the next: the stylesheet is parsed, and the fonts are looked up, each time.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from importlib import resources


def main() -> None:
    """Print each document that comes."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    from weasyprint import CSS, HTML
    from weasyprint.pdf import fonts
    from weasyprint.text.fonts import FontConfiguration

    if "--without-harfbuzz" in sys.argv:
        fonts.harfbuzz_subset = None
    css = (resources.files("federated_sender") / "templates" / "report.css").read_text("utf-8")
    for line in sys.stdin:
        configuration = FontConfiguration()
        stylesheet = CSS(string=css, font_config=configuration)
        HTML(string=json.loads(line)).write_pdf(
            pdf_variant="pdf/a-3a", stylesheets=[stylesheet], font_config=configuration
        )
        print(flush=True)


if __name__ == "__main__":
    main()
