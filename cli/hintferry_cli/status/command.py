"""Run `hintferry status`: check every table, once, until all can be cut over, or for a browser."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hintferry.adapters.config.settings import migration_from
from hintferry_cli.console import console, say
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.gate import clocks, options, validation, view
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.next_steps import conclude
from hintferry_cli.options import CONFIG, TO_STDOUT, Config, Html, Json, check_outputs
from hintferry_cli.pages.migration import migration_page
from hintferry_cli.pages.page import write_to
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.status import screen, serve
from hintferry_cli.status.watcher import Watcher, Whole
from hintferry_cli.tables import All, Tables, chosen_or_all
from hintferry_ops.cutover.gate.condition import ConditionState
from hintferry_ops.cutover.gatekeeper import LOOK_EVERY_S

LONGEST_S = 12 * 3600.0

HELP = "\n\n".join(
    (
        "Show whether tables can be cut over, why not, and what to type.",
        "Of several tables it shows the sums, and a line for each, the worst first; of one table it"
        " shows every condition.",
        "It draws a marker of each table: every node settles it once all changes from before it"
        " have arrived. It also checks the queues, the bucket and the recorded passes, and changes"
        " nothing else.",
        "--serve shows the same in a browser, with how it went since it began, until Ctrl-C. The"
        " page is for this machine only, unless --address says otherwise.",
        "Examples",
        "  hintferry status",
        "  hintferry status shop.orders --watch",
        "  hintferry status shop.orders --writes-stopped now --writers-at-quorum --json",
        "  hintferry status --html migration.html",
        "  hintferry status --serve",
        statuses(
            "every table is ready for its cutover once writes stop (or only needs to wait)",
            negative="a condition does not hold, or a fence is not waited out yet",
            unavailable="no condition fails, but a side or AWS did not answer: try again",
        ),
    )
)

_IN_A_BROWSER = "In a browser"


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold how the verb is to answer."""

    watch: bool
    json: bool
    html: Path | None
    listen: serve.Listen | None


def status(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check until every table can be cut over.")
    ] = False,
    json: Json = False,
    html: Html = None,
    serves: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve a page that keeps itself up to date, until Ctrl-C.",
            rich_help_panel=_IN_A_BROWSER,
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="With --serve: the port. 0 takes a free one.",
            rich_help_panel=_IN_A_BROWSER,
        ),
    ] = serve.PORT,
    address: Annotated[
        str,
        typer.Option(
            help="With --serve: the address of this machine to listen on. Everybody who reaches an"
            " address other than loopback can read the page: it asks for no login.",
            rich_help_panel=_IN_A_BROWSER,
        ),
    ] = serve.LOOPBACK,
    writes_stopped: options.WritesStopped = None,
    repaired: options.Repaired = None,
    writers_at_quorum: options.WritersAtQuorum = False,
    config: Config = CONFIG,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        check_outputs(html, json=json)
        listen = serve.listen(address, port) if serves else None
        serve.check_alone(listen, address, port, alone=not (watch or json or html))
        migration = migration_from(config)
        where = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        confirmations = options.confirmations(writes_stopped, repaired, writers_at_quorum)
        chosen = chosen_or_all(migration, config, tables, every=every)
        with options.seat(migration, chosen, where) as seat:
            keepers = [seat.keeper(one, confirmations) for one in chosen]
            watcher = Watcher(migration, config, seat, keepers)
            ended = _answer(watcher, _Call(watch, json, html, listen))
    if ended is not Status.DONE:
        raise typer.Exit(ended)


def _answer(watcher: Watcher, call: _Call) -> Status:
    """Answer as the call says, and return how the verb ends."""
    if call.listen is not None:
        serve.until_interrupted(watcher, call.listen, console(stderr=True))
    whole = watcher.look(settle=True)
    if call.watch:
        whole = _watched(watcher, whole, console(stderr=True))
    _tell(whole, call)
    return _ended(whole.statuses)


def _ended(statuses: Sequence[TableStatus]) -> Status:
    """Return the worst of all: what is in the way outweighs what could not be seen."""
    if any(map(_is_in_the_way, statuses)):
        return Status.NEGATIVE
    return Status.DONE if all(status.is_seen for status in statuses) else Status.UNAVAILABLE


def _is_in_the_way(status: TableStatus) -> bool:
    if status.is_seen:
        return status.standing in (Standing.SHUT, Standing.FENCED, Standing.REHEARSED)
    # The first says that a side is away.
    return any(one.state is ConditionState.FAILS for one in status.conditions[1:])


def _watched(watcher: Watcher, whole: Whole, errors: Console) -> Whole:
    """Check until every gate is open; a terminal shows each check, a log each change."""
    end = time.monotonic() + LONGEST_S
    shown: dict[str, str] = {}
    with Live(console=errors, auto_refresh=False, transient=True) as live:
        while any(one.standing not in (Standing.OPEN, Standing.CUTOVER) for one in whole.statuses):
            if errors.is_terminal:
                live.update(Group(*_on_terminal(whole, errors)), refresh=True)
            for status in whole.statuses if not errors.is_terminal else ():
                name, text = str(status.table), "\n".join(_lines(status))
                if shown.get(name) != text:
                    say(errors, text)
                shown[name] = text
            if time.monotonic() > end:
                break
            time.sleep(LOOK_EVERY_S)
            whole = watcher.look()
    return whole


def _on_terminal(whole: Whole, errors: Console) -> Iterator[Text]:
    if len(whole.trees) == 1:
        yield from map(Text, _lines(whole.statuses[0]))
        return
    yield from map(Text, screen.told_sums(whole.sums))
    yield from screen.lines(whole.trees, errors, errors.height - screen.AROUND)


def _lines(status: TableStatus) -> Iterator[str]:
    yield f"{status.table}: {view.standing(view.as_tree(status))}"
    yield from (f"  {one}" for one in view.open_points(status))


def _tell(whole: Whole, call: _Call) -> None:
    out = console()
    if call.html is not None:
        write_to(call.html, migration_page(whole.tree, whole.steps))
    if not call.json and call.html != TO_STDOUT:
        if len(whole.trees) == 1:
            view.show(whole.trees[0], out)
        else:
            screen.show(whole.trees, whole.sums, out)
        if whole.validation is not None:
            say(out, validation.told(whole.validation))
        say(out, clocks.told(whole.clocks))
    conclude(whole.tree if call.json else None, whole.steps)
