"""Define options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import CONFIG_VARIABLE
from hintferry.core.errors import ConfigurationError

Config = Annotated[
    Path,
    typer.Option(envvar=CONFIG_VARIABLE, help="Path of migration.toml.", rich_help_panel="Where"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page to share: one file, without scripts from elsewhere. - prints it.",
    ),
]

TO_STDOUT = Path("-")
"""The file name that means standard output."""

CONFIG = Path("migration.toml")


def check_outputs(html: Path | None, *, json: bool) -> None:
    """Raise ConfigurationError where a page and JSON would go to the same standard output."""
    if json and html == TO_STDOUT:
        raise ConfigurationError("--json and --html - both print; name a file for the page")
