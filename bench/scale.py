"""Derive what so many changes a second need, and what limits first, from the kept results.

`python -m bench.scale` puts its tables into docs/how-to/tuning.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from bench.loads import LoadShape
from bench.results import kept
from hintferry.adapters.config.deployment import KafkaSettings
from hintferry.adapters.config.settings import PARTITIONS, migration_from
from hintferry.core import metering
from hintferry.core.capacity import BACKFILL_SHARE
from hintferry.core.keyspaces_limits import (
    CONNECTION_REQUESTS,
    ON_DEMAND_WRITES,
    PARTITION_UNITS,
    TABLE_QUOTA,
)
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry_ops import constants
from hintferry_ops.cost.prices import POLLERS_A_UNIT, price_book
from tools import places

PAGE = places.ROOT / "docs" / "how-to" / "tuning.md"
BEGIN, END = "<!-- Made by `python -m bench.scale`. -->", "<!-- end -->"

RATES = (1_000, 10_000, 100_000, 1_000_000)
BACKFILL_BYTES = 5 * 10**12
LOAD = 0.5
"""A function is planned to be busy for half of the time."""

SPREAD = 2
"""How many partitions each invocation at once has: keys are not spread evenly over them."""

MEMORY_MB = 1_769
"""The memory with which a function has one whole core: lambda/latest/dg/configuration-memory.html
"""


_BOOK = price_book()
PRICES = _BOOK.keyspaces("us-east-1")
_GB_SECOND = _BOOK.usd("lambda", "us-east-1", "gb_second") or 0.0
_POLLER_UNIT_HOUR = _BOOK.usd("lambda", "us-east-1", "poller_unit_hour") or 0.0

INVOCATIONS_A_POLLER, BYTES_A_POLLER = 5, 5_000_000
"""Invocations at once, and bytes a second: lambda/latest/dg/kafka-scaling-modes.html"""

REPLICAS = 3
"""Replicas of a topic's records on the brokers."""

ACCOUNT_CONCURRENCY = 1_000
"""A quota, as an account has it at first."""

_HOUR_S, _DAY_S = 3_600, 86_400
Limit = tuple[float, str, str]
"""Changes a second at which it is reached, what it is, and what moves it."""

_SHAPE = LoadShape("single", "single rows of 13 columns")
_WIRE = {
    "text": b"x" * 20,
    "int": (2**31 - 1).to_bytes(4),
    "bigint": (2**63 - 1).to_bytes(8),
    "timestamp": bytes(8),
    "double": bytes(8),
    "uuid": bytes(16),
    "boolean": bytes(1),
}
_KEY = b"key 00000000"


@dataclass(frozen=True, slots=True)
class Measured:
    """Inputs from the results of the benches and from `core.metering`."""

    cpu_us: float
    """CPU of the processor for a key that is read and written, with a hint from each replica."""

    reads: float
    """Reads for each change; a full write follows each read."""

    plain_cpu_us: float
    """CPU for a key with one hint, when TTLs are not read."""

    single_cpu_us: float
    """CPU for a key with one hint, when TTLs are read."""

    hints: float
    hint_bytes: float
    row_units: int
    swept_row_bytes: int
    swept_row_size: int
    backfill_us: float
    """CPU of a backfill, for each row."""

    verify_us: float


@dataclass(frozen=True, slots=True)
class NeedAtRate:
    """Needs of one rate of changes a second, all of one table; money is USD an hour."""

    rate: int
    invocations: int
    partitions: int
    pollers: int
    kafka_mb_per_s: float
    kept_gib: float
    units_per_s: float
    keyspaces_usd: float
    lambda_usd: float
    pollers_usd: float


def measured() -> Measured:
    """The figures of the last run of each bench."""
    pipeline, source, capture, sweep = map(kept, ("pipeline", "source", "capture", "sweep"))
    window = source["windows"][str(constants.BATCH_WINDOW_S)]
    small = capture["kinds"]["ours"]["rows"]["200"]["live"]
    runs = sweep["runs"]
    return Measured(
        pipeline["loads"]["tripled"]["ours"]["cpu_us_per_key"],
        window["reads_per_change"],
        pipeline["loads"]["plain"]["ours"]["cpu_us_per_key"],
        pipeline["loads"]["single"]["ours"]["cpu_us_per_key"],
        window["hints_per_change"],
        small["topic_kb"],
        metering.write_units(row_size()),
        sweep["bytes_per_row"],
        swept_row_size(sweep["bytes_per_row"]),
        runs["backfill"]["own_cpu_ms_per_1000_rows"],
        runs["verify"]["own_cpu_ms_per_1000_rows"],
    )


def row_size() -> int:
    """Return the size of the row of 13 columns that bench pipeline uses, with TTL on, in bytes."""
    regulars = [Column(name, kind, ColumnKind.REGULAR) for name, kind in _SHAPE.types.items()]
    key = Column("p", "text", ColumnKind.PARTITION_KEY)
    table = Table(TableId("bench", "single"), (key,), regulars=tuple(regulars))
    values = tuple(_WIRE[column.cql_type] for column in regulars)
    return metering.row_size(table, (_KEY,), (), values, ttl=True)


