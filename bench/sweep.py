"""`hintferry verify` and `backfill` beside DSBulk, on one sandbox and in one run.

DSBulk cannot log in by SigV4, so it speaks to the Cassandra behind keyspaces-local; what that proxy
takes is told apart.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from bench import dsbulk, machine
from bench.measure import ProcessUse, measured
from hintferry.core.capacity import ON_DEMAND
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tools import places

ROWS = 1_000_000
ROWS_PER_PARTITION = 10
COLUMNS = (
    "(customer int, id int, state text, total decimal, placed timestamp, address text,"
    " PRIMARY KEY (customer, id))"
)
KEYSPACE = "bench"


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` rows in place of the usual number."""
    rows = size or ROWS
    folder = places.BUILD / "bench" / "sweep"
    about = machine.described()
    with filled(folder, rows) as (stack, bench, bytes_per_row):
        runs = _runs(stack, bench, folder)
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about | {"dsbulk": dsbulk.VERSION},
        "rows": rows,
        "bytes_per_row": bytes_per_row,
        "rows_per_partition": ROWS_PER_PARTITION,
        "runs": {name: run.figures(rows) for name, run in runs.items()},
    }


@contextmanager
def filled(folder: Path, rows: int) -> Iterator[tuple[Stack, Workbench, int]]:
    """A running chain whose source holds so many rows, and how many bytes of values each has."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dsbulk.fetch()
    tables = {"orders": COLUMNS}
    with (
        Stack(say=print) as stack,
        workbench(stack, KEYSPACE, tables, folder, uncaptured=["orders"]) as bench,
    ):
        bytes_per_row = _fill(stack, folder, rows)
        stack.create_tables(f"ALTER TABLE {KEYSPACE}.orders WITH cdc = true")
        yield stack, bench, bytes_per_row


def _runs(stack: Stack, bench: Workbench, folder: Path) -> dict[str, ProcessUse]:
    servers = {
        "source": stack.source_nodes[0].pid,
        "target": stack.target_node.pid,
        "keyspaces-local": stack.keyspaces.pid,
    }

    def run(name: str, command: list[str], environment: dict[str, str] | None = None) -> ProcessUse:
        print(f"{name} ...", flush=True)
        found = measured(command, servers, folder / f"{name}.log", environment or {})
        print(f"  {found}", flush=True)
        return found

    def hintferry(verb: str) -> ProcessUse:
        return run(verb, bench.command(verb, f"{KEYSPACE}.orders"), bench.environment)

    def dsbulk_run(verb: str, side: str, table: str, files: Path) -> ProcessUse:
        endpoint = stack.source if side == "source" else stack.behind
        command = dsbulk.command(verb, endpoint, KEYSPACE, table, files, folder / "logs")
        return run(f"{verb}-{side}", command)

    bench.behind.execute(f"CREATE TABLE {KEYSPACE}.copy {COLUMNS}")
    backfill = hintferry("backfill")
    verify = hintferry("verify")
    from_source = dsbulk_run("unload", "source", "orders", folder / "from-source")
    from_target = dsbulk_run("unload", "target", "orders", folder / "from-target")
    load = dsbulk_run("load", "target", "copy", folder / "from-source")
    return {
        "verify": verify,
        "dsbulk unload both": from_source + from_target,
        "backfill": backfill,
        "dsbulk unload and load": from_source + load,
    }


def _fill(stack: Stack, folder: Path, rows: int) -> int:
    """Put the rows into the source; gives back the bytes of values that a row has on average."""
    files, random = folder / "rows", Random(7)
    files.mkdir()
    length = 0
    with (files / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "id", "state", "total", "placed", "address"])
        for number in range(rows):
            address = f"{random.getrandbits(640):0160x}"
            at = datetime.fromtimestamp(1_700_000_000 + number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            row = number // ROWS_PER_PARTITION, number, f"state {number % 7:06}", "12.50"
            writer.writerow([*row, at, f"{address} {number:030}"])
            length += 4 + 4 + 12 + 6 + 8 + len(address) + 31
    command = dsbulk.command("load", stack.source, KEYSPACE, "orders", files, folder / "logs")
    measured(command, {}, folder / "fill.log", {})
    return length // rows


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    runs = figures["runs"]

    def ratio(one: str, other: str, key: str) -> str:
        return f"{runs[one][key] / runs[other][key]:.2f}"

    return [
        "## Sweep and backfill, beside DSBulk",
        "",
        f"{figures['rows']:,} rows of {figures['bytes_per_row']} bytes,"
        f" {figures['rows_per_partition']} a partition, one source node. Ours with two worker"
        " processes, by way of keyspaces-local (TLS, SigV4), TTLs asked for; DSBulk"
        f" {figures['machine']['dsbulk']} at LOCAL_QUORUM straight from Cassandra.",
        "",
        "| run | rows/s | own CPU, ms / 1,000 rows | Cassandra's CPU | the proxy's | peak MB |",
        "|---|---|---|---|---|---|",
        *(_line(name, runs[name], figures["rows"]) for name in _ORDER),
        "",
        f"Rows per own CPU-second: verify {ratio('verify', 'dsbulk unload both', _OWN)} x DSBulk"
        f" unloading both sides, backfill {ratio('backfill', 'dsbulk unload and load', _OWN)} x"
        f" unload and load. The backfill keeps to the {ON_DEMAND.backfill_units_per_s:,.0f} write"
        " units a second that are safe on a new table on demand. The limiter of the other three is"
        " the two cores, shared with the servers.",
    ]


_OWN = "rows_per_own_cpu_s"
_ORDER = ("verify", "dsbulk unload both", "backfill", "dsbulk unload and load")


def _line(name: str, run: dict[str, Any], rows: int) -> str:
    proxy = run["servers_cpu_s"]["keyspaces-local"]
    cassandra = sum(run["servers_cpu_s"].values()) - proxy
    return (
        f"| {name} | {run['rows_per_s']:,} | {run['own_cpu_ms_per_1000_rows']:.1f}"
        f" | {cassandra * 1e6 / rows:.1f} | {proxy * 1e6 / rows:.1f} | {run['peak_mb']:.0f} |"
    )
