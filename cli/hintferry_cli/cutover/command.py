"""Run `hintferry cutover`: wait until the gates open, set the fences, and wait them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ClockFault, ConfigurationError, SideFault
from hintferry.core.journal import Entry
from hintferry.core.schema import TableId
from hintferry.ports import Journal
from hintferry_cli.console import console, say
from hintferry_cli.cutover import dry_run as dry_run_of
from hintferry_cli.cutover import rehearsal, stops
from hintferry_cli.cutover.undo import removed, undone
from hintferry_cli.exits import Status, Unfinished, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.gate import options, view
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.next_steps import NextStep, conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.spans import span
from hintferry_cli.switches.caller import caller
from hintferry_cli.tables import All, Tables, as_arguments, check_whole, chosen
from hintferry_ops.cutover.cutover import Cutover, PartlyFenced
from hintferry_ops.cutover.gate.condition import clock
from hintferry_ops.cutover.gate.fence import arrived_at, cutover_at, fence_left_s
from hintferry_ops.wiring import Seat

HELP = "\n\n".join(
    (
        "Cut tables over to Keyspaces. After this, Hintferry never writes to them again.",
        "Stop the writers, then run it. It checks the conditions until all hold (`hintferry"
        " status` shows them), and sets the fence of each table. Then it waits"
        " until no late write of Hintferry's can win over one of the application's. That takes 2 s"
        " to 16 s, or 50 s: `status` says which, and why. Where a condition fails, it changes"
        " nothing and says which. After an interruption run it again.",
        "Several tables are cut over as one: no fence is set before the conditions of all hold. If"
        " one fence cannot be set, it removes the others. The tables of a group go together.",
        "With --dry-run it prints every act in order, with the time to expect and its reason, and"
        " does none. With --rehearse it does all of them on tables that nobody writes, such as a"
        " canary table. It removes the fences again, and tells the seconds by part. Verify the"
        " tables afterwards.",
        "--undo removes the fences, as long as the application has not written the target. It scans"
        " the target for such writes (by their write times), and asks for the name that you gave;"
        " --yes answers. Afterwards run `hintferry verify --repair` to copy the changes that were"
        " skipped.",
        "Examples",
        "  hintferry cutover shop.orders --writes-stopped now --writers-at-quorum",
        "  hintferry cutover checkout --writes-stopped now --writers-at-quorum",
        "  hintferry cutover shop --writes-stopped 2026-11-26T14:03:20Z --json",
        "  hintferry cutover checkout --dry-run --writers-at-quorum",
        "  hintferry cutover shop.canary --rehearse --writes-stopped now --writers-at-quorum",
        "  hintferry cutover shop.orders --undo",
        "  hintferry cutover checkout --undo --yes",
        statuses(
            "the tables are cut over (or the cutover is undone, rehearsed, or only needs the stop)",
            negative="a condition does not hold, and no table is cut over",
            unfinished="a fence may be set, but not waited out: run it again, or with --undo",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class _Names:
    """Hold how the tables are named on the command line, for what comes next."""

    arguments: Sequence[str]
    config: Path


def cutover(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    writes_stopped: options.WritesStopped = None,
    repaired: options.Repaired = None,
    writers_at_quorum: options.WritersAtQuorum = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo a cutover: remove the fence.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --undo: do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print each act and its time, and do none.")
    ] = False,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="Cut over tables that nobody writes, and take them back."),
    ] = False,
    json: Json = False,
    config: Config = CONFIG,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        confirmations = options.confirmations(writes_stopped, repaired, writers_at_quorum)
        kind = _kind(undo=undo, dry_run=dry_run, rehearse=rehearse)
        if undo and (writes_stopped or repaired or writers_at_quorum):
            raise ConfigurationError(
                "--undo cannot be combined with --writes-stopped, --repaired or"
                " --writers-at-quorum; call it without them"
            )
        if yes and not undo:
            raise ConfigurationError("--yes answers --undo only; leave it out, or add --undo")
        migration = migration_from(config)
        meant = chosen(migration, config, tables, every=every)
        check_whole(migration, meant)
        names = _Names(as_arguments(migration, meant), config)
        where = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        with options.seat(migration, meant, where) as seat:
            # This machine's clock decides how long to wait, and dates the pass.
            seat.check_clock()
            joint = Cutover.of(
                [seat.keeper(one, confirmations) for one in meant], is_rehearsal=rehearse
            )
            ended = kind(_Call(joint, seat, names, yes=yes, json=json))
    if ended is not Status.DONE:
        raise typer.Exit(ended)


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold what each kind of cutover is called with."""

    joint: Cutover
    seat: Seat
    names: _Names
    yes: bool
    json: bool


def _kind(*, undo: bool, dry_run: bool, rehearse: bool) -> Callable[[_Call], Status]:
    """Return what is asked for. Raises ConfigurationError for two kinds at once."""
    asked = [
        kind
        for is_asked, kind in ((undo, _undo), (dry_run, _dry_run), (rehearse, _rehearse))
        if is_asked
    ]
    if len(asked) > 1:
        raise ConfigurationError("--undo, --dry-run and --rehearse exclude each other; give one")
    return asked[0] if asked else _in_earnest


