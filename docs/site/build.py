"""Build the site in build/site from the Markdown of the checkout.

Pages link to each other across folders, as they lie in the checkout. So they are laid out below
build/docs in the same places, with nothing else beside them, and mkdocs builds from there.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools import mermaid, places
from tools.steps import run

LAID_OUT = places.BUILD / "docs"
SITE = places.BUILD / "site"
_SHOWN = (".md", ".svg", ".png", ".css")


def pages() -> list[Path]:
    """Return all Markdown of the checkout, but for what is made in it."""
    tops = (one for one in places.ROOT.iterdir() if one.name not in ("build", "cdk.out"))
    folders = [one for one in tops if one.is_dir() and not one.name.startswith(".")]
    return sorted([*places.ROOT.glob("*.md"), *(p for one in folders for p in one.rglob("*.md"))])


def build(laid_out: Path = LAID_OUT, site: Path = SITE) -> None:
    """Build the site; SetupError where a link, an anchor or an entry of the menu leads nowhere."""
    command = [str(places.VENV_PYTHON), "-m", "mkdocs", "build", "--site-dir", str(site)]
    run(command, {"NO_MKDOCS_2_WARNING": "1", "LAID_OUT": str(laid_out)})


def lay_out(home: Path = LAID_OUT) -> None:
    """Copy the pages, and what they show, into `home`."""
    shutil.rmtree(home, ignore_errors=True)
    for file in _shown():
        made = home / file.relative_to(places.ROOT)
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, made)
    shutil.copyfile(mermaid.script(), home / "docs" / "theme" / "mermaid.min.js")


def _shown() -> Iterator[Path]:
    yield places.ROOT / "LICENSE"
    yield from pages()
    yield from (one for one in (places.ROOT / "docs").rglob("*") if one.suffix in _SHOWN)
