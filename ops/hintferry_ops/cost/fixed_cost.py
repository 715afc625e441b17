"""What the stacks cost while nothing happens, from `migration.toml` alone. Pure.

The counts are those of the templates that `make synth` writes: a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hintferry.adapters.config.settings import Migration
from hintferry_ops.cost import prices

ZONES = 3
"""Of a VPC for which no availability zones are named."""

MAPPINGS_A_POLLER_GROUP = 100
"""Each mapping keeps one poller."""

ALARMS = 39
"""That watch one series each; two more where sweeps are scheduled, one where nodes are told."""

ALARMS_A_MAPPING, ALARMS_A_TOPIC, ALARMS_A_BROKER = 3, 3, 1
"""That watch whatever a query finds; CloudWatch is paid by the series."""

SERIES, SERIES_OF_SWEEPS, SERIES_OF_A_NODE = 14, 4, 29
"""Metrics of our own. Those of the nodes are kept once a node, and once for all."""

DASHBOARDS = 2

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
    secrets = int(bool(migration.source.secret_arn))
    return [
        *_brokers(migration),
        Line("event poller units", units, units * prices.POLLER_UNIT_HOUR * hours),
        Line("endpoints, a zone each", endpoints, endpoints * prices.ENDPOINT_HOUR * hours),
        Line("series that alarms watch", alarms, alarms * prices.ALARM_MONTH),
        Line("series of our own metrics", series, series * prices.METRIC_MONTH),
        Line("dashboards", DASHBOARDS, DASHBOARDS * prices.DASHBOARD_MONTH),
        Line("MB of the nodes' reports", megabytes, megabytes / 1000 * prices.LOG_GB),
        Line("keys", 1, prices.KEY_MONTH),
        Line("secrets", secrets, secrets * prices.SECRET_MONTH),
    ]


def total(lines: Sequence[Line]) -> float:
    """Of all whose price is known."""
    return sum(line.usd or 0.0 for line in lines)


def told(lines: Sequence[Line]) -> str:
    """For people."""
    text = [
        f"Standing cost, USD a month ({prices.STANDING_REGION}, prices of"
        f" {prices.STANDING_DATED}; use comes on top):"
    ]
    for line in lines:
        usd = "no price known" if line.usd is None else f"{line.usd:,.2f}"
        text.append(f"  {line.count:5,} {line.name:28} {usd:>14}")
    return "\n".join([*text, f"  {'':5} {'together':28} {total(lines):>14,.2f}"])


def _brokers(migration: Migration) -> Iterator[Line]:
    """Those that the stacks make; a cluster that is there already is paid for already."""
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
    """Of Keyspaces and SQS, and of Secrets Manager where it is asked."""
    network = migration.deployment.network
    named = network.subnet_ids if network.vpc_id else network.availability_zones
    services = 3 if migration.source.secret_arn else 2
    return services * (len(named) or ZONES)


def _alarms(migration: Migration) -> int:
    deployment, topics = migration.deployment, len(migration.followed)
    return (
        ALARMS
        + (2 if deployment.sweep.every_hours else 0)
        + (1 if deployment.nodes else 0)
        # The mapping of the replay queue has these figures too.
        + ALARMS_A_MAPPING * (topics + 1)
        + ALARMS_A_TOPIC * topics
        + ALARMS_A_BROKER * deployment.kafka.brokers
    )


def _series(migration: Migration) -> int:
    deployment = migration.deployment
    swept = SERIES_OF_SWEEPS if deployment.sweep.every_hours else 0
    return SERIES + swept + SERIES_OF_A_NODE * (deployment.nodes + 1)
