"""The pictures of the README are there, small, and what the code shows today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.recording import pictures
from tests.cli.test_pages import text_of
from tools import places

README = places.ROOT / "README.md"
MOST_BYTES = 150_000
SHOWN = re.findall(r'(?:src|srcset)="([^"]+)"|!\[[^\]]*\]\(([^)]+)\)', README.read_text())
FILES = sorted({one or other for one, other in SHOWN})


def test_each_follows_the_reader_into_the_dark() -> None:
    for light in (one for one in FILES if "-light" in one):
        assert light.replace("-light", "-dark") in FILES, light


@pytest.mark.parametrize("name", FILES)
def test_each_is_there_small_and_fetches_nothing(name: str) -> None:
    content = (places.ROOT / name).read_bytes()
    assert len(content) < MOST_BYTES
    if name.endswith(".svg"):
        assert not re.search(rb"url\((?!#)|@import|href=", content)


@pytest.mark.parametrize("scheme", pictures.TERMINALS)
def test_the_terminal_shows_what_the_command_does(scheme: str) -> None:
    """If this fails, run: `python -m sandbox.recording.pictures`."""
    drawn = (pictures.IMAGES / f"status-{scheme}.svg").read_text()
    assert drawn == pictures.terminal(scheme)


def test_the_pages_are_made_of_what_was_recorded(tmp_path: Path) -> None:
    pictures.write_pages(tmp_path)
    migration = text_of((tmp_path / "migration.html").read_text())
    assert "the writers may stop shop.orders" in migration
    assert "not yet shop.readings" in migration
    verify = text_of((tmp_path / "verify.html").read_text())
    sums = pictures.recorded("verify")["sums"]
    said = f"{sums['equal']} keys equal, {sums['missing']} missing, {sums['extra']} extra"
    assert said in README.read_text(), "as its picture has it"
    assert f"{sums['missing']} missing" in verify
