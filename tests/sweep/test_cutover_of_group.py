"""A group on the real chain: one stop, one gate, all fences; also where a run ends between two."""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_cli.app import app
from hintferry_ops.cutover.gate import passes
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tests.sweep.test_cutover import QUICK

pytestmark = [pytest.mark.stack, pytest.mark.soak]

KEYSPACE, GROUP = "group_shop", "checkout"
TABLES = ["orders", "carts", "lines"]
NAMES = [f"{KEYSPACE}.{one}" for one in TABLES]
ROWS = 50

Typed = Callable[[str], Result]


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("group")
    columns = dict.fromkeys(TABLES, "(a int PRIMARY KEY, v text)")
    with workbench(stack, KEYSPACE, columns, folder) as running:
        yield running


@pytest.fixture
def typed(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command line in this process, with the group in its configuration."""
    for module, name, seconds in QUICK:
        monkeypatch.setattr(module, name, seconds)
    bench.folder.mkdir(exist_ok=True)
    monkeypatch.chdir(bench.folder)
    environment = bench.environment
    config = bench.folder / "migration.toml"
    group = f"\n[groups]\n{GROUP} = {json.dumps(NAMES)}\n"
    config.write_text(Path(environment["HINTFERRY_CONFIG"]).read_text() + group)
    environment |= {"HINTFERRY_CONFIG": str(config)}

    def run(command: str) -> Result:
        return CliRunner().invoke(app, shlex.split(command)[1:], env=environment)

    return run


class Writers:
    """An application that writes every table of the group until it is stopped."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._stop = bench, threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.written = 0

    def __enter__(self) -> Writers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Return once the last write is acknowledged."""
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stop.wait(0.02):
            for name in NAMES:
                self._bench.source.execute(
                    f"INSERT INTO {name} (a, v) VALUES ({self.written % ROWS}, '{self.written}')"
                )
            self.written += 1


def fenced(bench: Workbench) -> set[str]:
    found = {row.name for row in bench.behind.execute("SELECT name FROM hintferry.fences")}
    return found & set(NAMES)


def tables_of(answer: Result) -> dict[str, Any]:
    return {one["table"]: one for one in json.loads(answer.stdout)["tables"]}


def test_a_group_that_is_written_until_the_stop_switches_as_one(
    bench: Workbench, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutover = f"hintferry cutover {GROUP} --writes-stopped now --writers-at-quorum --json"
    with Writers(bench) as writers:
        for verb in ("backfill", "verify --consistency all"):
            answer = typed(f"hintferry {verb} {GROUP}")
            assert answer.exit_code == 0, answer.output
            time.sleep(passes.LATE_WRITES_S)
        alone = typed(f"hintferry cutover {NAMES[0]} --writes-stopped now --writers-at-quorum")
        assert (alone.exit_code, f"name {GROUP}" in alone.stderr) == (2, True), alone.output
        refused = typed(cutover)
        assert refused.exit_code == 1, "writers go on"
        assert fenced(bench) == set()
        writers.stop()
        _stop_at_the_second_fence(monkeypatch)
        stopped = typed(cutover)
        assert stopped.exit_code == 130, stopped.output
        assert fenced(bench) == {NAMES[0]}
        monkeypatch.undo()


def test_a_half_of_a_group_is_not_told_as_a_cutover_and_the_next_run_ends_it(
    bench: Workbench, typed: Typed
) -> None:
    half = typed(f"hintferry status {NAMES[0]} --json")
    first = tables_of(half)[NAMES[0]]
    assert (half.exit_code, first["cut_over"], first["without_fence"]) == (1, False, NAMES[1:])
    done = typed(f"hintferry cutover {GROUP} --writes-stopped now --writers-at-quorum --json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["cut_over"], set(tables_of(done))) == (True, set(NAMES))
    assert all(one["cut_over"] for one in told["tables"])
    assert fenced(bench) == set(NAMES)
    assert [bench.differences(one) for one in NAMES] == [(), (), ()]


def test_what_the_application_writes_then_stays_and_an_undo_takes_all_back(
    bench: Workbench, typed: Typed
) -> None:
    for name in NAMES:
        bench.behind.execute(f"INSERT INTO {name} (a, v) VALUES (1, 'application')")
        bench.source.execute(f"INSERT INTO {name} (a, v) VALUES (1, 'stale')")
    assert bench.chain.drain(30)
    for name in NAMES:
        (row,) = bench.behind.execute(f"SELECT v FROM {name} WHERE a = 1")
        assert row.v == "application"
    undone = typed(f"hintferry cutover {GROUP} --undo --yes")
    assert undone.exit_code == 0, undone.output
    assert fenced(bench) == set()
    assert undone.stdout.count("is no longer cut over") == 3


def _stop_at_the_second_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C between two fences would."""
    real = KeyspacesFences.set

    def interrupted(self: KeyspacesFences, table: TableId, fence: Fence) -> Fence:
        if str(table) != NAMES[0]:
            raise KeyboardInterrupt
        return real(self, table, fence)

    monkeypatch.setattr(KeyspacesFences, "set", interrupted)
