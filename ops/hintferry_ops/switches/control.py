"""Set a switch: what it was is read, the journal gets its entry, and then the switch is set.

In this order: an entry of something that did not happen is explained by the next one, while a
change without an entry stays unexplained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hintferry.core.errors import ConfigurationError, HintferryError, SideFault
from hintferry.core.journal import Entry
from hintferry.core.switches import ALL, MOST_PER_S, UNSET, Board, Pause, Rates
from hintferry.ports import Clock, Journal, SwitchBoard

NOT_PAUSED = "runs"


class HalfDone(HintferryError):
    """The journal has the entry, and the switch may not be set; the text says how to go on."""


@dataclass(frozen=True, slots=True)
class Control:
    """Sets switches as `who`, and writes down why. Every method raises SideFault.

    It raises ConfigurationError where there is nothing to change, and HalfDone where the journal
    has the entry and the switch may not be set.
    """

    switches: SwitchBoard
    journal: Journal
    clock: Clock
    who: str

    def pause(self, name: str, reason: str) -> Entry:
        """Pause the table of this name, or `ALL`."""
        found = self.switches.read().get(name, UNSET).pause
        if found is not None:
            raise ConfigurationError(f"{_told(name)} {_are(name)} {found}; nothing was changed")
        pause = Pause(self.clock.now(), self.who, reason)
        entry = Entry(pause.at, name, "pause", self.who, NOT_PAUSED, "paused", reason)
        return self._done(entry, lambda: self.switches.set_pause(name, pause))

    def resume(self, name: str, reason: str) -> Entry:
        """Let the table of this name go on, or all that were paused together."""
        board = self.switches.read()
        found = board.get(name, UNSET).pause
        if found is None:
            raise ConfigurationError(_nothing_to_resume(board, name))
        entry = Entry(self.clock.now(), name, "resume", self.who, str(found), NOT_PAUSED, reason)
        return self._done(entry, lambda: self.switches.set_pause(name, None))

    def throttle(self, name: str, change: Rates, workers: int, reason: str) -> Entry:
        """Set the bounds that `change` names, and leave the others; so many workers share them."""
        _check_rates(name, change, workers)
        old = self.switches.read().get(name, UNSET).rates
        given = {
            one: rate
            for one in ("source", "target", "repair")
            if (rate := getattr(change, one)) is not None
        }
        return self._throttled(name, old, replace(old, **given), reason)

    def unthrottle(self, name: str, reason: str) -> Entry:
        """Take all bounds of the table of this name away."""
        old = self.switches.read().get(name, UNSET).rates
        if old == Rates():
            raise ConfigurationError(f"{_told(name)} {_have(name)} no bound; nothing was changed")
        return self._throttled(name, old, Rates(), reason)

    def _throttled(self, name: str, old: Rates, new: Rates, reason: str) -> Entry:
        at = self.clock.now()
        entry = Entry(at, name, "throttle", self.who, str(old), str(new), reason)
        return self._done(entry, lambda: self.switches.set_rates(name, new))

    def _done(self, entry: Entry, change: Callable[[], None]) -> Entry:
        self.journal.add(entry)
        try:
            change()
        except SideFault as error:
            raise HalfDone(
                f"the journal says {entry.verb}, and the switch may not be set: run it again"
                f" ({error})"
            ) from error
        return entry


def _check_rates(name: str, rates: Rates, workers: int) -> None:
    """Raises ConfigurationError for a bound that cannot be kept."""
    least = {"source": workers, "target": workers, "repair": 1}
    for side, smallest in least.items():
        rate = getattr(rates, side)
        if rate is None or smallest <= rate <= MOST_PER_S:
            continue
        shared = f", one for each of {workers} workers" if smallest > 1 else ""
        raise ConfigurationError(
            f"--{side} {rate} is not possible for {_told(name)}; give {smallest:,} to"
            f" {MOST_PER_S:,} a second{shared}, or `hintferry pause`"
        )


def _nothing_to_resume(board: Board, name: str) -> str:
    if name != ALL and board.get(ALL, UNSET).pause is not None:
        return f"{name} is paused with all tables; let them go on with `hintferry resume --all`"
    paused = sorted(one for one, switch in board.items() if switch.pause is not None)
    others = f"; paused: {', '.join(paused)}" if paused else ""
    return f"{_told(name)} {_are(name)} not paused{others}; nothing was changed"


def _told(name: str) -> str:
    return "all tables" if name == ALL else name


def _are(name: str) -> str:
    return "are" if name == ALL else "is"


def _have(name: str) -> str:
    return "have" if name == ALL else "has"
