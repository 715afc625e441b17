"""Describe what an operator switches while everything runs: pauses, and requests a second. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from math import inf

from hintferry.core.schema import TableId

ALL = "*"
"""The name of the switch of all tables of the pipeline."""

MOST_PER_S = 1_000_000
"""A bound above what anything here reaches."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of a table: since when (epoch seconds), who set it, and why."""

    at: float
    by: str
    why: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.at, UTC)
        why = f": {self.why}" if self.why else ""
        return f"paused since {since:%Y-%m-%d %H:%M:%SZ} by {self.by}{why}"


@dataclass(frozen=True, slots=True)
class Rates:
    """Bounds of requests a second to each side, and the hints a second of a repair.

    None: nothing is set.
    """

    source: int | None = None
    target: int | None = None
    repair: int | None = None

    def __str__(self) -> str:
        named = ((one.name, getattr(self, one.name)) for one in fields(self))
        return ", ".join(f"{name} {rate:,}/s" for name, rate in named if rate is not None) or "none"

    def over(self, other: Rates) -> Rates:
        """Return these bounds, and those of `other` where nothing is set here."""
        names = [one.name for one in fields(self)]
        own = {name: getattr(self, name) for name in names}
        return replace(other, **{name: rate for name, rate in own.items() if rate is not None})


@dataclass(frozen=True, slots=True)
class Switch:
    """The settings of an operator for one table, or for all."""

    pause: Pause | None = None
    rates: Rates = Rates()

    def over(self, other: Switch) -> Switch:
        """Return this switch, with the settings of `other` where nothing is set here."""
        return Switch(self.pause or other.pause, self.rates.over(other.rates))


UNSET = Switch()

Board = Mapping[str, Switch]
"""All switches, by the name of their table or `ALL`."""


def pause_of(board: Board, table: TableId) -> tuple[str, Pause] | None:
    """Return the name of the switch by which a table is paused, and its pause; None if it runs."""
    for name in (ALL, str(table)):
        pause = board.get(name, UNSET).pause
        if pause is not None:
            return name, pause
    return None


def paused_text(table: TableId, name: str, pause: Pause) -> str:
    """Return the sentence that says how a table is paused, and how it goes on."""
    if name == str(table):
        return f"{table} is {pause}; let it go on with `hintferry resume {table}`"
    return f"{table} is {pause} (all tables); let them go on with `hintferry resume --all`"


def rates_of(board: Board, table: TableId) -> Iterator[tuple[str, Rates]]:
    """Yield the bounds that hold for a table, with the name of the switch that sets them."""
    for name in (ALL, str(table)):
        rates = board.get(name, UNSET).rates
        if rates != Rates():
            yield name, rates


def repair_rate(board: Board, table: TableId, otherwise: float) -> float:
    """Return hints a second of a repair: of the table's switch, else of all tables, else as
    configured."""
    own, common = (board.get(name, UNSET).rates.repair for name in (str(table), ALL))
    return own or common or otherwise


@dataclass(frozen=True, slots=True)
class Workers:
    """The number of processes that may work at once: for one table, and for all of them."""

    of_table: int
    of_all: int


@dataclass(frozen=True, slots=True)
class Share:
    """Requests a second that one process may send to each side."""

    source: float = inf
    target: float = inf


def share_of(board: Board, table: TableId, workers: Workers) -> Share:
    """Return the bounds of one of these processes, so that all of them keep the bounds."""
    shares = [
        (rates, workers.of_all if name == ALL else workers.of_table)
        for name, rates in rates_of(board, table)
    ]
    source = min((rates.source / n for rates, n in shares if rates.source), default=inf)
    target = min((rates.target / n for rates, n in shares if rates.target), default=inf)
    return Share(source, target)
