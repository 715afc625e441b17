"""Define options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import CONFIG_VARIABLE

Config = Annotated[
    Path,
    typer.Option(envvar=CONFIG_VARIABLE, help="Path of migration.toml.", rich_help_panel="Where"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

CONFIG = Path("migration.toml")
