"""Where the queues and the bucket are: options, and the variables of the functions."""

from __future__ import annotations

from typing import Any

import typer

from hintferry.adapters.config.settings import Queues
from hintferry.core.errors import ConfigurationError

PLACES = {
    "--parked-queue-url": "HINTFERRY_PARKED_QUEUE_URL",
    "--replay-queue-url": "HINTFERRY_REPLAY_QUEUE_URL",
    "--bucket": "HINTFERRY_BUCKET",
}
"""Options, and the variables that the functions have the same from."""


def place(option: str, what: str) -> Any:
    """The option for one of them."""
    return typer.Option(option, envvar=PLACES[option], help=what, rich_help_panel="Where")


def places(parked_queue_url: str, replay_queue_url: str, bucket: str) -> Queues:
    """All of them. Raises ConfigurationError naming those that are not known."""
    given = dict(zip(PLACES, (parked_queue_url, replay_queue_url, bucket), strict=True))
    missing = [f"{option} (or {PLACES[option]})" for option, value in given.items() if not value]
    if missing:
        raise ConfigurationError(f"give {', '.join(missing)}; the deployed functions have them too")
    return Queues(parked_queue_url, replay_queue_url, bucket)
