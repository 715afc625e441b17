"""Test the scheduler of `hintferry migrate` on tables in memory, and what it says meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from hintferry.adapters.config.groups import Wave
from hintferry.adapters.config.settings import TableSettings, migration_from
from hintferry.core.errors import ConfigurationError, HintferryError, Side, Unreachable
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry.testing.fences import FENCE
from hintferry_cli.app import app
from hintferry_cli.exits import Status
from hintferry_cli.migrate import command, dry_run, scheduler, view
from hintferry_cli.migrate.scheduler import Scheduler, Seen, fence_stands
from hintferry_cli.migrate.table_run import ActEnd, TableRun, runs_of
from hintferry_cli.sweep.bill import PassPrice
from hintferry_ops.cost.estimate import Estimate
from hintferry_ops.cost.prices import price_book
from hintferry_ops.cutover.gate import passes
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.plan.stage import Act, Stage
from hintferry_ops.wiring import Seat
from tests.unit.ops.test_gate import CLEAN, PROGRESS, third
from tests.unit.ops.test_gatekeeper import Scene
from tests.unit.ops.test_stage import RUNNING

NAMES = [TableId("shop", f"t{number}") for number in range(12)]
PROOF = CLEAN.proof


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "LATE_WRITES_S", 0.05)
    for name, seconds in (("STEP_S", 0.02), ("LOOK_AGAIN_S", 0.02)):
        monkeypatch.setattr(scheduler, name, seconds)


class World:
    """Tables whose passes lie in memory, as those of a migration lie on the target."""

    def __init__(self) -> None:
        self.passes: dict[TableId, list[Pass]] = {}
        self.changes: dict[TableId, dict[str, Any]] = {}
        self.fences: dict[TableId, Fence] = {}
        self.errors: dict[TableId, list[HintferryError]] = {}
        self.unequal: dict[TableId, int] = {}
        """How many verify passes of a table find a difference yet."""

        self.before: Callable[[TableRun, Act], None] = lambda run, act: None
        self.acts: list[tuple[TableId, Act]] = []
        self.most_at_once = 0
        self._working, self._lock = 0, Lock()

    def look(self, table: TableId) -> Seen:
        now = time.time()
        if table in self.fences:
            return Seen(now, None, self.fences[table])
        found = sorted(self.passes.get(table, []), key=lambda one: one.began, reverse=True)
        arrived = replace(PROGRESS, reached_at=now)
        facts: Facts = replace(RUNNING, table=table, now=now, arrival=arrived, passes=found)
        return Seen(now, replace(facts, **self.changes.get(table, {})))

    def do(self, run: TableRun, act: Act, stopping: Event) -> ActEnd:
        with self._lock:
            self._working += 1
            self.most_at_once = max(self.most_at_once, self._working)
            self.acts.append((run.table, act))
        try:
            self.before(run, act)
            if self.errors.get(run.table):
                raise self.errors[run.table].pop(0)
            return self._done(run.table, act)
        finally:
            with self._lock:
                self._working -= 1

    def _done(self, table: TableId, act: Act) -> ActEnd:
        began = time.time()
        time.sleep(0.01)
        is_clean = True
        if act is not Act.BACKFILL and self.unequal.get(table):
            self.unequal[table], is_clean = self.unequal[table] - 1, False
        verb = Verb.BACKFILL if act is Act.BACKFILL else Verb.VERIFY
        sums = {"written" if verb is Verb.BACKFILL else "equal": 9}
        at_all = act is Act.VERIFY
        one = Pass(table, verb, began, time.time(), at_all, is_clean, sums, PROOF)
        self.passes.setdefault(table, []).append(one)
        return ActEnd(act, Status.DONE if is_clean else Status.NEGATIVE, "", sums, 0.01, 0.5)

    def run(
        self, tables: list[TableId], until: Stage = Stage.READY, at_once: int = 3
    ) -> list[TableRun]:
        runs = [TableRun(table, "all") for table in tables]
        for _ in Scheduler(runs, until, self.look, self.do, at_once).steps():
            pass
        return runs

    def acts_of(self, table: TableId) -> list[Act]:
        return [act for one, act in self.acts if one == table]


def ends(runs: list[TableRun]) -> list[tuple[Stage | None, Status | None]]:
    return [(run.stage, run.status) for run in runs]


def test_every_table_is_driven_until_only_its_writers_are_in_the_way() -> None:
    world = World()
    runs = world.run(NAMES)
    assert ends(runs) == [(Stage.READY, Status.DONE)] * len(NAMES)
    assert all(world.acts_of(one) == [Act.BACKFILL, Act.VERIFY] for one in NAMES)
    assert world.most_at_once == 3
    assert all(run.first is Stage.CAPTURED for run in runs)


def test_a_table_that_waits_for_time_takes_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the 45 s after each backfill would come one after the other."""
    monkeypatch.setattr(passes, "LATE_WRITES_S", 1.0)
    world, began = World(), time.monotonic()
    world.run(NAMES[:6], at_once=1)
    order = [act for _, act in world.acts]
    assert order == [Act.BACKFILL] * 6 + [Act.VERIFY] * 6
    assert time.monotonic() - began < 6 * 2.0


