"""Put a broken rule into a run: around a port, or in place of a name of the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hintferry.ports import Clock, Decoder, Source, Target, WriteTimes
from tests.model.profiles import NEAR, Profile

if TYPE_CHECKING:
    from tests.model.worker import WatchedClock, Worker
    from tests.model.world import World


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken rule. `patches`: (module or class, name, what stands there instead); `theme`: the
    programs in which it shows soonest, None for those of every theme; `profile`: their world."""

    name: str
    theme: str | None = None
    profile: Profile = NEAR
    decoder: Callable[[Decoder, World], Decoder] = lambda decoder, _world: decoder
    source: Callable[[Source, World], Source] = lambda source, _world: source
    target: Callable[[Target, Worker], Target] = lambda target, _worker: target
    write_times: Callable[[WriteTimes], WriteTimes] = lambda times: times
    clock: Callable[[WatchedClock], Clock] = lambda clock: clock
    patches: tuple[tuple[object, str, Any], ...] = ()


UNCHANGED = Mutant("unchanged")