def _in_earnest(call: _Call) -> Status:
    seen = _cutover(call.joint, call.seat.journal(), console(stderr=True))
    _tell(seen, call.names, console(), json=call.json)
    return _ended(seen)


def _undo(call: _Call) -> Status:
    name, journal = " ".join(call.names.arguments), call.seat.journal()
    undone(call.joint, call.seat.late_writes(), journal, console(stderr=True), name, yes=call.yes)
    _tell_undone([one.table for one in call.joint.keepers], call.names, console(), json=call.json)
    return Status.DONE


def _dry_run(call: _Call) -> Status:
    """Print the acts, and return whether only the stop of the writers is needed."""
    found = dry_run_of.planned(call.joint)
    shut = [one for one in found.seen if one.standing in (Standing.SHUT, Standing.FENCED)]
    ended = Status.NEGATIVE if shut else Status.DONE
    if not call.json:
        dry_run_of.show(found, console())
    steps = next_steps("status", ended, call.names.arguments, call.names.config)
    conclude(dry_run_of.as_tree(found) if call.json else None, steps)
    return ended


def _rehearse(call: _Call) -> Status:
    """Print the seconds by part, and return whether every fence was set and removed."""
    joint, journal, errors = call.joint, call.seat.journal(), console(stderr=True)
    found = rehearsal.rehearsed(
        joint, lambda: _cutover(joint, journal, errors, rehearsal.VERB), journal, errors
    )
    if not call.json:
        rehearsal.show(found, console())
    is_done = found.parts is not None
    after = (rehearsal.VERB, Status.DONE) if is_done else ("status", Status.NEGATIVE)
    steps = next_steps(*after, call.names.arguments, call.names.config)
    conclude(rehearsal.as_tree(found) if call.json else None, steps)
    return Status.DONE if is_done and not found.written else Status.NEGATIVE


def _cutover(
    joint: Cutover, journal: Journal, errors: Console, verb: str = "cutover"
) -> list[TableStatus]:
    """Return the last status of each table: after the fences, if all gates opened."""
    joint.check_kinds()
    who = caller()
    if not joint.is_rehearsal:
        stops.keep(joint.unfenced, journal, who)
    seen = _watched(joint, errors)
    if any(one.standing is not Standing.OPEN for one in seen):
        fenced = [one for one in joint.keepers if one.table in joint.fences]
        return [*seen, *view.read_statuses(fenced)]
    try:
        if not joint.is_rehearsal:
            stops.recall(joint.unfenced, seen, journal, errors)
        for keeper in joint.unfenced:
            journal.add(Entry(time.time(), str(keeper.table), verb, who))
        # The last run may have ended before all of it was waited out, or written down.
        _count_down(joint.hand_over(), errors)
        return view.read_statuses(joint.keepers)
    except PartlyFenced as error:
        _give_up(joint, journal, errors, error)
        if not joint.is_rehearsal:
            # The writers are still stopped.
            stops.keep([one for one in joint.keepers if one.table in error.fenced], journal, who)
        return view.read_statuses(joint.keepers)
    except KeyboardInterrupt:
        _tell_stop(joint, errors)
        raise
    except (ClockFault, SideFault) as error:
        raise Unfinished(
            f"the fence may be set, but cutover did not wait it out; run it again, or with --undo"
            f" ({error})"
        ) from error
    except ConfigurationError as error:
        raise Unfinished(str(error)) from error


def _watched(joint: Cutover, errors: Console) -> list[TableStatus]:
    """Return the last status of each table without a fence.

    On a terminal what waits stands in place, with the seconds since the watch began; a log gets
    each change.
    """
    said: str | None = None
    statuses: list[TableStatus] = []
    if not joint.unfenced:
        return statuses
    began = time.monotonic()

    def ticking() -> Text:
        return Text(f"{said or ''}\nchecking for {time.monotonic() - began:.0f} s")

    with (
        Live(console=errors, get_renderable=ticking, refresh_per_second=2, transient=True)
        if errors.is_terminal
        else nullcontext()
    ):
        for seen in joint.watch():
            statuses = [view.status_from_gate(*one) for one in seen]
            text = "\n".join(
                f"{one.table}: {'; '.join(view.open_points(one))}"
                for one in view.worst_first(statuses)
                if one.standing is not Standing.OPEN
            )
            if text != said and not errors.is_terminal:
                say(errors, text or _gate_is_open(len(statuses)))
            said = text
    if errors.is_terminal and not said:
        say(errors, _gate_is_open(len(statuses)))
    return statuses


def _gate_is_open(count: int) -> str:
    return "the gate is open" if count == 1 else f"the gates of all {count} tables are open"


