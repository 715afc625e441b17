"""Show the help of verbs as it is written: no text is read as markup or as the code of an emoji.

Typer hands each text to rich as markup, in which the `:secret:` of an ARN is a picture. So help
is written plainly, and made markup here, at the last moment.
"""

from __future__ import annotations

import re
from copy import copy
from typing import Any

from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

EXAMPLES = "Examples"
"""The line above the examples of a verb's help; shown in bold."""

_COLON_OF_EMOJI = re.compile(r":(?=\S+:)")
_PARTED = ":[none][/none]"

_KINDS = {
    "bool": "",
    "str": "TEXT",
    "path": "PATH",
    **dict.fromkeys(("int", "float", "int range", "float range"), "NUMBER"),
}
"""What stands for a value in the help, by the type's own name."""


class VerbHelp(TyperCommand):
    """Print a verb's help as it is written."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        super(VerbHelp, _shown(self)).format_help(ctx, formatter)


class CommandHelp(TyperGroup):
    """Print the list of verbs as their help is written."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        shown = _shown(self)
        shown.commands = {name: _shown(one) for name, one in self.commands.items()}
        super(CommandHelp, shown).format_help(ctx, formatter)


def as_markup(text: str) -> str:
    """Return markup that rich prints as this text."""
    markup = _COLON_OF_EMOJI.sub(lambda _: _PARTED, escape(text))
    return re.sub(rf"^{EXAMPLES}$", f"[bold]{EXAMPLES}[/bold]", markup, flags=re.MULTILINE)


def _shown(command: Any) -> Any:
    shown = copy(command)
    for name in ("help", "epilog"):
        text = getattr(command, name)
        setattr(shown, name, text and as_markup(text))
    # An instance's own method stands before that of its class.
    vars(shown)["get_params"] = lambda ctx: list(map(_parameter, command.get_params(ctx)))
    return shown


def _parameter(one: Any) -> Any:
    shown = copy(one)
    shown.help = one.help and as_markup(one.help)
    vars(shown)["display_type_rich"] = lambda ctx: _kind(one, ctx)
    return shown


def _kind(one: Any, ctx: Any) -> str:
    if one.param_type_name == "argument":
        return ""
    if one.metavar is not None:
        return str(one.metavar)
    told = one.display_type(ctx).removeprefix("<").removesuffix(">")
    told = re.sub(r"^list\[(.*)\]$", r"\1", told)
    return _KINDS.get(told, told)
