"""Test the verbs that switch and the journal as they are called; the target is a fake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from hintferry.adapters.config.settings import Migration
from hintferry.core.errors import Side, Unreachable
from hintferry.core.journal import Entry
from hintferry.core.switches import ALL, Rates
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.switches import MemoryJournal, MemorySwitches
from hintferry_cli.app import app
from hintferry_cli.replay import command as replaying
from hintferry_cli.replay.choice import Choice
from hintferry_cli.switches import command
from hintferry_ops import wiring
from hintferry_ops.switches.control import Control
from tests.cli.conftest import Deployment
from tests.cli.test_schema_command import HEAD

ORDERS = "shop.orders"


@dataclass
class Desk:
    """Where the command is called."""

    config: Path
    switches: MemorySwitches = field(default_factory=MemorySwitches)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    is_away: bool = False

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(self.config)])

    @contextmanager
    def control(self, _migration: Migration, who: str) -> Iterator[Control]:
        clock = ScriptedClock(SimulatedTime())
        self.check()
        yield Control(self.switches, self.journal, clock, who)

    @contextmanager
    def kept(self, _migration: Migration) -> Iterator[MemoryJournal]:
        self.check()
        yield self.journal

    def check(self) -> None:
        if self.is_away:
            raise Unreachable(Side.TARGET, "cannot connect: no route")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    config = tmp_path / "migration.toml"
    config.write_text(HEAD + f'[tables."{ORDERS}"]\n[tables."shop.visits"]\n')
    desk = Desk(config)
    monkeypatch.setattr(wiring, "control", desk.control)
    monkeypatch.setattr(wiring, "journal", desk.kept)
    for module in (command, replaying):
        monkeypatch.setattr(module, "caller", lambda: "arn:aws:iam::1:user/alice")
    return desk


def test_a_pause_and_its_end_are_in_the_journal(desk: Desk) -> None:
    paused = desk.run("pause", ORDERS, "--reason", "repair of node 3")
    assert (paused.exit_code, paused.stdout) == (
        0,
        "shop.orders: paused. The functions go by it within 5 s.\n",
    )
    resumed = desk.run("resume", ORDERS, "--json")
    told = json.loads(resumed.stdout)
    assert (told["effective_within_seconds"], told["tables"][0]["verb"]) == (5.0, "resume")
    latest, first = desk.run("journal").stdout.splitlines()
    assert "shop.orders  resume: paused since" in latest
    assert first.endswith(
        "shop.orders  pause: runs → paused, by arn:aws:iam::1:user/alice (repair of node 3)"
    )


def test_all_tables_are_switched_together_and_told_with_each(desk: Desk) -> None:
    assert desk.run("throttle", "--all", "--source", "500").stdout == (
        "all tables: throttled: source 500/s. The functions go by it within 5 s.\n"
    )
    assert desk.switches.read()[ALL].rates == Rates(source=500)
    told = json.loads(desk.run("journal", ORDERS, "--json").stdout)["entries"]
    assert [(one["table"], one["verb"], one["new"]) for one in told] == [
        ("*", "throttle", "source 500/s")
    ]
    assert desk.run("throttle", "--all", "--off").exit_code == 0
    assert desk.switches.read()[ALL].rates == Rates()


def test_a_time_leaves_out_what_was_earlier(desk: Desk) -> None:
    desk.journal.add(Entry(1_000.0, ORDERS, "pause", "alice"))
    assert desk.run("journal", "--since", "2026-01-01T00:00:00Z").stdout == (
        "nothing is written down of that\n"
    )
    assert "1970-01-01" in desk.run("journal", "--since", "1970-01-01T00:00:00Z").stdout
    assert desk.run("journal", "--since", "yesterday").exit_code == 2


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["pause", "shop.others"], "shop.others is not a table of "),
        (["pause", "orders"], "write shop.orders"),
        (["pause"], "give tables as keyspace.table, keyspaces, groups, waves, or --all alone"),
        (["pause", ORDERS, "--all"], "or --all alone"),
        (["resume", ORDERS], "shop.orders is not paused; nothing was changed"),
        (["resume", "--all"], "all tables are not paused; nothing was changed"),
        (["throttle", ORDERS], "give --source, --target or --repair; or --off alone"),
        (["throttle", ORDERS, "--off", "--source", "9"], "or --off alone"),
        (["throttle", ORDERS, "--off"], "shop.orders has no bound"),
        (["throttle", ORDERS, "--source", "5"], "give 6 to 1,000,000 a second, one for each of 6"),
        (["throttle", "--all", "--target", "49"], "give 50 to"),
        (["throttle", ORDERS, "--repair", "0"], "--repair 0 is not possible"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_changes_nothing(
    call: list[str], says: str, desk: Desk
) -> None:
    result = desk.run(*call)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert says in line
    assert not desk.journal.kept
    assert not desk.switches.read()


@pytest.mark.parametrize("call", [["pause", ORDERS], ["resume", "--all"], ["journal"]])
def test_a_target_that_is_away_is_said_so(call: list[str], desk: Desk) -> None:
    desk.is_away = True
    result = desk.run(*call)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("hintferry: target: cannot connect: no route; ")


def test_what_is_done_by_half_says_how_to_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(desk.switches, "set_pause", away)
    result = desk.run("pause", ORDERS)
    assert result.exit_code == 4
    assert "the switch may not be set: run it again" in result.stderr


def test_a_replay_is_in_the_journal_and_a_dry_run_is_not(deployment: Deployment) -> None:
    deployment.park()
    deployment.run("--dry-run")
    assert deployment.noted == []
    deployment.run(ORDERS, "--reason", "schema")
    assert deployment.noted == [Choice((ORDERS,), "schema")]


def test_the_entry_of_a_replay_names_what_was_chosen(desk: Desk) -> None:
    errors = Console(file=StringIO(), width=200)
    replaying.note(desk.config, Choice((ORDERS,), "schema"), errors)
    replaying.note(desk.config, Choice(), errors)
    replaying.note(Path("no-such.toml"), Choice(), errors)
    desk.is_away = True
    replaying.note(desk.config, Choice(), errors)
    named = [(one.table, one.verb, one.new) for one in desk.journal.kept]
    assert named == [(ORDERS, "replay", "--reason schema"), (ALL, "replay", "")]
    assert isinstance(errors.file, StringIO)
    assert errors.file.getvalue() == (
        "this replay is not in the journal: no-such.toml does not exist; name it with --config\n"
        "this replay is not in the journal: target: cannot connect: no route; check its address and"
        " port, and the network in between\n"
    )