def test_the_tables_of_the_first_wave_come_first() -> None:
    world = World()
    world.run(NAMES, Stage.BACKFILLED, at_once=1)
    assert [table for table, _ in world.acts] == NAMES


@pytest.mark.parametrize(
    ("until", "acts"),
    [
        (Stage.CAPTURED, []),
        (Stage.BACKFILLED, [Act.BACKFILL]),
        (Stage.VERIFIED, [Act.BACKFILL, Act.VERIFY]),
    ],
)
def test_a_run_ends_at_the_stage_that_was_asked_for(until: Stage, acts: list[Act]) -> None:
    world = World()
    (run,) = world.run(NAMES[:1], until)
    assert (run.status, world.acts_of(NAMES[0])) == (Status.DONE, acts)


def test_a_second_run_goes_on_where_the_first_one_stopped() -> None:
    world = World()
    world.run(NAMES[:2], Stage.BACKFILLED)
    world.acts.clear()
    world.run(NAMES[:2])
    assert [act for _, act in world.acts] == [Act.VERIFY, Act.VERIFY]
    world.acts.clear()
    assert ends(world.run(NAMES[:2])) == [(Stage.READY, Status.DONE)] * 2
    assert world.acts == []


def test_what_a_verify_finds_is_repaired_once_and_compared_again() -> None:
    world = World()
    world.unequal = {NAMES[0]: 2, NAMES[1]: 9}
    runs = world.run(NAMES[:2])
    repaired = [Act.BACKFILL, Act.VERIFY, Act.REPAIR, Act.VERIFY]
    assert world.acts_of(NAMES[0]) == world.acts_of(NAMES[1]) == repaired
    assert ends(runs) == [(Stage.READY, Status.DONE), (Stage.BACKFILLED, Status.NEGATIVE)]
    assert "the last verify pass found differences" in runs[1].why
    assert "--repair" in runs[1].why


def test_a_table_that_fails_holds_no_other() -> None:
    world = World()
    world.errors = {
        NAMES[0]: [ConfigurationError("no such right; give it")],
        NAMES[1]: [Unreachable(Side.TARGET, "cannot connect")] * 9,
        NAMES[2]: [Unreachable(Side.TARGET, "cannot connect")],
    }
    runs = world.run(NAMES[:4])
    assert [run.status for run in runs] == [
        Status.UNUSABLE,
        Status.UNAVAILABLE,
        Status.DONE,
        Status.DONE,
    ]
    assert runs[0].why == "no such right; give it"
    assert world.acts_of(NAMES[1]) == [Act.BACKFILL] * scheduler.ATTEMPTS
    assert world.acts_of(NAMES[2]) == [Act.BACKFILL, Act.BACKFILL, Act.VERIFY]


def test_a_defect_at_one_table_is_told_and_holds_no_other() -> None:
    world = World()

    def fall(run: TableRun, act: Act) -> None:
        if run.table == NAMES[0]:
            raise ZeroDivisionError("division by zero")

    world.before = fall
    runs = world.run(NAMES[:2])
    assert [run.status for run in runs] == [Status.UNFINISHED, Status.DONE]
    assert "internal error (ZeroDivisionError: division by zero)" in runs[0].why


def test_a_table_that_needs_a_person_says_what_for() -> None:
    world = World()
    world.changes = {
        NAMES[0]: {"parked": {"schema": 2}},
        NAMES[1]: {"capture": third(schema_version=None)},
    }
    runs = world.run(NAMES[:3])
    assert [run.status for run in runs] == [Status.NEGATIVE, Status.NEGATIVE, Status.DONE]
    assert runs[0].stage is Stage.VERIFIED
    assert "2 records parked: schema 2; fix the cause, then run `hintferry replay" in runs[0].why
    assert "does not answer" in runs[1].why


def test_what_comes_by_itself_is_waited_for_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, looks = World(), iter(range(99))
    world.run(NAMES[:1])
    stuck = {"arrival": replace(PROGRESS, reached_at=None)}

    def look(table: TableId) -> Seen:
        world.changes = {table: stuck} if next(looks) < 3 else {}
        return World.look(world, table)

    runs = [TableRun(NAMES[0], "all")]
    for _ in Scheduler(runs, Stage.READY, look, world.do, 1).steps():
        pass
    assert ends(runs) == [(Stage.READY, Status.DONE)]
    monkeypatch.setattr(scheduler, "PATIENCE_S", 0.1)
    world.changes = {NAMES[0]: stuck}
    (run,) = world.run(NAMES[:1])
    assert (run.stage, run.status) == (Stage.VERIFIED, Status.NEGATIVE)
    assert "no marker was drawn" in run.why


