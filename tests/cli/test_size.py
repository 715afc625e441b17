"""`hintferry size`: arithmetic on figures that stand in bench/results/capture.json."""

import json
from math import ceil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hintferry_cli.app import app
from hintferry_cli.size import arithmetic
from hintferry_cli.size.arithmetic import MIB, NodeLoad, need
from hintferry_ops.fit import node_checks
from node.cdcguard import space
from tools import places

MEASURED = json.loads((places.ROOT / "bench/results/capture.json").read_text())["kinds"]["ours"]
NODE = NodeLoad(writes_per_s=2_000, row_bytes=500, outage_hours=4, segment_mib=32)


def test_the_figures_are_those_that_were_measured_rounded_up() -> None:
    rows = MEASURED["rows"]
    live = {int(size): found["live"] for size, found in rows.items()}
    beside = [cost["log_kb"] - size for size, cost in live.items()]
    assert within(max(beside), arithmetic.LOG_BYTES_BESIDE_ROW)
    assert within(max(cost["topic_kb"] for cost in live.values()), arithmetic.HINT_BYTES)
    assert within(
        max(cost["capture_cpu_ms"] for cost in live.values()), arithmetic.CPU_MS_PER_1000_WRITES
    )
    assert within(
        max(found["backlog_cpu_ms"] for found in rows.values()),
        arithmetic.BACKLOG_CPU_MS_PER_1000_WRITES,
    )
    assert within(MEASURED["idle_cpu_ms_per_s"], arithmetic.IDLE_CPU_MS_PER_S)


def within(measured: float, figure: float) -> bool:
    """Rounded up, by a tenth or one at most."""
    return measured <= figure <= max(measured * 1.1, measured + 1)


def test_the_space_holds_the_outage_and_what_the_guard_keeps_free() -> None:
    needed = need(NODE)
    unread = needed.log_bytes_per_s * NODE.outage_hours * 3600
    assert needed.cdc_total_space_mib * MIB * (1 - arithmetic.GUARD_SHARE) >= unread
    assert needed.cdc_total_space_mib % NODE.segment_mib == 0
    assert needed.cdc_total_space_mib * MIB < unread * 1.2


def test_a_quiet_node_still_gets_what_the_check_asks_for() -> None:
    needed = need(NodeLoad(writes_per_s=0.1, row_bytes=10, outage_hours=1, segment_mib=32))
    assert needed.cdc_total_space_mib == node_checks.FEWEST_SEGMENTS * 32
    assert needed.archive_mib == 1


def test_cpu_and_network_grow_with_the_writes() -> None:
    one, ten = need(NODE), need(NodeLoad(20_000, 500, 4, 32))
    assert ten.kafka_bytes_per_s == 10 * one.kafka_bytes_per_s
    assert ten.cpu_cores - arithmetic.IDLE_CPU_MS_PER_S / 1000 == pytest.approx(
        10 * (one.cpu_cores - arithmetic.IDLE_CPU_MS_PER_S / 1000), abs=0.02
    )


def test_what_one_core_cannot_do_is_said() -> None:
    busiest = 1_000_000 / arithmetic.BACKLOG_CPU_MS_PER_1000_WRITES
    assert need(NodeLoad(busiest * 1.1, 500, 1, 32)).catch_up_hours is None
    half = need(NodeLoad(busiest / 2, 500, 3, 32)).catch_up_hours
    assert half == pytest.approx(3, rel=0.1)


def test_the_guard_and_the_check_have_the_same_bounds() -> None:
    source = Path(space.__file__).read_text()
    assert f"guard.settings.cdc_total // {ceil(1 / arithmetic.GUARD_SHARE)}" in source
    assert arithmetic.FEWEST_SEGMENTS == node_checks.FEWEST_SEGMENTS


def test_the_command_prints_the_same_for_people_and_for_programs() -> None:
    options = ["--writes-per-second", "2000", "--row-bytes", "500", "--outage-hours", "4"]
    told = CliRunner().invoke(app, ["size", *options])
    assert told.exit_code == 0
    found = json.loads(CliRunner().invoke(app, ["size", *options, "--json"]).stdout)
    assert f"cdc_total_space    {found['cdc_total_space_mib']}MiB, for 4 h" in told.stdout
    assert found["cdc_total_space_mib"] == need(NODE).cdc_total_space_mib
    nonsense = CliRunner().invoke(app, ["size", *options, "--outage-hours", "0"])
    assert nonsense.exit_code == 2