def _count_down(steps: Iterator[float], errors: Console) -> None:
    """Show the seconds that are left: each of them on a terminal, the first in a log."""
    text = "the fence is set; the application may write in"
    with errors.status("") as shown:
        for number, left in enumerate(steps):
            shown.update(f"{text} {left:.0f} s")
            if not number:
                say(errors, f"{text} {left:.0f} s")


def _give_up(joint: Cutover, journal: Journal, errors: Console, error: PartlyFenced) -> None:
    """Remove the fences that this run has set: all tables are cut over, or none."""
    fenced = ", ".join(map(str, error.fenced))
    say(errors, f"{error}; the fences that were just set are removed again: {fenced}")
    tried = {*error.fenced, error.table}
    try:
        set_now = Cutover.of([one for one in joint.keepers if one.table in tried])
    except SideFault as fault:
        raise Unfinished(
            f"some fences are set, and could not be removed; run it again, or with --undo ({fault})"
        ) from fault
    removed(set_now, journal, errors)
    say(errors, f"no fence of this run is left. Behind it change hints were skipped: {fenced}")


def _tell_stop(joint: Cutover, errors: Console) -> None:
    now, found = joint.clock.now(), Cutover.of(joint.keepers)
    if not found.fences:
        say(errors, "stopped: no fence is set, and nothing was changed")
        return
    unfenced = ", ".join(str(one.table) for one in found.unfenced)
    left = max(fence_left_s(one, now) for one in found.fences.values())
    what = f"the fence is set, and late writes may win for {left:.0f} s more"
    if unfenced:
        what = f"{len(found.fences)} of {len(found.keepers)} fences are set, but not of {unfenced}"
    say(
        errors,
        f"stopped: {what}. The application must not write yet: run this again, or with --undo",
    )


def _tell(seen: Sequence[TableStatus], names: _Names, out: Console, *, json: bool) -> None:
    ended, downtime_s = _ended(seen), _downtime_s(seen)
    trees = [view.as_tree(one) for one in view.worst_first(seen)]
    if json:
        tree = {
            "tables": trees,
            "cut_over": ended is Status.DONE,
            "downtime_seconds": None if downtime_s is None else round(downtime_s, 1),
        }
        conclude(tree, _next(seen, names))
        return
    for tree in trees:
        if len(trees) == 1 or not tree["open"]:
            view.show(tree, out)
        else:
            say(out, f"{tree['table']}: {view.standing(tree)}")
    say(out, _verdict(seen, downtime_s))
    conclude(None, _next(seen, names))


def _verdict(seen: Sequence[TableStatus], downtime_s: float | None) -> str:
    these = "this table" if len(seen) == 1 else f"these {len(seen)} tables"
    if _ended(seen) is Status.DONE:
        took = "" if downtime_s is None else f" Downtime until then: {span(downtime_s)}."
        return (
            f"Hintferry no longer changes {these}.{took} Let the application write."
            f"{_not_before(seen)}"
        )
    fenced = sum(one.fence is not None for one in seen)
    if not fenced:
        return "No table is cut over." if len(seen) > 1 else "Nothing was changed."
    if fenced < len(seen):
        return (
            f"{fenced} of {len(seen)} tables have a fence: the application must not write yet."
            " Fix what is shown and run this again, or with --undo."
        )
    return "The fence is set, but not waited out yet: run this again, or with --undo."


def _not_before(seen: Sequence[TableStatus]) -> str:
    """Say until when a late write would still get what an ALTER gives the table."""
    upto = max((arrived_at(one.fence) for one in seen if one.fence is not None), default=0.0)
    is_past = all(one.now >= upto for one in seen)
    return "" if is_past else f" Alter no table before {clock(upto)}."


def _downtime_s(seen: Sequence[TableStatus]) -> float | None:
    """Return the seconds from the first stop to the last cutover; None if that is not known."""
    fences = [one.fence for one in seen if one.fence is not None]
    stops = [one.stopped_at for one in fences if one.stopped_at is not None]
    if len(stops) < len(seen):
        return None
    return max(map(cutover_at, fences)) - min(stops)


def _next(seen: Sequence[TableStatus], names: _Names) -> list[NextStep]:
    """Return nothing after a cutover: it is the last stage."""
    ended = _ended(seen)
    again = "status" if ended is Status.NEGATIVE else "cutover"
    return next_steps(again, ended, names.arguments, names.config)


def _ended(seen: Sequence[TableStatus]) -> Status:
    if all(one.standing is Standing.CUTOVER for one in seen):
        return Status.DONE
    is_fenced = any(one.fence is not None for one in seen)
    return Status.UNFINISHED if is_fenced else Status.NEGATIVE


def _tell_undone(meant: Sequence[TableId], names: _Names, out: Console, *, json: bool) -> None:
    steps = next_steps("cutover --undo", Status.DONE, names.arguments, names.config)
    if json:
        conclude({"tables": list(map(str, meant)), "cut_over": False}, steps)
        return
    for table in meant:
        say(out, f"{table} is no longer cut over")
    conclude(None, steps)
