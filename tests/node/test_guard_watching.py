"""A connector that is green but stuck, or green but losing hints; writes that wait; figures."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.bundle import pack_guard
from node.cassandra_yaml import size
from node.cdcguard.commands import main, status, swept
from node.cdcguard.metrics import metrics_table
from node.cdcguard.space import LONGEST_STEP
from node.cdcguard.state import locked
from node.cdcguard.waits import WAITS
from node.cdcguard.world import World
from sandbox.parts.launch import tied
from tests.node.guarded import MIB, MadeNode, oldest_python

LOST = "12:00:00.000 ERROR SegmentReader LOST HINTS: CommitLog-7-7.log could not be read from 1 on"
TABLE = "12:00:00.000 ERROR KafkaRecordEmitter Failed to emit record hintferry.shop.orders"
INDEX = "/x/cdc_raw/CommitLog-7-7_cdc.idx"
GIVEN_UP = (
    "12:00:00.000 ERROR CommitLogIdxParser Processing of LogicalCommitLog{synced=4096, "
    f"completed=true, log=/x/cdc_raw/CommitLog-7-7.log, index={INDEX}, commitLogSegmentId=7}} "
    "errored out"
)
PARTITION = "12:00:00.000 ERROR HintWriter The mutation at CommitLog-7-7.log:100 of shop.orders is"
SYNCS = (
    "WARN  [PERIODIC-COMMIT-LOG-SYNCER] 2026-11-26 12:00:00,000 NoSpamLogger.java:107 - Out of 9 "
    "commit log syncs over the past 9.00s with average duration of 250.00ms, 4 have exceeded the "
    "configured commit interval by an average of 50.00ms\n"
)
REFUSED = (
    "ERROR 12:00:00 Rejecting mutation to keyspace shop. Free up space in /x/cdc_raw by "
    "processing CDC logs. Total CDC bytes on disk is 1073741824.\n"
)


@pytest.fixture
def node(tmp_path: Path) -> MadeNode:
    return MadeNode(tmp_path)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file that a node runs."""
    target = tmp_path_factory.mktemp("program") / "cdcguard.pyz"
    pack_guard(target)
    return target


def say(log: Path, text: str) -> None:
    with log.open("a") as out:
        out.write(text)


def test_green_but_stuck_is_seen_and_the_connector_restarted_ever_less_often(
    node: MadeNode,
) -> None:
    node.segment(7, f"{MIB}\nCOMPLETED")
    node.run()
    assert node.run(299)["CaptureStuck"] == 0
    stuck = node.run(1)
    assert (stuck["CaptureStuck"], stuck["CaptureRestarts"], stuck["CaptureUp"]) == (1, 1, 1)
    assert "nothing was sent for 300 s" in node.said
    assert node.run(599)["CaptureRestarts"] == 0
    assert node.run(1)["CaptureRestarts"] == 1
    assert node.world.restarts == ["soft", "hard"]


def test_a_connector_that_sends_but_falls_ever_further_behind_is_restarted_once_an_hour(
    node: MadeNode,
) -> None:
    """Debezium before 3.6 grows slow after some hours, until it is started again."""
    for number in range(1, 6):
        node.segment(number, f"{MIB}\nCOMPLETED", age=300)
    restarts = []
    for minute in range(75):
        node.offset(shop_orders=f"1:{minute}")
        metrics = node.run(60)
        assert metrics["CaptureStuck"] == 0
        if metrics["CaptureRestarts"]:
            restarts.append(minute)
    # The oldest has waited for 15 minutes.
    assert restarts == [9, 69]
    assert node.world.restarts == ["soft", "soft"]


def test_a_connector_that_sends_is_not_stuck(node: MadeNode) -> None:
    for number in range(1, 6):
        node.segment(number, f"{MIB}\nCOMPLETED")
    for minute in range(10):
        node.offset(shop_orders=f"1:{minute}")
        assert node.run(60)["CaptureStuck"] == 0


