"""What the stacks cost while nothing happens, from their templates. No import of the CDK."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hintferry.adapters.settings import Migration
from infra import metrics, prices
from node.cdcguard.cdcguard import METRICS as GUARDED

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of thing. `usd` is of a month; None: its price is not known here."""

    name: str
    count: int
    usd: float | None


def standing_cost(migration: Migration, templates: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Line by line; log storage, data and requests depend on use and come on top."""
    hours = prices.HOURS_A_MONTH
    lines = [*_brokers(_of(templates, "AWS::MSK::Cluster"))]
    units = _poller_units(_of(templates, "AWS::Lambda::EventSourceMapping"))
    lines.append(Line("event poller units", units, units * prices.POLLER_UNIT_HOUR * hours))
    zones = sum(
        len(one["SubnetIds"])
        for one in _of(templates, "AWS::EC2::VPCEndpoint")
        if one["VpcEndpointType"] == "Interface"
    )
    lines.append(Line("endpoints, a zone each", zones, zones * prices.ENDPOINT_HOUR * hours))
    alarms = _alarms(migration, _of(templates, "AWS::CloudWatch::Alarm"))
    lines.append(Line("series that alarms watch", alarms, alarms * prices.ALARM_MONTH))
    # Of a node's figures one series is its own, and one is all nodes'.
    ours = len(metrics.OURS) + len(GUARDED) * (migration.deployment.nodes + 1)
    lines.append(Line("series of our own metrics", ours, ours * prices.METRIC_MONTH))
    for name, kind, price in (
        ("dashboards", "AWS::CloudWatch::Dashboard", prices.DASHBOARD_MONTH),
        ("keys", "AWS::KMS::Key", prices.KEY_MONTH),
    ):
        count = len(list(_of(templates, kind)))
        lines.append(Line(name, count, count * price))
    secrets = int(bool(migration.source.secret_arn))
    return [*lines, Line("secrets", secrets, secrets * prices.SECRET_MONTH)]


def told(lines: Sequence[Line]) -> str:
    """For people."""
    text = [f"Standing cost, USD a month (us-east-1, prices of {prices.DATED}; use comes on top):"]
    for line in lines:
        usd = "no price known" if line.usd is None else f"{line.usd:,.2f}"
        text.append(f"  {line.count:5,} {line.name:28} {usd:>14}")
    total = sum(line.usd or 0.0 for line in lines)
    return "\n".join([*text, f"  {'':5} {'together':28} {total:>14,.2f}"])


def _of(templates: Sequence[Mapping[str, Any]], kind: str) -> Iterator[Properties]:
    for template in templates:
        for resource in template["Resources"].values():
            if resource["Type"] == kind:
                yield resource.get("Properties", {})


def _brokers(clusters: Iterator[Properties]) -> Iterator[Line]:
    for cluster in clusters:
        count = cluster["NumberOfBrokerNodes"]
        nodes = cluster["BrokerNodeGroupInfo"]
        price = prices.BROKER_HOUR.get(nodes["InstanceType"])
        usd = None if price is None else count * price * prices.HOURS_A_MONTH
        yield Line(f"brokers, {nodes['InstanceType']}", count, usd)
        gib = count * nodes["StorageInfo"]["EBSStorageInfo"]["VolumeSize"]
        yield Line("GiB of brokers' storage", gib, gib * prices.BROKER_GIB_MONTH)


def _poller_units(mappings: Iterator[Properties]) -> int:
    """A group's pollers share units; each mapping keeps its smallest number of them."""
    pollers: Counter[str] = Counter()
    for one in mappings:
        config = one.get("ProvisionedPollerConfig")
        if config:
            pollers[config["PollerGroupName"]] += config["MinimumPollers"]
    return sum(-(-count // prices.POLLERS_A_UNIT) for count in pollers.values())


def _alarms(migration: Migration, alarms: Iterator[Properties]) -> int:
    """A query's alarm is paid by the series that it looks at: one a broker, or one a table."""
    series = 0
    for alarm in alarms:
        if "Metrics" not in alarm:
            series += 1
        elif "Broker ID" in str(alarm["Metrics"]):
            series += migration.deployment.kafka.brokers
        else:
            series += len(migration.tables)
    return series
