"""The verb `cutover`: the gate is watched until it opens, the fence set and waited out."""

from __future__ import annotations

import json as json_text
import time
from typing import Annotated, Any

import typer
from rich.console import Console

from hintferry.adapters.settings import migration_from
from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry.core.limits import CUT_OVER_WAIT_S
from hintferry.cutover import Gatekeeper
from hintferry_cli.failures import Settings, Status, told_plainly
from hintferry_cli.gate import options, view
from hintferry_cli.gate.view import Look, Standing
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import place, places
from hintferry_cli.spans import span
from hintferry_cli.tables import table_id

HELP = "\n\n".join(
    (
        "Hand a table over: from then on nothing of Hintferry's writes it.",
        "Stop the writers, then run it. It watches the gate until it opens (as `hintferry status`"
        f" shows it), sets the table's fence, and returns {CUT_OVER_WAIT_S:.0f} s later, when"
        " nothing that began before can still write. Where something is in the way it changes"
        " nothing and says what. A run that was ended can be run again.",
        "--undo takes the fence away, for as long as the application has not written the target:"
        " what was skipped meanwhile has then to be swept.",
        "[bold]Examples[/bold]",
        "  hintferry cutover shop.orders --writes-stopped now --writers-at-quorum",
        "  hintferry cutover shop.orders --writes-stopped 2026-11-26T14:03:20Z --json",
        "  hintferry cutover shop.orders --undo",
        "Exit status: 0 it is cut over (or taken back), 1 the gate is shut and nothing was done,"
        " 2 the call or the configuration is wrong.",
    )
)


def cutover(
    context: typer.Context,
    table: Annotated[str, typer.Argument(metavar="KEYSPACE.TABLE", help="The table.")],
    writes_stopped: options.WritesStopped = None,
    repaired: options.Repaired = None,
    writers_at_quorum: options.WritersAtQuorum = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the fence away again.")] = False,
    json: Json = False,
    config: Config = CONFIG,
    parked_queue_url: Annotated[str, place("--parked-queue-url", "URL of the parked queue.")] = "",
    replay_queue_url: Annotated[str, place("--replay-queue-url", "URL of the replay queue.")] = "",
    bucket: Annotated[str, place("--bucket", "Name of the on-failure bucket.")] = "",
) -> None:
    errors, out = Console(stderr=True), Console()
    with told_plainly(context.find_object(Settings) or Settings(debug=False)):
        name = table_id(table)
        answers = options.answers(writes_stopped, repaired, writers_at_quorum)
        if undo and (writes_stopped or repaired or writers_at_quorum):
            raise ConfigurationError("--undo goes alone: it looks at no gate")
        migration = migration_from(config)
        where = places(parked_queue_url, replay_queue_url, bucket)
        with options.seat(migration, [name], where) as seat:
            keeper = seat.keeper(name, answers)
            if undo:
                keeper.take_back()
                _tell_undone(str(name), out, json=json)
                return
            look = _cut_over(keeper, errors)
    _tell(look, out, json=json)
    if not look.is_fenced:
        raise typer.Exit(Status.FAILED)


def _cut_over(keeper: Gatekeeper, errors: Console) -> Look:
    """The last look at the gate; behind the fence if it was open."""
    look = _watched(keeper, errors)
    if look.standing not in (Standing.OPEN, Standing.CUT_OVER):
        return look
    _say(errors, f"setting the fence; nothing older can write {CUT_OVER_WAIT_S:.0f} s from then")
    try:
        with errors.status("") as shown:
            for left in keeper.hand_over():
                shown.update(f"nothing older can write in {left:.0f} s")
    except KeyboardInterrupt:
        _say(errors, "stopped: the fence is set, but was not waited out; run it again, or --undo")
        raise
    except HintferryError as error:
        raise ConfigurationError(
            f"the fence may be set, but was not waited out: run it again, or with --undo ({error})"
        ) from error
    return Look(look.facts, look.conditions, is_fenced=True)


def _watched(keeper: Gatekeeper, errors: Console) -> Look:
    """A table that is behind its fence already is only waited out: the last run may have ended."""
    is_fenced = keeper.fences.is_fenced(keeper.table.id)
    said = ""
    for facts, conditions in keeper.watch():
        look = Look(facts, conditions, is_fenced)
        text = "; ".join(view.open_points(look))
        if is_fenced:
            break
        if text != said:
            _say(errors, text or "the gate is open")
        said = text
    return look


def _tell(look: Look, out: Console, *, json: bool) -> None:
    stopped_at = look.facts.answers.stopped_at
    downtime_s = None if stopped_at is None else time.time() - stopped_at
    if json:
        tree: dict[str, Any] = view.as_tree(look)
        tree["downtime_seconds"] = downtime_s and round(downtime_s, 1)
        typer.echo(json_text.dumps(tree))
        return
    view.show(view.as_tree(look), out)
    if look.is_fenced:
        took = "" if downtime_s is None else f" Downtime so far: {span(downtime_s)}."
        _say(out, f"Nothing of Hintferry's writes it any more.{took} Let the application write.")
    else:
        _say(out, "Nothing was done.")


def _tell_undone(table: str, out: Console, *, json: bool) -> None:
    if json:
        typer.echo(json_text.dumps({"table": table, "cut_over": False}))
    else:
        _say(out, f"{table} is not cut over any more; now: hintferry verify {table} --repair")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