def test_a_quiet_table_is_not_stuck(node: MadeNode) -> None:
    """Nothing is sent, and no closed segment waits."""
    node.segment(7, "4096", in_commitlog=True)
    for _ in range(20):
        assert node.run(60)["CaptureStuck"] == 0


def test_a_dead_connector_is_told(node: MadeNode) -> None:
    node.world.up = False
    assert node.run()["CaptureUp"] == 0
    assert "health" in node.said


def test_a_lost_hint_names_every_captured_table(node: MadeNode) -> None:
    node.offset(shop_stock="7:1")
    say(node.connector_log, LOST + "\n")
    metrics = node.run()
    assert (metrics["HintsLost"], metrics["TablesToSweep"]) == (1, 3)
    assert "sweep shop.orders, shop.readings, shop.stock" in node.said
    again = node.run(15)
    assert (again["HintsLost"], again["TablesToSweep"]) == (0, 3)


@pytest.mark.parametrize(
    ("line", "tables"),
    [
        (TABLE, ["shop.orders"]),
        (GIVEN_UP, None),
        (f"io.debezium.DebeziumException: Unable to parse commit log index file {INDEX}", None),
        ("ERROR QueueProcessor Processing of event EOFEvent{file=7} was errorneous: x", None),
        ("ERROR CommitLogIdxParser Error occurred while processing commit log CommitLog-7", None),
        ("WARN CommitLogIdxParser Commit log /x/cdc_raw/CommitLog-7-7.log does not exist!", None),
        ("WARN DefaultMetadata Unexpected error while refreshing schema, keeping previous", None),
    ],
)  # fmt: skip
def test_each_log_line_of_loss_names_its_tables(
    node: MadeNode, line: str, tables: list[str] | None
) -> None:
    say(node.connector_log, line + "\n")
    assert node.run()["HintsLost"] == 1
    assert sorted(node.state["to_sweep"]) == (tables or ["shop.orders", "shop.readings"])


def test_a_mutation_hinted_as_a_whole_partition_is_counted_and_loses_nothing(
    node: MadeNode,
) -> None:
    say(node.connector_log, PARTITION + " not understood; its whole partition is hinted.\n")
    say(node.connector_log, "INFO SchemaKeeper Table shop.orders is captured.\n")
    metrics = node.run()
    assert (metrics["PartitionsHinted"], metrics["HintsLost"], metrics["TablesToSweep"]) == (
        1,
        0,
        0,
    )


def test_a_log_is_read_on_over_rotation_and_half_a_line_waits(node: MadeNode) -> None:
    log = node.connector_log
    say(log, LOST + "\n" + LOST[:36])
    assert node.run()["HintsLost"] == 1
    say(log, LOST[36:] + "\n")
    assert node.run(15)["HintsLost"] == 1
    say(log, LOST + "\n")
    log.rename(log.with_suffix(".1"))
    say(log, TABLE + "\n")
    assert node.run(15)["HintsLost"] == 2
    os.truncate(log, 0)
    say(log, "LOST HINTS\n")
    assert node.run(15)["HintsLost"] == 1


def test_a_segment_in_the_error_folder_is_a_loss_once(node: MadeNode) -> None:
    node.segment(7, f"{MIB}\nCOMPLETED", where=node.relocated / "error")
    assert node.run()["ErrorSegments"] == 1
    assert swept(node.settings, "all") == 0
    metrics = node.run(15)
    assert (metrics["ErrorSegments"], metrics["TablesToSweep"]) == (1, 0)


