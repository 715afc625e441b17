"""Hold how far one table is in a run of `hintferry migrate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hintferry.adapters.config.settings import Migration
from hintferry.core.schema import TableId
from hintferry_cli.exits import Status
from hintferry_cli.sweep.state import RunState
from hintferry_ops.plan.stage import Act, Stage


@dataclass(frozen=True, slots=True)
class ActEnd:
    """The end of one act on a table. `numbers`: the sums of the pass, as far as they are known."""

    act: Act
    status: Status
    why: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    usd: float | None = None


@dataclass(slots=True)
class TableRun:
    """One table of the run; the scheduler changes it, and the views read it."""

    table: TableId
    wave: str
    group: str | None = None
    stage: Stage | None = None
    """The last stage that was read; None before the first look."""

    first: Stage | None = None
    """The stage at the first look."""

    act: Act | None = None
    """What is being done, or waits for a free worker."""

    is_working: bool = False
    state: RunState | None = None
    """The counts of the pass that goes on, where it runs on this machine."""

    news: str = ""
    """What the table waits for."""

    ends: list[ActEnd] = field(default_factory=list)
    status: Status | None = None
    """How the table ended; None as long as it goes on."""

    why: str = ""
    """Why it ended before its stage, and what to do."""

    @property
    def counts(self) -> Counter[Act]:
        """Return how often each act came to its end in this run."""
        finished = (Status.DONE, Status.NEGATIVE)
        return Counter(one.act for one in self.ends if one.status in finished)

    @property
    def share(self) -> float:
        """Return the share of the act that is done, from 0 to 1."""
        return self.state.share if self.is_working and self.state is not None else 0.0

    def end(self, status: Status, why: str = "") -> None:
        """Leave the table as it is."""
        self.status, self.why, self.act, self.is_working, self.news = status, why, None, False, ""


def runs_of(migration: Migration, tables: Sequence[TableId]) -> list[TableRun]:
    """Return the tables that are meant, in the order of the waves."""
    groups = {table: one.name for one in migration.groups for table in one.tables}
    return [
        TableRun(table, wave.name, groups.get(table))
        for wave in migration.waves
        for table in wave.tables
        if table in tables
    ]
