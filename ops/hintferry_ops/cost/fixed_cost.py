"""Describe what the stacks cost while nothing happens, from `migration.toml` alone. Pure.

Alarms and metrics are counted in the lists that the stacks are made of; a test compares all counts
with the templates that `make synth` writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hintferry.adapters.config.deployment import ALL_ENDPOINTS
from hintferry.adapters.config.settings import Migration
from hintferry_ops.constants import MAPPINGS_A_POLLER_GROUP
from hintferry_ops.cost.offer_file import OFFERS
from hintferry_ops.cost.prices import HOURS_A_MONTH, POLLERS_A_UNIT, PriceBook, unknown
from hintferry_ops.deployed import zones
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring.every_alarm import every_alarm
from hintferry_ops.monitoring.node_metrics import METRICS
from hintferry_ops.monitoring.rule import Query, Series

REPORT_BYTES = 3_000
"""At most, what a node's guard writes to its log group at each look, every 15 s."""

REPORTS_AN_HOUR = 240

PRICED = "us-east-1"
"""The Region of which every price is shipped."""


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of thing. `usd` is of a month; None: its price is not known here."""

    name: str
    count: int
    usd: float | None


def standing_cost(migration: Migration, book: PriceBook, region: str | None = None) -> list[Line]:
    """Return line by line what stands, at the prices of `region`, else of the target's Region.

    What is read, written, stored and run comes on top.

    Lambda at rest costs nothing.
    """
    deployment = migration.deployment
    region = region or migration.target.region
    megabytes = deployment.nodes * REPORTS_AN_HOUR * HOURS_A_MONTH * REPORT_BYTES // 1_000_000

    def line(name: str, count: int, service: str, figure: str, times: float = 1.0) -> Line:
        return Line(name, count, _usd(count * times, book.usd(service, region, figure)))

    pollers = _poller_units(migration)
    endpoints = _endpoints(migration)
    return [
        *_brokers(migration, book, region),
        line("event poller units", pollers, "lambda", "poller_unit_hour", HOURS_A_MONTH),
        line("endpoints, a zone each", endpoints, "vpc", "endpoint_hour", HOURS_A_MONTH),
        line("series that alarms watch", _alarms(migration), "cloudwatch", "alarm_month"),
        line("series of our own metrics", _series(migration), "cloudwatch", "metric_month"),
        line("dashboards", len(metrics.DASHBOARDS), "cloudwatch", "dashboard_month"),
        line("MB of the nodes' reports", megabytes, "cloudwatch", "log_gb", 1 / 1000),
        line("keys", int(not deployment.security.kms_key_arn), "kms", "key_month"),
        line("secrets", int(bool(migration.source.secret_arn)), "secrets", "secret_month"),
    ]


def total(lines: Sequence[Line]) -> float:
    """Return the sum of all whose price is known."""
    return sum(line.usd or 0.0 for line in lines)


def told(migration: Migration, book: PriceBook) -> str:
    """Return the lines for people; where a price is not known, the sum of a Region as a measure,
    and how the price becomes known."""
    region, lines = migration.target.region, standing_cost(migration, book)
    dates = ", ".join(book.dated(region)) or "none"
    text = [f"Standing cost, USD a month ({region}, prices of {dates}; use comes on top):"]
    unpriced = [line for line in lines if line.usd is None]
    if unpriced and region != PRICED:
        measure = total(standing_cost(migration, book, PRICED))
        text.insert(
            0,
            f"Standing cost: {len(unpriced)} prices of {region} are not known here. The same costs"
            f" {measure:,.2f} USD a month in {PRICED}.",
        )
    for line in lines:
        usd = "no price known" if line.usd is None else f"{line.usd:,.2f}"
        text.append(f"  {line.count:5,} {line.name:28} {usd:>14}")
    is_whole = not unpriced
    name = "together" if is_whole else "together, at least"
    text.append(f"  {'':5} {name:28} {total(lines):>14,.2f}")
    if not is_whole:
        text.append(f"  Of some, {unknown('OFFER', region)}, OFFER being each of")
        text.append(f"  {', '.join(OFFERS)}.")
    return "\n".join(text)


def _usd(count: float, price: float | None) -> float | None:
    """Return the price of so many in USD; none costs nothing, whatever the price."""
    if not count:
        return 0.0
    return None if price is None else count * price


def _brokers(migration: Migration, book: PriceBook, region: str) -> Iterator[Line]:
    """Yield those that the stacks make; a cluster that is there already is paid for already."""
    kafka = migration.deployment.kafka
    if kafka.cluster_arn:
        return
    price = book.usd("msk", region, "broker_hour", kafka.instance)
    usd = _usd(kafka.brokers * HOURS_A_MONTH, price)
    yield Line(f"brokers, {kafka.instance}", kafka.brokers, usd)
    if kafka.is_express:
        # Their storage, and each GB that is written, is paid by what is used.
        return
    gib = kafka.brokers * kafka.storage_gib
    price = book.usd("msk", region, "broker_gib_month")
    yield Line("GiB of brokers' storage", gib, _usd(gib, price))


def _poller_units(migration: Migration) -> int:
    """The pollers of a group share units, and each mapping keeps its least number of them."""
    least = [table.mapping.least_pollers for table in migration.followed]
    groups = range(0, len(least), MAPPINGS_A_POLLER_GROUP)
    kept = (sum(least[first : first + MAPPINGS_A_POLLER_GROUP]) for first in groups)
    return sum(-(-pollers // POLLERS_A_UNIT) for pollers in kept)


def _endpoints(migration: Migration) -> int:
    """Return the endpoints of Keyspaces and SQS, and of Secrets Manager where a login needs it."""
    network = migration.deployment.network
    subnets = network.subnet_ids if network.vpc_id else zones(migration)
    services = 3 if migration.source.secret_arn else 2
    if network.endpoints != ALL_ENDPOINTS:
        # The endpoint of S3 is a gateway, which costs nothing.
        services = len([one for one in network.endpoints if one != "s3"])
    return services * len(subnets)


def _alarms(migration: Migration) -> int:
    """Return how many series the alarms watch; CloudWatch is paid by the series."""
    watched = [rule.metric for rule in every_alarm(migration)]
    return sum(_series_watched(migration, metric) for metric in watched)


def _series_watched(migration: Migration, metric: Series | Query) -> int:
    if isinstance(metric, Series):
        return 1
    topics = len(migration.followed)
    found = {
        metrics.MAPPING: len(metric.values),
        metrics.GROUP: topics,
        metrics.BROKER: migration.deployment.kafka.brokers,
        # A series is there once the service has failed at that operation.
        metrics.TABLE_OPERATION: 0,
    }
    return found[metric.dimensions]


def _series(migration: Migration) -> int:
    """Return how many metrics of our own there are; a node's are kept for it, and for all."""
    deployment = migration.deployment
    swept = len(metrics.OF_SWEEPS) if deployment.sweep.every_hours else 0
    return len(metrics.OURS) + swept + len(METRICS) * (deployment.nodes + 1)