def test_a_table_stays_named_until_it_was_swept(
    node: MadeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    say(node.connector_log, TABLE + "\n")
    node.run()
    assert node.run(15)["TablesToSweep"] == 1
    assert swept(node.settings, "shop.other") == 2
    assert swept(node.settings, "shop.orders") == 0
    assert node.run(15)["TablesToSweep"] == 0
    assert "is not in the list: shop.orders" in capsys.readouterr().out


def test_refused_writes_and_slow_syncs_are_found_in_cassandras_log(node: MadeNode) -> None:
    say(node.cassandra_log, SYNCS + REFUSED)
    metrics = node.run()
    assert (metrics["SlowLogSyncs"], metrics["WritesRefused"]) == (4, 1)
    assert "refuses writes" in node.said


def test_writes_that_waited_between_log_and_memtable_are_counted(node: MadeNode) -> None:
    log, memtable = WAITS["WritesWaitedForLog"], WAITS["WritesWaitedForMemtable"]
    node.world.counts = {log: 100, memtable: 7}
    assert node.run()["WritesWaitedForLog"] == 0
    node.world.counts = {log: 103, memtable: 2}
    assert node.run(60)["WritesWaitedForLog"] == 0
    metrics = node.run(300)
    # A count that fell is that of a node that was restarted.
    assert (metrics["WritesWaitedForLog"], metrics["WritesWaitedForMemtable"]) == (3, 2)
    assert "sweep the tables written then" in node.said


def test_a_step_that_fails_does_not_keep_the_others_from_their_work(node: MadeNode) -> None:
    for number in range(1, 38):
        node.segment(number, f"{MIB}\nCOMPLETED")
    (node.relocated / "set-aside").write_text("in the way")
    say(node.connector_log, LOST + "\n")
    metrics = node.run()
    assert metrics["GuardFaults"] >= 1
    assert metrics["HintsLost"] == 1
    assert "protect_writes" in node.said


def test_status_says_what_is_wrong_and_is_quiet_when_nothing_is(
    node: MadeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(node.settings, node.world) == 1
    node.run()
    assert status(node.settings, node.world) == 0
    say(node.connector_log, TABLE + "\n")
    node.run(15)
    capsys.readouterr()
    assert status(node.settings, node.world) == 1
    out = capsys.readouterr().out
    assert "sweep           shop.orders (since 2025-10-09" in out
    assert "100.0 % free" in out
    node.world.time += 121
    assert status(node.settings, node.world) == 1
    assert "the guard itself does not run" in capsys.readouterr().out


def test_metrics_go_out_in_the_embedded_format_under_the_names_of_the_table(
    node: MadeNode,
) -> None:
    table = json.loads(metrics_table())
    node.run()
    sent = node.world.sent[-1]
    (directive,) = sent["_aws"]["CloudWatchMetrics"]
    assert {one["Name"] for one in directive["Metrics"]} == {
        one["name"] for one in table["metrics"]
    }
    assert directive["Dimensions"] == table["dimensions"] == [["pipeline", "node"], ["pipeline"]]
    assert (sent["pipeline"], sent["node"]) == ("old-shop", "10.0.1.11")
    assert sent["_aws"]["LogGroupName"] == "/hintferry/old-shop/cdcguard"
    assert len(json.dumps(sent)) < 8192


def test_a_node_counts_once_a_minute_however_often_the_guard_looks(node: MadeNode) -> None:
    """So that the sum of a period tells how many nodes reported in it."""
    node.world.time = LONGEST_STEP * 1000.0
    assert [node.run(15)["NodeReports"] for _ in range(8)] == [1, 0, 0, 1, 0, 0, 0, 1]


def test_the_sizes_of_older_versions_are_understood() -> None:
    assert size({"cdc_total_space_in_mb": "2048"}, "x", "cdc_total_space_in_mb", 0) == 2**31
    assert size({"x": "1GiB"}, "x", "", 0) == 2**30
    with pytest.raises(ValueError, match="is not a size"):
        size({"x": "1 apple"}, "x", "", 0)


def imported(tree: ast.AST) -> Iterator[str]:
    for one in ast.walk(tree):
        if isinstance(one, ast.Import):
            yield from (name.name for name in one.names)
        elif isinstance(one, ast.ImportFrom):
            yield str(one.module)


def test_the_program_keeps_to_the_syntax_of_3_6_and_to_the_standard_library(program: Path) -> None:
    stdlib = sys.stdlib_module_names - {"dataclasses", "zoneinfo", "tomllib", "graphlib"}
    with zipfile.ZipFile(program) as archive:
        names = {name.removesuffix(".py").replace("/", ".") for name in archive.namelist()}
        own = names | {name.removesuffix(".__init__") for name in names}
        for name in archive.namelist():
            tree = ast.parse(archive.read(name), name, feature_version=(3, 6))
            modules = set(imported(tree))
            assert {one for one in modules if one.split(".")[0] not in stdlib} <= own, name
    assert {"node.cdcguard.loop", "node.cdcguard.space", "node.cassandra_yaml"} <= own
    with pytest.raises(SyntaxError):
        ast.parse("if (n := 1): pass", feature_version=(3, 6))


def test_a_pass_as_systemd_runs_it(node: MadeNode, program: Path) -> None:
    """On the oldest Python of this machine, with the metrics received by a real socket."""
    node.segment(7, "4096")
    node.segment(9, "100", in_commitlog=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.settimeout(10)
        say(node.ini, f"emf = 127.0.0.1:{agent.getsockname()[1]}\n")
        environment = {**os.environ, "CDCGUARD_CONFIG": str(node.ini)}
        command = [oldest_python(), "-I", str(program)]
        done = subprocess.run(
            [*command, "run"], env=environment, capture_output=True, text=True, timeout=300
        )
        assert (done.returncode, done.stderr) == (0, "")
        sent = json.loads(agent.recv(65536))
    assert sent["StuckSegmentsMended"] == 1
    assert "A crash left" in done.stdout
    status = subprocess.run([*command, "status"], env=environment, capture_output=True, text=True)
    assert status.returncode == 1
    assert "NOT UP" in status.stdout


@pytest.mark.parametrize("fault", ["no file", "no key", "no yaml"])
def test_a_wrong_configuration_is_a_sentence(
    node: MadeNode, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDCGUARD_CONFIG", str(node.ini))
    if fault == "no file":
        node.ini.unlink()
    elif fault == "no key":
        node.ini.write_text(node.ini.read_text().replace("pipeline =", "pipelime ="))
    else:
        node.yaml.unlink()
    assert main(["run"]) == 2
    assert capsys.readouterr().err.startswith("cdcguard: ")


def test_two_passes_never_run_at_once(
    node: MadeNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDCGUARD_CONFIG", str(node.ini))
    with locked(node.settings):
        assert main(["run"]) == 3
    assert "still running" in capsys.readouterr().err


def test_another_user_may_look_and_not_touch(
    node: MadeNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of root's would keep Cassandra's user, and the connector, from writing them."""
    node.run()
    monkeypatch.setenv("CDCGUARD_CONFIG", str(node.ini))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    for command in (["run"], ["swept", "all"]):
        assert main(command) == 2
        assert "Run it as the owner" in capsys.readouterr().err
    main(["status"])
    assert "10.0.1.11" in capsys.readouterr().out


def test_the_connectors_process_is_ended_as_its_unit_names_it(
    node: MadeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own user, on a systemd that has no --value; the second time by force."""
    child = subprocess.Popen(tied(sys.executable, "-c", "import time; time.sleep(60)"))
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\ntest "$4" = hintferry-capture && echo MainPID={child.pid}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    world = World(node.settings)
    assert world.pid() == child.pid
    assert world.restart(hard=False)
    assert child.wait(10) == -signal.SIGTERM
    program.write_text("#!/bin/sh\necho MainPID=0\n")
    assert not world.restart(hard=True)


def test_counts_are_read_as_nodetool_prints_them(node: MadeNode, tmp_path: Path) -> None:
    """As seen from Cassandra 5.0's, its logger's lines included."""
    nodetool = tmp_path / "nodetool"
    nodetool.write_text(
        "#!/bin/sh\n"
        "echo '12:36:33.835 [main] DEBUG io.netty -- -Dio.netty.stringBuilder.maxSize: 4096'\n"
        'echo "$4"\necho 42\n'
    )
    nodetool.chmod(0o755)
    bean = WAITS["WritesWaitedForLog"]
    world = World(node.settings._replace(nodetool=str(nodetool)))
    assert world.count(bean) == 42
    nodetool.write_text("#!/bin/sh\necho 'nodetool: Unknown command sjk'\nexit 1\n")
    assert world.count(bean) is None
    assert World(node.settings).count(bean) is None
