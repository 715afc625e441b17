"""The state that a test can change while the endpoint runs, and the one place that holds it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from keyspaces_local.capacity import Capacities
from keyspaces_local.faults import ArmedFault, Fault

IDLE_SECONDS = 350.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The behaviour of the endpoint; the defaults are permissive in capacity and fast in DDL."""

    ddl_seconds: float = 0.0
    """Seconds that a table stays CREATING, UPDATING or DELETING."""
    idle_seconds: float = IDLE_SECONDS
    """After how much silence a connection is cut."""
    quotas: bool = False
    """Whether tables, partitions and connections have the service's limits."""
    absent_deletes_leave_nothing: bool = False
    """Unproven on the service: whether the DELETE of an absent row leaves no tombstone."""
    overwrites_do_not_shadow: bool = False
    """Unproven on the service: whether an overwritten collection shadows older elements not."""
    exact_deletes: bool = False
    """Whether a DELETE takes the units of the rows that it finds; the endpoint then looks at the
    rows first."""
    short_pages: float = 0.0
    """The share of paged reads whose page holds fewer rows than asked for, and a paging state."""
    empty_pages: float = 0.0
    """The share of paged reads whose page holds no rows, and a paging state; below 1."""
    page_seed: int = 0
    """The seed of the draws for short and for empty pages."""

    def __post_init__(self) -> None:
        if self.ddl_seconds < 0 or self.idle_seconds <= 0:
            raise ValueError("ddl_seconds is 0 or more, idle_seconds above 0")
        if not (0 <= self.short_pages <= 1 and 0 <= self.empty_pages < 1):
            raise ValueError("short_pages is 0 to 1, empty_pages 0 or more and below 1")

    @property
    def unproven(self) -> bool:
        return self.absent_deletes_leave_nothing or self.overwrites_do_not_shadow


@dataclass(slots=True)
class Conduct:
    """The present behaviour, capacities and faults; `gated`: whether requests must be looked at."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    capacities: Capacities = field(default_factory=Capacities)
    faults: list[ArmedFault] = field(default_factory=list)
    gated: bool = False
    unproven: bool = False
    exact_deletes: bool = False
    draws: Random = field(default_factory=lambda: Random(0))
    """The draws for the pages; they begin again with each change of `behaviour`."""
    listeners: list[Callable[[], None]] = field(default_factory=list)
    """told after each change of `behaviour`"""
    _numbers: int = 0

    def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.capacities.quotas = behaviour.quotas
        self.unproven = behaviour.unproven
        self.exact_deletes = behaviour.exact_deletes
        self.draws = Random(behaviour.page_seed)
        self.refresh()
        for listener in self.listeners:
            listener()

    def add_fault(self, fault: Fault) -> ArmedFault:
        self._numbers += 1
        armed = ArmedFault(self._numbers, fault)
        self.faults.append(armed)
        self.refresh()
        return armed

    def clear_faults(self, number: int | None = None) -> None:
        """Forgets one fault, or all."""
        self.faults = [f for f in self.faults if number is not None and f.number != number]
        self.refresh()

    def refresh(self) -> None:
        """To be called after a change of the parts."""
        self.gated = bool(self.faults) or self.capacities.active

    def fault_for(self, table: str, write: bool) -> Fault | None:
        """The first fault that fires for a request."""
        for armed in self.faults:
            if armed.meets(table, write) and armed.fires():
                return armed.fault
        return None