def swept_row_size(values_bytes: int) -> int:
    """Return the size of the row of bench sweep (two keys, four values), with TTL on, in bytes."""
    number = (10**6).to_bytes(4)
    keys = [
        Column("customer", "int", ColumnKind.PARTITION_KEY),
        Column("id", "int", ColumnKind.CLUSTERING),
    ]
    kinds = {"address": "text", "placed": "timestamp", "state": "text", "total": "decimal"}
    regulars = [Column(name, kind, ColumnKind.REGULAR) for name, kind in kinds.items()]
    table = Table(TableId("bench", "orders"), (keys[0],), (keys[1],), regulars=tuple(regulars))
    others = 4 + 4 + 8 + 12 + 6
    values = bytes(values_bytes - others), bytes(8), bytes(12), bytes(6)
    return metering.row_size(table, (number,), (number,), values, ttl=True)


def need(found: Measured, rate: int) -> NeedAtRate:
    """Return the needs of so many changes a second."""
    keys = rate * found.reads
    cores = keys * found.cpu_us / 1e6
    invocations = ceil(cores / LOAD)
    partitions = max(PARTITIONS, SPREAD * invocations)
    hint_bytes = rate * found.hints * found.hint_bytes
    pollers = max(ceil(partitions / INVOCATIONS_A_POLLER), ceil(hint_bytes / BYTES_A_POLLER))
    units = keys * found.row_units
    return NeedAtRate(
        rate,
        invocations,
        partitions,
        pollers,
        hint_bytes / 1e6,
        hint_bytes * constants.TOPIC_RETENTION_S * REPLICAS / 2**30,
        units,
        units * _HOUR_S * PRICES.million_writes / 1e6,
        cores / LOAD * _HOUR_S * MEMORY_MB / 1024 * _GB_SECOND,
        ceil(pollers / POLLERS_A_UNIT) * _POLLER_UNIT_HOUR,
    )


def limits(found: Measured) -> list[Limit]:
    """Changes a second of one table at which each limit is reached, the first one first."""
    deployed = migration_from(places.ROOT / "migration.toml").deployment
    an_invocation = LOAD * 1e6 / (found.cpu_us * found.reads)
    return sorted(
        [
            *_of_the_target(found),
            *_of_kafka(found, deployed.kafka),
            *_of_the_pollers(found, an_invocation),
            *_of_the_functions(deployed.pipeline.concurrency, an_invocation),
        ]
    )


def _of_the_target(found: Measured) -> Iterator[Limit]:
    units = found.row_units * found.reads
    yield (
        PARTITION_UNITS / found.row_units,
        f"one partition of the target takes {PARTITION_UNITS:,} write units a second",
        "fixed; of rows that change over and over a longer window writes fewer",
    )
    yield (
        ON_DEMAND_WRITES / units,
        f"a new table on demand takes {ON_DEMAND_WRITES:,} write units a second",
        "`warm_write_units`",
    )
    yield (
        TABLE_QUOTA / units,
        f"a quota of {TABLE_QUOTA:,} write units a second for a table",
        "ask AWS, then `target.table_quota`",
    )


def _of_kafka(found: Measured, kafka: KafkaSettings) -> Iterator[Limit]:
    hint_bytes, kept_s = found.hints * found.hint_bytes, constants.TOPIC_RETENTION_S
    yield (
        kafka.brokers * kafka.storage_gib * 2**30 / (hint_bytes * kept_s * REPLICAS),
        f"hints of {kept_s // _DAY_S} days fill {kafka.brokers} brokers of {kafka.storage_gib} GiB",
        "`kafka.storage_gib`, `kafka.brokers`",
    )


def _of_the_pollers(found: Measured, an_invocation: float) -> Iterator[Limit]:
    pollers = constants.MOST_POLLERS
    more = '`tables."k.t".most_pollers`; 2,000 for the tables of a group'
    yield (
        pollers * INVOCATIONS_A_POLLER * an_invocation,
        f"{pollers} pollers of {INVOCATIONS_A_POLLER} invocations each",
        more,
    )
    yield (
        pollers * BYTES_A_POLLER / (found.hints * found.hint_bytes),
        f"{pollers} pollers of {BYTES_A_POLLER // 10**6} MB/s each",
        more,
    )


def _of_the_functions(concurrency: int, an_invocation: float) -> Iterator[Limit]:
    yield (
        PARTITIONS / SPREAD * an_invocation,
        f"{PARTITIONS} partitions, one batch of each at once",
        '`tables."k.t".partitions`',
    )
    yield (
        concurrency * an_invocation,
        f"{concurrency} invocations at once",
        "`pipeline.concurrency`, of all tables together",
    )
    yield (
        ACCOUNT_CONCURRENCY * an_invocation,
        f"an account's {ACCOUNT_CONCURRENCY:,} invocations at once in a Region",
        "ask AWS",
    )


