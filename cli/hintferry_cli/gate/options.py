"""Define the options that `status` and `cutover` share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import boto3
import typer

from hintferry.adapters.config.places import Queues
from hintferry.adapters.config.settings import Migration
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry_cli.gate.waiting import QueuesAndBucket
from hintferry_ops import wiring
from hintferry_ops.cutover.gate.facts import Confirmations

_ANSWERS = "What only you know"

WritesStopped = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="When the last writer of the table stopped: now, or a time such as"
        " 2026-11-26T14:03:20Z.",
        rich_help_panel=_ANSWERS,
    ),
]
Repaired = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="End time of the last full nodetool repair of the table. With it, a verify pass at"
        " LOCAL_QUORUM counts.",
        rich_help_panel=_ANSWERS,
    ),
]
WritersAtQuorum = Annotated[
    bool,
    typer.Option(
        "--writers-at-quorum",
        help="Confirm that every writer writes at LOCAL_QUORUM, EACH_QUORUM or ALL in"
        " source.datacenter, and that hinted handoff reached every node that was down. QUORUM"
        " counts only where source.datacenter is the only datacenter.",
        rich_help_panel=_ANSWERS,
    ),
]


def confirmations(stopped: str | None, repaired: str | None, at_quorum: bool) -> Confirmations:
    """Return the facts that the options confirm. Raises ConfigurationError."""
    return Confirmations(
        moment("--writes-stopped", stopped), moment("--repaired", repaired), at_quorum
    )


@contextmanager
def seat(migration: Migration, tables: Sequence[TableId], where: Queues) -> Iterator[wiring.Seat]:
    """Yield the seat that `status` and `cutover` watch from; it connects on first use."""
    waiting = QueuesAndBucket(boto3.client("sqs"), boto3.client("s3"), where)
    found = wiring.seat(migration, tables, waiting)
    try:
        yield found
    finally:
        found.close()


def moment(option: str, text: str | None) -> float | None:
    """Return epoch seconds of what an option says. Raises ConfigurationError."""
    if text is None:
        return None
    if text == "now":
        return time.time()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{option} {text} is not a time; write now, or for example 2026-11-26T14:03:20Z"
        ) from None
    if at.tzinfo is None:
        raise ConfigurationError(f"{option} {text} has no time zone; add Z for UTC")
    return at.timestamp()
