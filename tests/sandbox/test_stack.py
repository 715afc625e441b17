"""The sandbox as a whole: harm done to a part is repaired, and nothing is left behind."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox import tables
from sandbox.chain import Chain
from sandbox.parts.addresses import Block, claim
from sandbox.parts.errors import PartFailed
from sandbox.parts.launch import tied
from sandbox.parts.waiting import until
from sandbox.sessions import create_keyspaces_tables
from sandbox.stack import Stack
from tests.capture.hints import b64, read, topic
from tools import places

pytestmark = pytest.mark.stack

AWAY_S = 3.0
LOAD_S = 5.0
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
TABLE = "CREATE TABLE IF NOT EXISTS {ks}.t (id int PRIMARY KEY, v text) WITH cdc = true"


@pytest.fixture
def cql(stack: Stack) -> Any:
    """Run a statement on the source, on a session of its own: the node may have been restarted."""
    keyspace = "CREATE KEYSPACE IF NOT EXISTS sandbox WITH replication = "
    stack.create_tables(keyspace + stack.replication, TABLE.format(ks="sandbox"))

    def run(statement: str) -> Any:
        with tables.session(stack.source) as session:
            return session.execute(statement).all()

    return run


def id_of(number: int) -> list[str]:
    return b64(number.to_bytes(4, "big"))


def test_a_killed_node_keeps_its_data_over_a_restart(stack: Stack, cql: Any) -> None:
    # Its hint proves that the log is on disk: a crash may cost what is younger than a sync.
    with topic(stack, "sandbox", "t") as hints:
        cql("INSERT INTO sandbox.t (id, v) VALUES (1, 'kept')")
        assert [hint.value["pk"] for hint in read(hints, 1)] == [id_of(1)]
    stack.source_nodes[0].kill()
    stack.source_nodes[0].start()
    assert [row.v for row in cql("SELECT v FROM sandbox.t WHERE id = 1")] == ["kept"]


def test_capture_goes_on_where_it_was_killed(stack: Stack, cql: Any) -> None:
    """Writes of the time when it was down come after its start, and what was not yet known as
    acknowledged once more."""
    with topic(stack, "sandbox", "t") as hints:
        cql("INSERT INTO sandbox.t (id, v) VALUES (10, 'before')")
        assert [hint.value["pk"] for hint in read(hints, 1)] == [id_of(10)]
        stack.captures[0].kill()
        cql("INSERT INTO sandbox.t (id, v) VALUES (11, 'while down')")
        stack.captures[0].start()
        cql("INSERT INTO sandbox.t (id, v) VALUES (12, 'after')")
        # Of two partitions of the topic neither comes first.
        awaited = [id_of(11), id_of(12)]
        while awaited:
            keys = [hint.value["pk"] for hint in read(hints, 1)]
            assert all(key in [id_of(10), id_of(11), id_of(12)] for key in keys)
            awaited = [one for one in awaited if one not in keys]


def test_capture_waits_out_a_broker_that_is_away(stack: Stack, cql: Any) -> None:
    with topic(stack, "sandbox", "t") as hints:
        stack.broker.pause()
        cql("INSERT INTO sandbox.t (id, v) VALUES (20, 'unheard')")
        # Until long after the log's next sync, so that capture does meet the absence.
        time.sleep(AWAY_S)
        stack.broker.resume()
        assert [hint.value["pk"] for hint in read(hints, 1)] == [id_of(20)]


def test_two_sandboxes_run_side_by_side_and_a_killed_one_leaves_no_process(
    stack: Stack, tmp_path: Path
) -> None:
    """The second one is killed with no chance to clean up."""
    script = (
        "import pathlib, time; from sandbox.stack import Stack\n"
        f"stack = Stack(root=pathlib.Path({str(tmp_path)!r})).start()\n"
        "print(stack.source.hosts[0], flush=True); time.sleep(100)"
    )
    other = subprocess.Popen(
        tied(sys.executable, "-c", script), stdout=subprocess.PIPE, text=True, cwd=places.ROOT
    )
    try:
        assert other.stdout is not None
        host = other.stdout.readline().strip()
        assert host.startswith("127.77.")
        assert host != stack.source.hosts[0]
        [home] = tmp_path.iterdir()
        running = processes_of(home)
        assert len(running) == 6
    finally:
        other.send_signal(signal.SIGKILL)
        other.communicate()
    until(lambda: not processes_of(home), 60, "all its processes are gone")
    with tables.session(stack.source) as session:
        assert session.execute("SELECT release_version FROM system.local").one()


def processes_of(home: Path) -> list[str]:
    """The commands of all processes that write a log under `home`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            target = (process / "fd" / "1").readlink()
            command = (process / "cmdline").read_text()
        except OSError:
            continue
        if target.is_relative_to(home):
            found.append(command)
    return found


class BrokenStack(Stack):
    """Stack whose first source node ends at once, when the other parts have been spawned."""

    def _make_parts(self, block: Block) -> None:
        super()._make_parts(block)
        for part in self.source_nodes:
            part._command = (sys.executable, "-c", "raise SystemExit('Address already in use')")


def test_a_start_that_fails_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = BrokenStack(root=tmp_path)
    with pytest.raises(PartFailed, match="another program holds one of its ports"):
        broken.start()
    assert broken.broker.pid
    assert not broken.broker.alive
    assert processes_of(broken.home) == []
    assert list(tmp_path.iterdir()) == []
    with claim([]) as block:
        assert block.number <= int(broken.home.name)


def test_a_loaded_one_node_sandbox_needs_less_than_4_gb(
    stack: Stack, cql: Any, tmp_path: Path
) -> None:
    """Sum the stack's parts and both functions' processes: all children of this process."""
    keyspace = "CREATE KEYSPACE IF NOT EXISTS sandbox WITH replication = "
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    target_table = f"CREATE TABLE sandbox.t (id int PRIMARY KEY, v text) WITH {SWITCHES}"
    create_keyspaces_tables(stack.target, "sandbox", [single, target_table])
    most, number, end = 0, 100, time.monotonic() + LOAD_S
    with Chain(stack, ["sandbox.t"], tmp_path) as chain, tables.session(stack.source) as session:
        while time.monotonic() < end:
            for _ in range(100):
                number += 1
                session.execute(f"INSERT INTO sandbox.t (id, v) VALUES ({number}, 'load')")
            most = max(most, memory_of_children())
        assert chain.drain(60), chain.last_error
        assert chain.counters.committed > 100
        most = max(most, memory_of_children())
        assert sum(stack.memory().values()) < most < 4 * 2**30


def memory_of_children() -> int:
    """Resident bytes, those that are shared counted for each process that shares them."""
    found = 0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += child.memory_info().rss
    return found
