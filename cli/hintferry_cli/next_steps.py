"""Know the order of a migration, and say after each verb what comes next."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from hintferry.adapters.config.settings import CONFIG_VARIABLE
from hintferry_cli.console import console, say
from hintferry_cli.exits import Status
from hintferry_cli.options import CONFIG

JSON_VERSION = 1
"""The shape of what `--json` prints: it rises when a name gets another meaning, or goes."""

DEPLOY = 'make cdk ARGS="deploy --all"'


@dataclass(frozen=True, slots=True)
class NextStep:
    """Hold what to call next, and why. `deploy` is no verb of the command."""

    verb: str
    arguments: tuple[str, ...]
    why: str

    @property
    def command(self) -> str:
        """Return what to type."""
        if self.verb == "deploy":
            return DEPLOY
        return shlex.join(["hintferry", self.verb, *self.arguments])


@dataclass(frozen=True, slots=True)
class _Stage:
    """Hold a stage of the migration: its options, and why it is next."""

    verb: str
    options: tuple[str, ...]
    why: str
    takes_tables: bool = False


_ORDER = (
    _Stage("init", (), "write migration.toml and schema.cql from the live source"),
    _Stage("preflight", ("--only", "source"), "find out what the source lacks"),
    _Stage("schema", (), "read the statements that make the tables"),
    _Stage("deploy", (), "make the tables, the topics and the functions"),
    _Stage("backfill", (), "copy the rows, once `hintferry preflight` finds no fault", True),
    _Stage(
        "verify",
        ("--consistency", "all"),
        "compare both sides, 45 s after the backfill at the earliest",
        True,
    ),
    _Stage("status", (), "see what the cutover still needs"),
    _Stage("cutover", ("--writes-stopped", "now"), "stop the writers, and hand over", True),
)
"""The one place that knows the order of a migration."""

_BESIDE: Mapping[str, NextStep] = {
    "size": NextStep("cost", (), "see what it costs"),
    "assess": NextStep("schema", (), "read the statements that make the tables"),
    "cost": NextStep("schema", (), "read the statements that make the tables"),
    "prices": NextStep("cost", (), "see what it costs at these prices"),
    "statements": NextStep("schema", (), "read the statements that make the tables"),
    "env": NextStep("preflight", (), "check both sides and the connectors"),
    "replay": NextStep("status", (), "see whether anything is still parked"),
    "resume": NextStep("status", (), "see whether the tables catch up"),
}
"""What comes after a verb that stands beside the order."""


def next_steps(
    verb: str,
    status: Status,
    tables: Sequence[str] = (),
    config: Path = CONFIG,
    options: Sequence[str] = (),
) -> list[NextStep]:
    """Return what to call after this verb has ended so.

    `tables`: as its arguments name them; `options`: what else the same call must have again.
    """
    found = _after(verb, status, tuple(tables), tuple(options))
    return [
        NextStep(one.verb, (*one.arguments, *_config(one.verb, config)), one.why) for one in found
    ]


def conclude(tree: Mapping[str, Any] | None, steps: Sequence[NextStep]) -> None:
    """End a verb: print its result as JSON, or else, where `tree` is None, the next steps."""
    if tree is None:
        tell(steps, console(stderr=True))
    else:
        typer.echo(as_json(tree, steps))


def tell(steps: Sequence[NextStep], on: Console) -> None:
    """Print each step: why, and on a line of its own what to type."""
    for why, alike in groupby(steps, lambda one: one.why):
        say(on, f"next: {why}:")
        for one in alike:
            say(on, f"  {one.command}")


def as_json(tree: Mapping[str, Any], steps: Sequence[NextStep]) -> str:
    """Return what a verb prints with `--json`: its result, the version and the next steps."""
    return json.dumps(
        {"version": JSON_VERSION, **tree, "next_steps": [asdict(one) for one in steps]}
    )


def _after(
    verb: str, status: Status, tables: tuple[str, ...], options: tuple[str, ...]
) -> list[NextStep]:
    if status is Status.UNFINISHED:
        return [NextStep(verb, (*tables, *options), "go on with what is not finished")]
    if status is Status.UNAVAILABLE:
        return [NextStep(verb, (*tables, *options), "try again: a side or AWS did not answer")]
    if status is Status.NEGATIVE:
        return _after_no(verb, tables, options)
    if verb == "pause":
        return [NextStep("resume", tables, "let it go on, within a day")]
    if verb == "throttle":
        return [NextStep("throttle", (*tables, "--off"), "take the bounds away again")]
    if verb == "migrate":
        return _following("status", tables)
    if verb == "killed rehearsal":
        return [NextStep("cutover", (*tables, "--undo"), "remove the fence of the rehearsal")]
    if verb in ("cutover --undo", "cutover --rehearse"):
        why = "compare both sides: behind the fence change hints were skipped"
        return [NextStep("verify", (*tables, "--consistency", "all"), why)]
    if verb in _BESIDE:
        return [_BESIDE[verb]]
    return _following(verb, tables)


def _after_no(verb: str, tables: tuple[str, ...], options: tuple[str, ...]) -> list[NextStep]:
    if verb == "verify":
        return [
            NextStep(
                "verify", (*tables, "--repair"), "send a change hint of each key that differs"
            ),
            NextStep(
                "verify", (*tables, "--consistency", "all"), "compare again once that has arrived"
            ),
        ]
    if verb == "backfill":
        return [NextStep("replay", tables, "send what is parked again, once its cause is fixed")]
    return [NextStep(verb, (*tables, *options), "check again, once what it found is fixed")]


def _following(verb: str, tables: tuple[str, ...]) -> list[NextStep]:
    names = [one.verb for one in _ORDER]
    if verb not in names or verb == names[-1]:
        return []
    way = _ORDER[names.index(verb) + 1]
    if way.verb == "cutover" and not tables:
        return []
    return [NextStep(way.verb, (*(tables if way.takes_tables else ()), *way.options), way.why)]


def _config(verb: str, config: Path) -> tuple[str, ...]:
    """Return the option that names the configuration, where the next call would not find it."""
    if config == CONFIG or os.environ.get(CONFIG_VARIABLE) == str(config):
        return ()
    return () if verb in ("deploy", "size", "prices") else ("--config", str(config))