def test_a_table_behind_its_fence_is_left_alone() -> None:
    world = World()
    world.fences = {
        NAMES[0]: Fence(time.time() - CUTOVER_WAIT_S - 1, None),
        NAMES[1]: Fence(time.time(), None),
        NAMES[2]: Fence(time.time() - CUTOVER_WAIT_S - 1, None, is_rehearsal=True),
    }
    runs = world.run(NAMES[:3])
    assert ends(runs) == [
        (Stage.CUT_OVER, Status.DONE),
        (Stage.READY, Status.NEGATIVE),
        (Stage.BACKFILLED, Status.NEGATIVE),
    ]
    assert "run `hintferry cutover shop.t1`" in runs[1].why
    assert "a rehearsal's fence stands: run `hintferry cutover shop.t2 --undo`" in runs[2].why
    assert world.acts == []


def test_an_interruption_stops_the_acts_that_are_under_way() -> None:
    world, stopped = World(), []

    def do(run: TableRun, act: Act, stopping: Event) -> ActEnd:
        assert stopping.wait(20)
        stopped.append(run.table)
        return ActEnd(act, Status.UNFINISHED, "stopped")

    runs = [TableRun(table, "all") for table in NAMES]
    with closing(Scheduler(runs, Stage.READY, world.look, do, 3).steps()) as steps:
        while sum(run.is_working for run in runs) < 3:
            next(steps)
    assert len(stopped) == 3
    assert all(run.status is None for run in runs)


def test_a_log_says_each_stage_that_a_table_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "FIRST_LINE_S", 0.0)
    world, out = World(), StringIO()
    world.errors = {NAMES[1]: [ConfigurationError("no such right; give it")]}
    world.unequal = {NAMES[0]: 2}
    runs = [TableRun(table, "all") for table in NAMES[:2]]
    steps = Scheduler(runs, Stage.READY, world.look, world.do, 2).steps()
    view.follow(steps, runs, Stage.READY, Console(file=out, width=80))
    told = out.getvalue()
    for line in (
        "shop.t0: captured\n",
        "shop.t0: backfilled\n",
        "shop.t0: verify was not clean: equal 9\n",
        "shop.t0: verify --repair was not clean: equal 9\n",
        "shop.t0: ready\n",
        "shop.t1: stopped: no such right; give it\n",
    ):
        assert line in told or line.replace("t1: ", "t1: captured: ") in told, told
    assert "2 tables: 2 not looked at yet\n" in told
    final = StringIO()
    view.show(runs, Stage.READY, 3.0, Console(file=final, width=200))
    assert "wave all: 1 of 2 ready\n  shop.t1: captured: no such right; give it\n" in (
        final.getvalue()
    )
    assert json.loads(json.dumps(view.as_tree(runs[1])))["error"] == "no such right; give it"


def test_a_terminal_shows_a_bar_for_each_table_that_is_worked_on() -> None:
    world, out = World(), StringIO()
    world.before = lambda run, act: time.sleep(0.3)
    runs = [TableRun(table, "all") for table in NAMES[:2]]
    steps = Scheduler(runs, Stage.BACKFILLED, world.look, world.do, 2).steps()
    console = Console(file=out, width=100, force_terminal=True, markup=False)
    view.follow(steps, runs, Stage.BACKFILLED, console)
    assert "backfill shop.t0" in out.getvalue()
    assert "all tables" in out.getvalue()


def test_a_dry_run_tells_every_act_with_what_is_known_of_it() -> None:
    world = World()
    bill = PassPrice(TableSettings(NAMES[0]), price_book().keyspaces("us-east-1"))

    def priced(table: TableId) -> tuple[Estimate, PassPrice]:
        return Estimate(1_000_000, 2_000_000), bill

    run = TableRun(NAMES[0], "all")
    acts = dry_run.planned(run, world.look(NAMES[0]), Stage.READY, priced)
    assert [one.act for one in acts] == ["backfill", "verify", "wait"]
    assert acts[0].usd is not None
    assert acts[0].seconds is not None
    assert acts[1].seconds is None
    out = StringIO()
    dry_run.show([(run, acts)], 8, Console(file=out, width=200))
    assert "wave all\n  shop.t0 (captured)\n    backfill: about 1,000,000 rows" in out.getvalue()
    assert "3 acts on 1 tables, 8 at once, " in out.getvalue()
    world.run(NAMES[:1], Stage.BACKFILLED)
    until = {
        Stage.BACKFILLED: [],
        Stage.VERIFIED: ["verify"],
        Stage.READY: ["verify", "wait"],
    }
    for stage, names in until.items():
        found = dry_run.planned(run, world.look(NAMES[0]), stage, priced)
        assert [one.act for one in found] == names
    assert world.acts == [(NAMES[0], Act.BACKFILL)]