def page() -> str:
    """The part of docs/how-to/tuning.md that stands between BEGIN and END."""
    return "\n".join([BEGIN, "", *_lines(measured()), "", END])


def _lines(found: Measured) -> Iterator[str]:
    yield from (*_measured_as(found), "", *_by_rate(found), "")
    yield from (*_by_limit(found), "", *_of_a_backfill(found))


def _measured_as(found: Measured) -> Iterator[str]:
    yield (
        f"One table, keys spread evenly, three replicas, rows of 13 columns ({row_size()} bytes by"
        f" the published arithmetic, {found.row_units} write unit"
        f"{'s' if found.row_units > 1 else ''}). Measured, with records batched for"
        f" {constants.BATCH_WINDOW_S} s: {found.cpu_us:.0f} us of the processor's CPU a key, and"
        f" {found.hint_bytes:.0f} bytes a change hint on the topic. A change brought"
        f" {found.hints:.2f} change hints and {found.reads:.2f} reads, and as many full writes."
        " Functions of {MEMORY_MB:,} MB, one"
        f" core, planned for {LOAD:.0%} load; {SPREAD} partitions for each of them."
        f" USD as of {PRICES.dated}, {PRICES.region}; brokers, storage and traffic come on top."
    )


def _by_rate(found: Measured) -> Iterator[str]:
    yield (
        "| changes/s | invocations at once | partitions | pollers | to Kafka MB/s"
        " | kept in 7 days, three copies | write units/s | USD/h: Keyspaces | Lambda | pollers |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for rate in RATES:
        one = need(found, rate)
        yield (
            f"| {rate:,} | {one.invocations:,} | {one.partitions:,} | {one.pollers:,}"
            f" | {one.kafka_mb_per_s:,.1f} | {_size(one.kept_gib)} | {one.units_per_s:,.0f}"
            f" | {one.keyspaces_usd:,.2f} | {one.lambda_usd:,.2f} | {one.pollers_usd:,.2f} |"
        )


def _by_limit(found: Measured) -> Iterator[str]:
    whole = 1e6 / found.cpu_us
    yield "Which limit comes first, with this row in one table and `migration.toml` as it comes:"
    yield ""
    yield "| at changes/s | limit | what moves it |"
    yield "|---|---|---|"
    for at, limit, fix in limits(found):
        yield f"| {_rounded(at)} | {limit} | {fix} |"
    yield ""
    yield (
        f"A connection to Keyspaces takes {CONNECTION_REQUESTS:,} requests a second: never"
        f" reached, since a whole core does {_rounded(whole)} keys, each one request or less."
        " Where TTLs are not asked for (`ttl = false`), a key takes"
        f" {found.plain_cpu_us:.0f} us instead of {found.single_cpu_us:.0f}."
    )


def _of_a_backfill(found: Measured) -> Iterator[str]:
    rows = BACKFILL_BYTES / found.swept_row_bytes
    units = rows * metering.write_units(found.swept_row_size)
    usd, stored = units * PRICES.million_writes / 1e6, rows * found.swept_row_size / 2**30
    read_units = BACKFILL_BYTES / metering.READ_UNIT
    yield (
        f"**A backfill of 5 TB** in rows of {found.swept_row_bytes} bytes:"
        f" {rows / 1e9:.1f} billion rows, as many write units"
        f" ({found.swept_row_size} bytes each), {usd:,.0f} USD to write. Its storage then costs"
        f" {stored * PRICES.storage_gib_month:,.0f} USD a month. It takes"
        f" {rows * found.backfill_us / 1e6 / _HOUR_S:,.0f} hours of one core"
        f" ({found.backfill_us:.0f} us a row), a verify"
        f" {rows * found.verify_us / 1e6 / _HOUR_S:,.0f}"
        f" and about {read_units * PRICES.million_reads / 1e6:,.0f} USD of reads. How long, is"
        " decided by what the table takes:"
    )
    yield ""
    yield "| the table takes, write units/s | of which a backfill | days | cores at work |"
    yield "|---|---|---|---|"
    for taken in (ON_DEMAND_WRITES, TABLE_QUOTA, 10 * TABLE_QUOTA):
        used = BACKFILL_SHARE * taken
        cores = used / (units / rows) * found.backfill_us / 1e6
        yield f"| {taken:,} | {used:,.0f} | {units / used / _DAY_S:,.1f} | {cores:,.1f} |"


def _rounded(number: float) -> str:
    """Two digits tell as much as there is to tell."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _size(gib: float) -> str:
    return f"{gib:,.0f} GiB" if gib < 10_000 else f"{gib / 1024:,.0f} TiB"


def main() -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + page() + after)


if __name__ == "__main__":
    main()
