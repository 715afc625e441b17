"""Tell the acts of a migration in order, with price and time where they are known, and do none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry_cli.console import say
from hintferry_cli.migrate.scheduler import Seen, fence_stands
from hintferry_cli.migrate.table_run import TableRun
from hintferry_cli.spans import span
from hintferry_cli.sweep.bill import PassPrice
from hintferry_ops.cost.estimate import Estimate
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.plan.stage import Act, Stage, act_of, stage_of


@dataclass(frozen=True, slots=True)
class Planned:
    """One act that a run would do. Seconds and USD are None where nothing tells them yet."""

    act: str
    why: str
    seconds: float | None = None
    usd: float | None = None


Priced = Callable[[TableId], tuple[Estimate, PassPrice]]
"""Return how much a table holds, and what passes over it cost. Raises HintferryError."""


def planned(run: TableRun, seen: Seen, until: Stage, priced: Priced) -> list[Planned]:
    """Return the acts that bring a table to `until`, in order. Raises HintferryError."""
    run.stage = run.first = seen.stage
    facts = seen.facts
    if seen.fence is not None and run.stage is not Stage.CUT_OVER:
        run.why = fence_stands(run, seen.fence)
    if facts is None or run.stage is None or run.stage.number >= until.number:
        return []
    return list(_acts(run.table, facts, until, priced))


def _acts(table: TableId, facts: Facts, until: Stage, priced: Priced) -> Iterator[Planned]:
    first = act_of(facts)
    if stage_of(facts, None, facts.now) is Stage.LISTED:
        yield Planned("wait", "no backfill begins before every node captures the table")
    if until.number >= Stage.BACKFILLED.number and first is Act.BACKFILL:
        yield _backfill(*priced(table))
    if until.number >= Stage.VERIFIED.number and first is not Act.WAIT:
        if first is Act.REPAIR:
            yield _from(facts, Act.REPAIR, "the last verify pass found differences")
        yield _from(facts, Act.VERIFY, "45 s after the backfill at the earliest")
    if until is Stage.READY:
        yield Planned("wait", "until every change has arrived, and nothing is left for later")


def _backfill(found: Estimate, bill: PassPrice) -> Planned:
    seconds = found.write_units / bill.table.capacity.backfill_units_per_s
    why = f"about {found.rows:,} rows, {found.write_units:,} write units"
    return Planned(Act.BACKFILL.value, why, round(seconds, 1), bill.usd_of(found, seconds))


def _from(facts: Facts, act: Act, why: str) -> Planned:
    """Return the act with the time of the last pass of its kind."""
    last = next(filter(_is_verify, facts.passes), None)
    return Planned(act.value, why, None if last is None else round(last.ended - last.began, 1))


def _is_verify(one: Pass) -> bool:
    return one.verb is Verb.VERIFY and not one.is_fence


def show(plans: list[tuple[TableRun, list[Planned]]], at_once: int, out: Console) -> None:
    """Show each table's acts, and the sums of what is known."""
    wave = None
    for run, acts in plans:
        if run.wave != wave:
            wave = run.wave
            say(out, f"wave {wave}")
        stage = "not seen" if run.stage is None else run.stage.value
        say(out, f"  {run.table} ({stage}){'' if acts or run.why else ': nothing to do'}")
        if run.why:
            say(out, f"    {run.why}")
        for one in acts:
            say(out, f"    {_line(one)}")
    every = [one for _, acts in plans for one in acts]
    told = [one.usd for one in every if one.usd is not None]
    price = f", {sum(told):,.2f} USD for the backfills" if told else ""
    say(
        out, f"{len(every)} acts on {len(plans)} tables, {at_once} at once{price}; nothing was done"
    )


def _line(one: Planned) -> str:
    known = "" if one.seconds is None else f", {span(one.seconds)} or more"
    price = "" if one.usd is None else f", {one.usd:,.2f} USD"
    return f"{one.act}: {one.why}{known}{price}"


def as_tree(run: TableRun, acts: list[Planned]) -> dict[str, Any]:
    """Return the plan of one table."""
    return {
        "table": str(run.table),
        "wave": run.wave,
        "group": run.group,
        "stage": run.stage and run.stage.value,
        "acts": [asdict(one) for one in acts],
        "error": run.why or None,
    }
