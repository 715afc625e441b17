"""Draw the pictures of the README by the real code: `python -m sandbox.recording.pictures`.

What they show was recorded from the tutorial's sandbox by docs/images/record.sh. It needs Chromium.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from hintferry_cli.exits import Status
from hintferry_cli.gate import view
from hintferry_cli.gate.overview import sums
from hintferry_cli.next_steps import next_steps
from hintferry_cli.pages.migration import migration_page
from hintferry_cli.pages.page import write_pass, write_to
from sandbox.parts.errors import SandboxError
from tools import places

IMAGES = places.ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"migration": (1200, 1240), "migration-narrow": (400, 830), "verify": (1200, 830)}
"""Pixels that are seen of each page."""

SCHEMES = {"dark": 0, "light": 1}
"""Chromium's numbers for the colour schemes."""

COLUMNS = 110
_ANSI = [(36, 41, 46), (207, 34, 46), (26, 127, 75), (154, 103, 0), (9, 105, 218),
         (130, 80, 223), (27, 124, 131), (110, 119, 129)]  # fmt: skip
_BRIGHT = [(101, 109, 118), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255),
           (210, 168, 255), (118, 227, 234), (240, 246, 252)]  # fmt: skip
TERMINALS = {
    "light": TerminalTheme((255, 255, 255), (31, 35, 40), _ANSI, _BRIGHT),
    "dark": TerminalTheme((13, 17, 23), (230, 237, 243), _BRIGHT, _BRIGHT),
}


def recorded(name: str) -> Any:
    """Return the recorded output of `hintferry status --json`, or of a pass's report."""
    return json.loads((IMAGES / f"{name}.json").read_text())


def write_pages(folder: Path) -> None:
    """Write the pages that the browser photographs."""
    tree = recorded("status")
    tree["sums"] = sums(tree["tables"], {})
    steps = next_steps("verify", Status.NEGATIVE, ["shop.readings"])
    steps += next_steps("status", Status.DONE, ["shop.orders"])
    write_to(folder / "migration.html", migration_page(tree, steps))
    write_pass(folder / "verify.html", recorded("verify"))


def terminal(scheme: str) -> str:
    """Return `hintferry status` of one table, as SVG."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print("$ hintferry status shop.readings", highlight=False)
    (tree,) = (one for one in recorded("status")["tables"] if one["table"] == "shop.readings")
    view.show(tree, console)
    drawn = console.export_svg(title="", theme=TERMINALS[scheme], unique_id="status")
    # Rich names fonts to be fetched; the reader's own do.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def main() -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SandboxError(f"no browser is there: install one of {', '.join(BROWSERS)}")
    with TemporaryDirectory() as home:
        write_pages(Path(home))
        for name, size in SIZES.items():
            for scheme in SCHEMES:
                page = Path(home) / f"{name.partition('-')[0]}.html"
                _photograph(browser, page, IMAGES / f"{name}-{scheme}.png", size, scheme)
    for scheme in TERMINALS:
        (IMAGES / f"status-{scheme}.svg").write_text(terminal(scheme))
    return 0


def _photograph(
    browser: str, page: Path, picture: Path, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            f"--user-data-dir={page.parent / 'browser'}",
            *(f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )


if __name__ == "__main__":
    sys.exit(main())
