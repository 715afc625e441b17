"""Describe what the stacks cost while nothing happens, from `migration.toml` alone. Pure.

Alarms and metrics are counted in the lists that the stacks are made of; a test compares all counts
with the templates that `make synth` writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hintferry.adapters.config.settings import Migration
from hintferry_ops.constants import MAPPINGS_A_POLLER_GROUP
from hintferry_ops.cost import prices
from hintferry_ops.deployed import zones
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring.alarm_rules import Names, rules
from hintferry_ops.monitoring.node_metrics import METRICS
from hintferry_ops.monitoring.rule import Query, Series

REPORT_BYTES = 3_000
"""At most, what a node's guard writes to its log group at each look, every 15 s."""

REPORTS_AN_HOUR = 240


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of thing. `usd` is of a month; None: its price is not known here."""

    name: str
    count: int
    usd: float | None


def standing_cost(migration: Migration) -> list[Line]:
    """Line by line; what is read, written, stored and run depends on use and comes on top.

    Lambda at rest costs nothing.
    """
    deployment, hours = migration.deployment, prices.HOURS_A_MONTH
    units, endpoints = _poller_units(len(migration.followed)), _endpoints(migration)
    alarms, series = _alarms(migration), _series(migration)
    megabytes = deployment.nodes * REPORTS_AN_HOUR * hours * REPORT_BYTES // 1_000_000
    dashboards = len(metrics.DASHBOARDS)
    secrets = int(bool(migration.source.secret_arn))
    return [
        *_brokers(migration),
        Line("event poller units", units, units * prices.POLLER_UNIT_HOUR * hours),
        Line("endpoints, a zone each", endpoints, endpoints * prices.ENDPOINT_HOUR * hours),
        Line("series that alarms watch", alarms, alarms * prices.ALARM_MONTH),
        Line("series of our own metrics", series, series * prices.METRIC_MONTH),
        Line("dashboards", dashboards, dashboards * prices.DASHBOARD_MONTH),
        Line("MB of the nodes' reports", megabytes, megabytes / 1000 * prices.LOG_GB),
        Line("keys", 1, prices.KEY_MONTH),
        Line("secrets", secrets, secrets * prices.SECRET_MONTH),
    ]


def total(lines: Sequence[Line]) -> float:
    """Return the sum of the lines whose price is known, in USD a month."""
    return sum(line.usd or 0.0 for line in lines)


def told(lines: Sequence[Line]) -> str:
    """Return the lines as text for people."""
    text = [
        f"Standing cost, USD a month ({prices.STANDING_REGION}, prices of"
        f" {prices.STANDING_DATED}; use comes on top):"
    ]
    for line in lines:
        usd = "no price known" if line.usd is None else f"{line.usd:,.2f}"
        text.append(f"  {line.count:5,} {line.name:28} {usd:>14}")
    return "\n".join([*text, f"  {'':5} {'together':28} {total(lines):>14,.2f}"])


def _brokers(migration: Migration) -> Iterator[Line]:
    """Return the brokers that the stacks make; an existing cluster is paid for already."""
    kafka = migration.deployment.kafka
    if kafka.cluster_arn:
        return
    price = prices.BROKER_HOUR.get(kafka.instance)
    usd = None if price is None else kafka.brokers * price * prices.HOURS_A_MONTH
    yield Line(f"brokers, {kafka.instance}", kafka.brokers, usd)
    gib = kafka.brokers * kafka.storage_gib
    yield Line("GiB of brokers' storage", gib, gib * prices.BROKER_GIB_MONTH)


def _poller_units(mappings: int) -> int:
    """A group's pollers share units."""
    full, rest = divmod(mappings, MAPPINGS_A_POLLER_GROUP)
    a_unit = prices.POLLERS_A_UNIT
    return full * (MAPPINGS_A_POLLER_GROUP // a_unit) + -(-rest // a_unit)


def _endpoints(migration: Migration) -> int:
    """Return the endpoints of Keyspaces and SQS, and of Secrets Manager where a login needs it."""
    network = migration.deployment.network
    subnets = network.subnet_ids if network.vpc_id else zones(migration)
    services = 3 if migration.source.secret_arn else 2
    return services * len(subnets)


def _alarms(migration: Migration) -> int:
    """Return how many series the alarms watch; CloudWatch is paid by the series."""
    named = rules(migration, Names("", "", "", "", "", ""))
    return sum(_series_watched(migration, rule.metric) for rule in named)


def _series_watched(migration: Migration, metric: Series | Query) -> int:
    if isinstance(metric, Series):
        return 1
    topics = len(migration.followed)
    found = {
        # The mapping of the replay queue has these metrics too.
        metrics.MAPPING: topics + 1,
        metrics.GROUP: topics,
        metrics.BROKER: migration.deployment.kafka.brokers,
    }
    return found[metric.dimensions]


def _series(migration: Migration) -> int:
    """Return how many metrics of our own there are; a node's are kept for it, and for all."""
    deployment = migration.deployment
    swept = len(metrics.OF_SWEEPS) if deployment.sweep.every_hours else 0
    return len(metrics.OURS) + swept + len(METRICS) * (deployment.nodes + 1)
