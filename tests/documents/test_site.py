"""The site of the documents is built whole, and needs nobody's server but the one that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.site import build as site
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


@pytest.mark.slow
@pytest.mark.parametrize("link", ["nowhere.md", "docs/explanation/tour.md#nowhere", "docs/"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, link: str) -> None:
    site.lay_out(tmp_path / "laid out")
    page = tmp_path / "laid out" / "README.md"
    page.write_text(f"{page.read_text()}\n[nowhere]({link})\n")
    with pytest.raises(SetupError, match="link"):
        site.build(tmp_path / "laid out", tmp_path / "site")
