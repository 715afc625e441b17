"""Run `hintferry size`: what capture needs on each Cassandra node."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from hintferry_cli.exits import Status, statuses
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import Json
from hintferry_cli.size.arithmetic import Need, NodeLoad, need

HELP = "\n\n".join(
    (
        "Calculate what capture needs on each Cassandra node: space, CPU, memory, network.",
        "Give what one node writes, with its replicas of other nodes' rows and tables"
        " without cdc too: all share one commit log. It connects to nothing; it calculates from"
        " measurements of `python -m bench capture`.",
        "Examples",
        "  hintferry size --writes-per-second 3000 --row-bytes 400 --outage-hours 6",
        "  hintferry size --writes-per-second 3000 --row-bytes 400 --outage-hours 6 --json",
        statuses("the needs are printed", unavailable=""),
    )
)


def size(
    writes_per_second: Annotated[
        float, typer.Option(min=0.001, help="Mutations that the node applies a second.")
    ],
    row_bytes: Annotated[float, typer.Option(min=1, help="Bytes of a mutation: key and values.")],
    outage_hours: Annotated[
        float, typer.Option(min=0.01, help="Longest outage of capture to survive.")
    ],
    segment_mib: Annotated[
        int, typer.Option(min=1, help="commitlog_segment_size of the node.")
    ] = 32,
    json: Json = False,
) -> None:
    needed = need(NodeLoad(writes_per_second, row_bytes, outage_hours, segment_mib))
    if not json:
        typer.echo("\n".join(_lines(needed, outage_hours)))
    conclude(asdict(needed) if json else None, next_steps("size", Status.DONE))


def _lines(needed: Need, hours: float) -> list[str]:
    catch_up = (
        "never, with the one core of its unit: raise CPUQuota"
        if needed.catch_up_hours is None
        else f"{needed.catch_up_hours:g} h, with the one core of its unit"
    )
    rows = (
        ("commit log", f"{needed.log_bytes_per_s / 2**20:.1f} MiB/s"),
        ("cdc_total_space", f"{needed.cdc_total_space_mib}MiB, for {hours:g} h"),
        ("archive beside it", f"{needed.archive_mib} MiB"),
        ("CPU", f"{needed.cpu_cores:g} cores"),
        ("memory", f"{needed.memory_mib} MiB"),
        ("disk reads", "none while it follows; for a backlog, what the page cache no longer holds"),
        ("to Kafka", f"{needed.kafka_bytes_per_s / 2**20:.2f} MiB/s"),
        ("caught up after", catch_up),
    )
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {value}" for name, value in rows]
