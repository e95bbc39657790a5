"""The stylesheet of the web pages: the NHS.UK frontend's rules, its licence, and nothing that a browser would fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.web.styles import main, self_contained
from shared.errors import CommandFailed
from shared.web.server import STATIC, require_styles

STYLES = STATIC / "nhsuk-frontend.min.css"
RULES = '@charset "UTF-8";a{color:red}'


def test_fonts_and_maps_of_elsewhere_are_left_out_and_the_licence_is_put_in() -> None:
    styles = f"{RULES}@font-face{{src:url(https://elsewhere/f.woff2)}}b{{color:blue}}/*# sourceMappingURL=x.map */"

    made = self_contained(styles, "Licence\n")

    assert made == '@charset "UTF-8";\n/*!\nLicence\n*/\na{color:red}b{color:blue}\n'


@pytest.mark.parametrize(
    "rule",
    ["@import 'x.css';", "b{background:url(//elsewhere/x.png)}", 'b{background:url( "x.png")}', "/* http://x */"],
)
def test_whatever_else_would_be_fetched_stops_the_set_up(rule: str) -> None:
    with pytest.raises(ValueError, match="from outside"):
        self_contained(RULES + rule, "Licence")


def test_the_stylesheet_is_found_in_the_package_wherever_its_version_puts_it(tmp_path: Path) -> None:
    package, target = tmp_path / "package", tmp_path / "static/made.css"
    css = package / "wagtailnhsukfrontend/static/wagtailnhsukfrontend/css/nhsuk-frontend-10.0.0.min.css"
    licence = package / "wagtail_nhsuk_frontend-1.0.0.dist-info/licenses/LICENSE"
    for file, text in ((css, RULES), (licence, "Licence")):
        file.parent.mkdir(parents=True)
        file.write_text(text)

    main(package, target)

    assert target.read_text().endswith("a{color:red}\n")


def test_the_one_that_is_served_is_whole_and_of_the_release_whose_templates_are_used() -> None:
    styles = STYLES.read_text(encoding="utf-8")

    assert '--nhsuk-frontend-version:"10.' in styles
    assert "url(" not in styles
    assert "Permission is hereby granted" in styles
    assert ".nhsuk-button{" in styles


def test_pages_without_their_stylesheet_are_not_served(tmp_path: Path) -> None:
    require_styles(STATIC)

    with pytest.raises(CommandFailed, match="make styles"):
        require_styles(tmp_path)