WAVES = """\
[source]
contact_points = ["127.0.0.1"]
port = 1
datacenter = "d"
[target]
endpoint = "127.0.0.1"
port = 1
region = "eu-west-1"
[tables."shop.orders"]
[tables."shop.visits"]
[tables."other.logs"]
[groups]
checkout = ["shop.orders", "shop.visits"]
[waves]
small = ["other"]
large = ["checkout"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(WAVES)
    return path


def test_tables_are_taken_in_the_order_of_the_waves(config: Path) -> None:
    migration = migration_from(config)
    runs = runs_of(migration, [one.id for one in migration.tables])
    assert [(str(run.table), run.wave, run.group) for run in runs] == [
        ("other.logs", "small", None),
        ("shop.orders", "large", "checkout"),
        ("shop.visits", "large", "checkout"),
    ]
    only = [TableId("shop", "visits")]
    assert [run.table for run in runs_of(migration, only)] == only
    config.write_text(WAVES.replace('large = ["checkout"]', ""))
    rest = migration_from(config).waves[-1]
    assert rest == Wave("rest", (TableId("shop", "orders"), TableId("shop", "visits")))


def test_a_ready_wave_is_followed_by_its_cutover(config: Path) -> None:
    migration = migration_from(config)
    runs = runs_of(migration, [one.id for one in migration.tables])
    for run in runs:
        run.stage = Stage.READY
        run.end(Status.DONE)
    runs[-1].end(Status.NEGATIVE, "a person")
    steps = command._next(migration, runs, Stage.READY, Status.NEGATIVE, Path("migration.toml"))
    assert [one.command for one in steps] == [
        "hintferry migrate shop.visits",
        "hintferry cutover small --writes-stopped now",
    ]


@pytest.mark.parametrize(
    ("unequal", "status", "verbs"),
    [(0, Status.DONE, ["cutover", "cutover"]), (9, Status.NEGATIVE, ["migrate", "cutover"])],
)
def test_the_exit_status_tells_whether_every_table_got_there(
    unequal: int,
    status: Status,
    verbs: list[str],
    config: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, migration = World(), migration_from(config)
    runs = runs_of(migration, [one.id for one in migration.tables])
    world.unequal = {runs[0].table: unequal}
    try:
        command._drive(
            migration, runs, Stage.READY, world.look, world.do, 3, Path("migration.toml"), json=True
        )
        ended = Status.DONE
    except typer.Exit as error:
        ended = Status(error.exit_code)
    told = json.loads(capsys.readouterr().out)
    assert ended is status
    assert [one["verb"] for one in told["next_steps"]] == verbs
    assert [one["stage"] for one in told["tables"]][1:] == ["ready", "ready"]


def test_ctrl_c_says_which_tables_are_left(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, migration = World(), migration_from(config)
    runs = runs_of(migration, [one.id for one in migration.tables])

    def look(table: TableId) -> Seen:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command._drive(migration, runs, Stage.READY, look, world.do, 3, config, json=False)
    told = capsys.readouterr().err
    assert told.endswith(
        "not finished: other.logs, shop.orders, shop.visits; run the same command again to go on\n"
    )


def test_a_side_that_is_away_ends_the_run_before_anything(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PARKED_QUEUE_URL", "REPLAY_QUEUE_URL", "BUCKET"):
        monkeypatch.setenv(f"HINTFERRY_{name}", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    result = CliRunner().invoke(app, ["migrate", "--config", str(config)])
    assert result.exit_code == Status.UNAVAILABLE, result.output
    assert "cannot connect" in result.stderr


def test_a_table_of_a_group_that_is_cut_over_in_part_is_not_said_to_be_cut_over() -> None:
    scene, fellow = Scene(), NAMES[0]
    keeper = replace(scene.keeper, fellows=[fellow])
    scene.fences.fenced[keeper.table] = FENCE
    look = command._look_of(cast(Seat, SimpleNamespace(keeper=lambda *_: keeper)))
    seen = look(keeper.table)
    assert seen.stage is Stage.READY
    assert "run `hintferry cutover shop`" in fence_stands(
        TableRun(keeper.table, "wave", "shop"), seen.fence
    )
    scene.fences.fenced[fellow] = FENCE
    assert look(keeper.table).stage is Stage.CUT_OVER
