"""Say what a run makes and what it may cost at most, before anything is made."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acceptance.ports import Refused
from hintferry.adapters.config.settings import Migration, migration_from
from hintferry_ops.cost.fixed_cost import Line, standing_cost, total
from hintferry_ops.cost.prices import HOURS_A_MONTH, PriceBook
from sandbox.workload import KEYSPACE, TABLES, source_ddl
from tools.places import BUILD

PREFIX = "acceptance-"
NAME = re.compile(rf"{PREFIX}[0-9a-f]{{6}}")

NODE_ADDRESS, NODE_CIDR, DATACENTER = "10.43.0.10", "10.43.0.0/24", "dc1"
"""Where the one Cassandra is: known before it is made, so that one deploy makes everything."""

RATE = 150
"""Mutations of the source in a second, as `make demo` has."""

KEYSPACES_MADE = (KEYSPACE, "hintferry")

INSTANCE = "m6i.large"
INSTANCE_OUTPUT = "InstanceId"
"""The output of the stack *source*."""

EC2_HOUR, EC2_DATED = 0.20, "2026-11"
"""USD an hour, for the instance, its 30 GiB and its public address.

The price book has no EC2. N. Virginia asked 0.096 for the instance at that date; twice that bounds
the commercial Regions that we know of.
"""

ORDER_TABLE = "shop.readings"
"""The table whose topic has one partition: the lag of a group then tells what it has committed."""

BYTES_A_ROW = 4_096
"""More than a row of the workload has on Keyspaces, so a write takes at most this many KiB."""

MINUTES = 5
LEAST_MINUTES, MOST_MINUTES = 1, 60

_FILE = """\
# The pipeline of one acceptance run. `python -m acceptance --teardown {name}` removes it.

[source]
contact_points = ["{address}"]
datacenter = "{datacenter}"
nodes = 1

[target]
endpoint = "cassandra.{region}.amazonaws.com"
region = "{region}"

[capture]
topic_prefix = "{name}"

[network]
source_cidrs = ["{cidr}"]

[pipeline]
name = "{name}"
concurrency = 8

[sweep]
every_hours = 0
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its name, its Region, and the minutes of its workload."""

    name: str
    region: str
    minutes: int
    root: Path = BUILD / "acceptance"

    @property
    def folder(self) -> Path:
        """Return where the run keeps its files."""
        return self.root / self.name

    @property
    def config(self) -> Path:
        """Return the path of its `migration.toml`."""
        return self.folder / "migration.toml"

    def write(self) -> Migration:
        """Write `migration.toml` and `schema.cql`, and return what they say."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = _FILE.format(
            name=self.name,
            region=self.region,
            address=NODE_ADDRESS,
            cidr=NODE_CIDR,
            datacenter=DATACENTER,
        )
        self.config.write_text(text + "".join(map(_table, TABLES)))
        replication = f"{{'class': 'NetworkTopologyStrategy', '{DATACENTER}': 1}}"
        schema = ";\n".join(source_ddl(replication)) + ";\n"
        (self.folder / "schema.cql").write_text(schema)
        return migration_from(self.config)


def _table(name: str) -> str:
    return f'\n[tables."{name}"]\n' + ("partitions = 1\n" if name == ORDER_TABLE else "")


def new_name() -> str:
    """Return the name of a new run."""
    return f"{PREFIX}{secrets.token_hex(3)}"


def checked_name(name: str) -> str:
    """Return the name as it is. Raises Refused for one that no run has."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name} is no name of a run; write it as {PREFIX}3f9a1c")
    return name


def most_usd(plan: Plan, migration: Migration, book: PriceBook, hours: float) -> list[Line]:
    """Return the most that each part may cost if the run takes all of its time.

    Raises Refused for a Region of which a price is missing.
    """
    region = plan.region
    share = hours / HOURS_A_MONTH
    lines = [
        Line(line.name, line.count, None if line.usd is None else line.usd * share)
        for line in standing_cost(migration, book)
        if line.count
    ]
    lines.append(Line(f"EC2 instance, {INSTANCE}", 1, EC2_HOUR * hours))
    lines.append(Line("poller unit of the stack order", 1, _more_pollers(migration, book, hours)))
    lines += _use(plan, book)
    missing = [line.name for line in lines if line.usd is None]
    if missing:
        raise Refused(
            f"no price is known in {region} for {', '.join(missing)}, so the run has no bound; run"
            " `hintferry prices` with AWS's price list files of that Region, or take --region"
            " us-east-1"
        )
    return lines


def usd_a_day(migration: Migration, book: PriceBook) -> float:
    """Return what a run costs a day that is kept, where each price is known."""
    an_hour = total(standing_cost(migration, book)) / HOURS_A_MONTH + EC2_HOUR
    return 24 * an_hour + (_more_pollers(migration, book, 24) or 0)


def _more_pollers(migration: Migration, book: PriceBook, hours: float) -> float | None:
    """Return what the two mappings of the order stack cost, which share one unit."""
    price = book.usd("lambda", migration.target.region, "poller_unit_hour")
    return None if price is None else price * hours


def _use(plan: Plan, book: PriceBook) -> list[Line]:
    """Return what the workload, the backfill and the verify passes read and write, at most."""
    prices = book.keyspaces(plan.region)
    mutations = RATE * plan.minutes * 60
    # Each change is written once; each row is copied once more, and again by a repair.
    units = 3 * mutations * BYTES_A_ROW // 1024
    reads = 4 * mutations
    return [
        Line("write units of Keyspaces", units, units * prices.million_writes / 1e6),
        Line("read units of Keyspaces", reads, reads * prices.million_reads / 1e6),
    ]


def told(plan: Plan, lines: Sequence[Line], hours: float, made: Sequence[str], dated: str) -> str:
    """Return the plan for people."""
    text = [
        f"Acceptance run {plan.name} in {plan.region}; it makes, in this order:",
        *(f"  {number}. {what}" for number, what in enumerate(made, start=1)),
        "",
        f"At most, USD, if it takes all of its {hours:.1f} h (prices of {dated}, EC2 of"
        f" {EC2_DATED}):",
        *(f"  {line.count:9,} {line.name:34} {line.usd or 0:8,.2f}" for line in lines),
        f"  {'':9} {'together':34} {sum(line.usd or 0 for line in lines):8,.2f}",
        "Not in it: Lambda's time, traffic, logs, S3, and what CloudFormation keeps.",
    ]
    return "\n".join(text)
