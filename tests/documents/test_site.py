"""The site of the documents is built whole, and needs nobody's server but the one that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.site import build as site
from tools import places
from tools.steps import SetupError

# What a browser fetches by itself; a link that a person follows is none.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*?\b(?:src|srcset)=\"?(https?:|//)"
    r"|<link\b[^>]*?\bhref=\"?(?:https?:|//)"
    r"|@import|url\([\"']?https?:"
)


def test_the_site_shows_each_page_and_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    site.lay_out(tmp_path / "laid out")
    site.build(tmp_path / "laid out", tmp_path / "site")
    made = list((tmp_path / "site").rglob("*.html"))
    assert len(made) == len(site.pages()) + 1  # and the page for what is not found
    styles = list((tmp_path / "site").rglob("*.css"))
    assert [one for one in (*made, *styles) if FETCHED.search(one.read_text())] == []


def test_a_page_that_would_fetch_something_is_seen() -> None:
    for text in (
        '<script src="https://unpkg.com/mermaid">',
        "<link rel=preconnect href=https://fonts.gstatic.com crossorigin>",
        "@font-face{src:url(https://fonts.gstatic.com/a.woff2)}",
    ):
        assert FETCHED.search(text)
    assert not FETCHED.search('<a href="https://aws.amazon.com/keyspaces/">')


@pytest.mark.parametrize("name", ["--md-primary-fg-color", "--md-typeset-a-color"])
def test_the_colours_of_the_site_can_be_read_on_white(name: str) -> None:
    """4.5 is what WCAG 2 asks of text (AA)."""
    style = (places.ROOT / "docs" / "theme" / "site.css").read_text()
    (colour,) = re.findall(rf"{name}: #([0-9a-f]{{6}});", style)
    assert contrast_with_white(colour) >= 4.5
    assert contrast_with_white("009485") < 4.5  # the theme's own teal


def contrast_with_white(colour: str) -> float:
    shares = [channel / 255 for channel in bytes.fromhex(colour)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("link", ["nowhere.md", "docs/explanation/tour.md#nowhere", "docs/"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, link: str) -> None:
    site.lay_out(tmp_path / "laid out")
    page = tmp_path / "laid out" / "README.md"
    page.write_text(f"{page.read_text()}\n[nowhere]({link})\n")
    with pytest.raises(SetupError, match="link"):
        site.build(tmp_path / "laid out", tmp_path / "site")
