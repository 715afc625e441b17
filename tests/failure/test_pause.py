"""Test switches under load: a pause holds back all of a table and loses nothing, a bound is kept.

How long each took to take effect is printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hintferry.core.limits import SWITCHES_HOLD_S
from sandbox.chain import Chain
from sandbox.function import processor_environment
from sandbox.parts.launch import tied
from sandbox.sessions import cassandra_session, create_keyspaces_tables, keyspaces_session
from sandbox.stack import Stack
from tools import places

pytestmark = pytest.mark.stack

PAUSED, OTHER = "switched.paused", "switched.other"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
WAIT_S, EFFECT_S = 120.0, SWITCHES_HOLD_S + 3.0
BOUND = 20


@dataclass
class Scene:
    """Write both tables all the time, and run the command as an operator does."""

    stack: Stack
    environment: dict[str, str]
    folder: Path
    source: Any
    target: Any
    behind: Any
    said: list[str]
    written: dict[str, int] = field(default_factory=dict)

    def hintferry(self, *arguments: str) -> tuple[int, str]:
        """Return the exit status and what was said."""
        done = subprocess.run(
            tied(str(places.COMMAND), *arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        return done.returncode, done.stdout + done.stderr

    def latest(self, table: str) -> int:
        """Return the newest value that the target shows."""
        rows = self.behind.execute(f"SELECT v FROM {table}")
        return max((row.v for row in rows), default=0)

    def rows(self, session: Any, table: str) -> dict[int, int]:
        return {row.a: row.v for row in session.execute(f"SELECT a, v FROM {table}")}

    @contextmanager
    def load(self, seconds_between: float) -> Iterator[None]:
        """Write both tables until the end, each key again and again."""
        over = threading.Event()

        def write() -> None:
            for number in count(1):
                if over.wait(seconds_between):
                    return
                for table in (PAUSED, OTHER):
                    self.source.execute(
                        f"INSERT INTO {table} (a, v) VALUES ({number % 500}, {number})"
                    )
                    self.written[table] = number

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture(scope="module")
def tables(stack: Stack) -> None:
    """Make both tables on both sides."""
    keyspace = "CREATE KEYSPACE switched WITH replication = "
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    made = [f"CREATE TABLE {one} (a int PRIMARY KEY, v int)" for one in (PAUSED, OTHER)]
    stack.create_tables(keyspace + stack.replication, *(f"{one} WITH cdc = true" for one in made))
    create_keyspaces_tables(
        stack.target, "switched", [single, *(f"{one} WITH {SWITCHES}" for one in made)]
    )


@pytest.fixture
def scene(stack: Stack, tables: None, tmp_path: Path) -> Iterator[Scene]:
    environment = processor_environment(stack, tmp_path / "operator") | {
        "PATH": os.environ["PATH"],
        "AWS_DEFAULT_REGION": stack.aws.region,
    }
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        keyspaces_session(stack.target) as target,
    ):
        said: list[str] = []
        scene = Scene(stack, environment, tmp_path, source, target, behind, said)
        with Chain(stack, [PAUSED, OTHER], tmp_path, concurrency=2, on_line=said.append) as chain:
            try:
                yield scene
            finally:
                # Only a test that failed leaves it paused.
                scene.hintferry("resume", PAUSED)
            assert chain.drain(WAIT_S)
        for table in (PAUSED, OTHER):
            assert scene.rows(source, table) == scene.rows(behind, table)


def test_a_paused_table_stands_still_and_catches_up_while_the_other_goes_on(scene: Scene) -> None:
    with scene.load(0.02):
        wait_for(lambda: scene.latest(PAUSED) > 0 and scene.latest(OTHER) > 0)
        assert scene.hintferry("pause", PAUSED, "--reason", "a test")[0] == 0
        paused = time.monotonic()
        stood = standstill(scene, PAUSED)
        print(f"paused: the last write came {stood - paused:.1f} s after the command's end")
        assert stood - paused < EFFECT_S
        before, other = scene.latest(PAUSED), scene.latest(OTHER)
        time.sleep(SWITCHES_HOLD_S)
        assert scene.latest(PAUSED) == before
        assert scene.latest(OTHER) > other
        assert returned_for_a_pause(scene.said) > 0
        status, text = scene.hintferry("pause", PAUSED)
        assert (status, "is paused since" in text) == (2, True)

        assert scene.hintferry("resume", PAUSED)[0] == 0
        resumed = time.monotonic()
        wait_for(lambda: scene.latest(PAUSED) > before)
        print(f"resumed: the first write came {time.monotonic() - resumed:.1f} s after it")
        # The event source delivers again when it pleases.
        assert time.monotonic() - resumed < EFFECT_S + 10.0
    status, text = scene.hintferry("journal", PAUSED, "--json")
    verbs = [(one["verb"], one["reason"]) for one in json.loads(text)["entries"]]
    assert (status, verbs) == (0, [("resume", ""), ("pause", "a test")])
    assert scene.hintferry("resume", PAUSED)[0] == 2


def test_a_bound_shows_in_the_rate_of_requests(scene: Scene) -> None:
    with scene.load(0.002):
        wait_for(lambda: scene.latest(PAUSED) > 0)
        status, text = scene.hintferry("throttle", PAUSED, "--target", str(BOUND))
        began = time.monotonic()
        assert status == 0, text
        wait_for(lambda: writes_per_s(scene, 1.0) < 3 * BOUND)
        print(f"throttled: the rate had fallen {time.monotonic() - began:.1f} s after the command")
        assert time.monotonic() - began < EFFECT_S + 2.0
        rate = writes_per_s(scene, 6.0)
        print(f"throttled to {BOUND}/s for all workers: those here wrote {rate:.1f} rows/s")
        assert rate <= BOUND
    assert scene.hintferry("throttle", PAUSED, "--off")[0] == 0


def writes_per_s(scene: Scene, seconds: float) -> float:
    """Return how many rows of the table changed on the target in that time, a second."""
    at = scene.behind.execute
    before = {row.a: row.t for row in at(f"SELECT a, WRITETIME(v) AS t FROM {PAUSED}")}
    began = time.monotonic()
    time.sleep(seconds)
    after = {row.a: row.t for row in at(f"SELECT a, WRITETIME(v) AS t FROM {PAUSED}")}
    changed = sum(before.get(key) != written for key, written in after.items())
    return float(changed) / (time.monotonic() - began)


def standstill(scene: Scene, table: str) -> float:
    """Return when the table was last seen to change, once it stands still for three seconds."""
    latest, at = scene.latest(table), time.monotonic()
    end = at + WAIT_S
    while time.monotonic() - at < 3.0:
        assert time.monotonic() < end, "it never stands still"
        if (now := scene.latest(table)) != latest:
            latest, at = now, time.monotonic()
        time.sleep(0.05)
    return at


def returned_for_a_pause(said: list[str]) -> int:
    lines = [json.loads(line) for line in said if line.startswith('{"_aws"')]
    return int(sum(sum(line.get("HintsReturnedPaused", ())) for line in lines))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
