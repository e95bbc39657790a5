"""Pages laid out with styles that are worked out once in a process, not once for each report.

Which rules meet an element is asked anew each time. What they come to is the same in every report, and to work it
out was a quarter of a print.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from weasyprint import CSS, DEFAULT_OPTIONS, HTML
from weasyprint.css import ComputedStyle, InitialStyle, StyleFor
from weasyprint.css.counters import CounterStyle
from weasyprint.css.targets import TargetCollector
from weasyprint.document import Document
from weasyprint.images import get_image_from_uri
from weasyprint.layout import LayoutContext
from weasyprint.text.fonts import FontConfiguration

# A style holds what it was made of, so an id in a key stands for the same thing as long as the style is here.
_KEPT: Final[dict[object, ComputedStyle]] = {}


def lay_out(source: HTML, stylesheet: CSS, fonts: FontConfiguration) -> Document:
    """Return the pages of ``source`` as ``source.render`` does.

    ``source`` has rules neither in elements nor in attributes, and its own stylesheets, ``stylesheet`` and ``fonts``
    are the same objects each time: otherwise its styles would be kept and never be met again.
    """
    options = {**DEFAULT_OPTIONS, "stylesheets": [stylesheet]}
    return _KeptDocument._render(source, fonts, None, None, options)  # noqa: SLF001 - as HTML.render does


class _KeptDocument(Document):  # type: ignore[misc]
    @classmethod
    def _build_layout_context(
        cls, html: HTML, font_config: FontConfiguration, counter_style: CounterStyle, _: object, options: dict[str, Any]
    ) -> LayoutContext:
        for counters in html._ua_counter_style():  # noqa: SLF001 - what is overridden reads it
            counter_style.update(counters)
        sheets = [(sheet, "user agent", None) for sheet in html._ua_stylesheets()]  # noqa: SLF001
        sheets += [(sheet, "user", None) for sheet in options["stylesheets"]]
        targets = TargetCollector()
        styles = _KeptStyles(html, sheets, False, font_config, targets)
        images = partial(get_image_from_uri, cache={}, url_fetcher=html.url_fetcher, options=options)
        return LayoutContext(styles, images, font_config, counter_style, targets)


class _KeptStyles(StyleFor):  # type: ignore[misc]
    """The styles of one document, made of kept ones: WeasyPrint itself lets elements that are alike share one."""

    def set_computed_styles(
        self,
        element: Any,
        parent: Any,
        root: Any = None,
        pseudo_type: str | None = None,
        base_url: str | None = None,
        target_collector: object = None,  # noqa: ARG002 - nothing in a report is a target
    ) -> None:
        cascaded = self._cascaded_styles.get((element, pseudo_type), {})
        above = None if parent is None else self._computed_styles[parent, None]
        # of all values the language alone comes from the document, and is another object each time
        values = tuple((name, value if name == "lang" else id(value)) for name, (value, _) in cascaded.items())
        key = (id(above), pseudo_type, values)
        if (style := _KEPT.get(key)) is None:
            top = InitialStyle(self.font_config) if parent is None else self._computed_styles[root, None]
            style = _KEPT[key] = ComputedStyle(
                above, cascaded, pseudo_type, top, base_url, self.font_config, self.initial_page_sizes
            )
        self._computed_styles[element, pseudo_type] = style
