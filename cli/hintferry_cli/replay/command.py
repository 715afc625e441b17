"""Run `hintferry replay`: its options, and the way from the first check to the result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import boto3
import typer
from rich.console import Console

from hintferry.adapters.config.places import Queues
from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError, HintferryError, SideFault, Unprocessable
from hintferry.core.journal import Entry
from hintferry.core.open_item import OpenItem
from hintferry.core.schema import TableId
from hintferry.core.switches import ALL
from hintferry.ports import OpenItems
from hintferry_cli.console import console, say
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, sentence, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.replay import view
from hintferry_cli.replay.choice import REASONS, Choice
from hintferry_cli.replay.given_up import GivenUpObjects, replay_given_up
from hintferry_cli.replay.parked import ParkedQueue, replay_parked
from hintferry_cli.replay.sender import Sender
from hintferry_cli.replay.tally import Tally
from hintferry_cli.switches.caller import caller
from hintferry_cli.tables import All, Tables, chosen
from hintferry_ops import wiring

LONGEST_S = 6 * 3600.0
"""A run ends after this, however much is left."""

HELP = "\n\n".join(
    (
        "Replay parked records, and those that were sent to the on-failure destination.",
        "It sends each record to the replay queue, and only then deletes it from where it waits."
        " The processor reads the key again, so replaying twice, or late, changes nothing. A record"
        " that still cannot succeed is parked again.",
        f"Reasons: {', '.join(REASONS)}.",
        "Examples",
        "  hintferry replay --dry-run",
        "  hintferry replay shop.orders --reason schema",
        "  hintferry replay --rate 50 --json",
        statuses(
            "all chosen records are sent",
            unfinished="a record is left where it was: the result says which; run it again",
        ),
    )
)


def replay(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    reason: Annotated[str | None, typer.Option(help="Only records with this reason.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; print what would be sent.")
    ] = False,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Messages a second at most.", show_default="any")
    ] = None,
    json: Json = False,
    config: Config = CONFIG,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    errors, out = console(stderr=True), console()
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        choice = Choice(_chosen(config, tables, every=every), reason)
        where = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        with open_items(config) as items:
            run = _begun(where, choice, rate, None if dry_run else items)
            if not dry_run:
                note(config, choice, errors)
            try:
                view.follow(run.steps(), run.tally, run.about, errors)
            finally:
                run.queue.release()
    is_left = bool(run.tally.total.failed or run.tally.unfinished)
    status = Status.UNFINISHED if is_left else Status.DONE
    if not json:
        view.show(run.tally, out, errors, dry_run=dry_run)
    tree = view.as_tree(run.tally, dry_run=dry_run) if json else None
    conclude(tree, next_steps("replay", status, tables or (), config))
    if is_left:
        raise typer.Exit(status)


def _chosen(config: Path, names: list[str] | None, *, every: bool) -> tuple[str, ...]:
    """Return the tables whose records are replayed; none stands for all, of unknown tables too."""
    if not names:
        return ()
    return tuple(map(str, chosen(migration_from(config), config, names, every=every)))


@contextmanager
def open_items(config: Path) -> Iterator[OpenItems]:
    """Yield the rows of the messages that wait: a payload's records have none yet.

    Raises ConfigurationError.
    """
    if not config.exists():
        yield UnknownItems(f"{config} does not exist; name it with --config")
        return
    with wiring.open_items(migration_from(config)) as found:
        yield found


@dataclass(frozen=True, slots=True)
class UnknownItems:
    """Stand in for the rows where nothing says which target has them."""

    why: str

    def open(self, items: Sequence[OpenItem]) -> list[HintferryError | None]:
        """Keep none: the gate of a cutover could not see what is sent."""
        return [ConfigurationError(self.why) for _ in items]

    def close(self, items: Sequence[tuple[str, bytes]]) -> list[HintferryError | None]:
        """Let none go: there is none."""
        return [None for _ in items]

    def of(self, table: TableId) -> list[OpenItem]:
        """Raise ConfigurationError: nobody knows."""
        raise ConfigurationError(self.why)


def note(config: Path, choice: Choice, errors: Console) -> None:
    """Write into the journal that a replay begins, or say on `errors` why that cannot be done.

    Only the configuration says where the journal is; a replay with all places given needs none.
    A target that is away holds up no replay. Raises ConfigurationError.
    """
    missing = f"{config} does not exist; name it with --config"
    if config.exists():
        reason = f"--reason {choice.reason}" if choice.reason else ""
        now, who = time.time(), caller()
        entries = [Entry(now, one, "replay", who, new=reason) for one in choice.tables or (ALL,)]
        missing = _entered(migration_from(config), entries)
    if missing:
        text = f"this replay is not in the journal: {missing}"
        say(errors, text)


def _entered(migration: Migration, entries: Sequence[Entry]) -> str:
    """Return why the journal does not take the entries, nothing where it does."""
    try:
        with wiring.journal(migration) as journal:
            for entry in entries:
                journal.add(entry)
    except (SideFault, Unprocessable) as error:
        return sentence(error)
    return ""


@dataclass(frozen=True, slots=True)
class _Run:
    queue: ParkedQueue
    objects: GivenUpObjects
    sender: Sender | None
    choice: Choice
    tally: Tally
    end: float

    @property
    def about(self) -> int:
        """Return about how many records there are; an object counts as one."""
        return self.queue.waiting + len(self.objects.keys)

    def steps(self) -> Iterator[None]:
        """Go through everything once."""
        common = self.sender, self.choice, self.tally, self.end
        yield from replay_parked(self.queue, *common)
        yield from replay_given_up(self.objects, *common)
        if time.monotonic() > self.end:
            self.tally.unfinished = f"stopped at the limit of {LONGEST_S / 3600:.0f} hours"


def _begun(where: Queues, choice: Choice, rate: int | None, items: OpenItems | None) -> _Run:
    """Start a run; wrong queues or a wrong bucket fail here, before anything is moved."""
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    sqs.get_queue_attributes(QueueUrl=where.replay_queue_url, AttributeNames=["QueueArn"])
    sender = None if items is None else Sender(sqs, where.replay_queue_url, rate, items)
    objects = GivenUpObjects(s3, where.bucket)
    queue = ParkedQueue(sqs, where.parked_queue_url)
    return _Run(queue, objects, sender, choice, Tally(), time.monotonic() + LONGEST_S)
