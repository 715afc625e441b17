"""Make the consoles of the command: what they print is text, never markup or an emoji's code."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


def console(*, stderr: bool = False) -> Console:
    """Return a console on which a text appears as it is; styles come from `rich.text.Text`."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def say(on: Console, text: str) -> None:
    """Print one line as it is, however long it is."""
    on.print(Text(text), soft_wrap=True)
