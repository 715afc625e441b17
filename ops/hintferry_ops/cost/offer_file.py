"""AWS's price list files: which of Hintferry's figures each of their prices is. Pure.

The Billing user guide describes the file of a service in "Reading the service price list file". It
describes the file of a Savings Plan in "Reading the service price list file for a Savings Plan".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hintferry.core.errors import ConfigurationError

MILLION = 1_000_000
HOURS_A_MONTH = 730

URL = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{offer}/current/{region}/index.json"

SAVINGS = "savings"
"""The service under which rates of a Savings Plan are kept."""


class PriceKind(NamedTuple):
    """A price that Hintferry uses: the usage type without its Region, and by how much it is
    multiplied.
    """

    service: str
    figure: str
    usage: str
    factor: float = 1.0


OFFERS = {
    "AmazonMCS": (
        PriceKind("keyspaces", "million_writes", r"WriteRequestUnits", MILLION),
        PriceKind("keyspaces", "million_reads", r"ReadRequestUnits", MILLION),
        PriceKind("keyspaces", "write_hour", r"WriteCapacityUnit-Hrs"),
        PriceKind("keyspaces", "read_hour", r"ReadCapacityUnit-Hrs"),
        PriceKind("keyspaces", "storage_gib_month", r"TimedStorage-ByteHrs"),
        PriceKind("keyspaces", "recovery_gib_month", r"TimedPITRStorage-ByteHrs"),
        PriceKind("keyspaces", "restore_gib", r"RestoreDataSize-Bytes"),
        PriceKind("keyspaces", "million_ttl_deletes", r"TTLDeletes", MILLION),
        PriceKind("keyspaces", "million_stream_reads", r"Streams-Requests", MILLION),
    ),
    "AmazonMSK": (
        PriceKind("msk", "broker_hour", r"Kafka\.((?:express\.)?[a-z]\w*\.\w+)"),
        PriceKind("msk", "broker_gib_month", r"Kafka\.Storage\.GP2"),
    ),
    "AWSLambda": (
        PriceKind("lambda", "gb_second", r"Lambda-GB-Second-ARM"),
        PriceKind("lambda", "poller_unit_hour", r"Lambda-.*EventPoller.*"),
    ),
    "AmazonVPC": (PriceKind("vpc", "endpoint_hour", r"VpcEndpoint-Hours"),),
    "AmazonCloudWatch": (
        PriceKind("cloudwatch", "alarm_month", r"CW:AlarmMonitorUsage"),
        PriceKind("cloudwatch", "metric_month", r"CW:MetricMonitorUsage"),
        PriceKind(
            "cloudwatch", "dashboard_month", r"DashboardsUsageHour(?:-Basic)?", HOURS_A_MONTH
        ),
        PriceKind("cloudwatch", "log_gb", r"DataProcessing-Bytes"),
        PriceKind("cloudwatch", "flow_log_gb", r"VendedLog-Bytes"),
    ),
    "AWSQueueService": (PriceKind("sqs", "million_requests", r"Requests-Tier1", MILLION),),
    "awskms": (PriceKind("kms", "key_month", r"KMS-Keys"),),
    "AWSSecretsManager": (PriceKind("secrets", "secret_month", r"AWSSecretsManager-Secrets"),),
}
"""The prices that are read, by offer code. A usage type begins with its Region's short name, but
for some of us-east-1."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One price, USD. `published`: the day of its file."""

    service: str
    region: str
    name: str
    usd: float
    published: str

    member: str = ""
    """The instance type, for the price of a broker; else empty."""


def figures(tree: Mapping[str, Any], path: str) -> list[Figure]:
    """Return all prices of a file that Hintferry uses.

    Raises ConfigurationError for a file that is no price list, or of a service without one.
    """
    try:
        published = str(tree["publicationDate"])[:10]
        if isinstance(tree["products"], list):
            found = list(_of_savings(tree, published))
        else:
            kinds = OFFERS.get(tree["offerCode"])
            if kinds is None:
                raise ConfigurationError(
                    f"{path} is the price list of {tree['offerCode']}, which nothing here needs;"
                    f" give files of {', '.join(OFFERS)}"
                )
            found = list(_of_service(tree, kinds, published))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is no price list of AWS ({type(error).__name__}: {error}); download it from"
            f" {URL.format(offer='AmazonMCS', region='REGION')}"
        ) from error
    if not found:
        raise ConfigurationError(f"{path} has no price that is known here; nothing was changed")
    return found


def _of_service(
    tree: Mapping[str, Any], kinds: tuple[PriceKind, ...], published: str
) -> Iterator[Figure]:
    for sku, product in tree["products"].items():
        attributes = product["attributes"]
        region = attributes.get("regionCode")
        usd = _first_usd(tree["terms"]["OnDemand"].get(sku, {}))
        if not region or usd is None:
            continue
        for kind in kinds:
            matched = _usage(kind.usage).fullmatch(attributes.get("usagetype", ""))
            if matched:
                member = matched[1].lower() if matched.groups() else ""
                named = "" if not member else member if "express" in member else f"kafka.{member}"
                price = usd * kind.factor
                yield Figure(kind.service, region, kind.figure, price, published, named)


def _of_savings(tree: Mapping[str, Any], published: str) -> Iterator[Figure]:
    """Yield the rates of Keyspaces in a Savings Plan, of the plan that is named first."""
    plans = tree["terms"]["savingsPlan"]
    kinds = OFFERS["AmazonMCS"]
    for rate in plans[0]["rates"]:
        if rate["discountedServiceCode"] != "AmazonMCS":
            continue
        for kind in kinds:
            if _usage(kind.usage).fullmatch(rate["discountedUsageType"]):
                usd = float(rate["discountedRate"]["price"]) * kind.factor
                region = rate.get("discountedRegionCode") or tree["regionCode"]
                yield Figure(SAVINGS, region, kind.figure, usd, published)


def _usage(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:[A-Z]{{2,4}}\d?|[a-z]+(?:-[a-z]+)+-\d)-)?{pattern}")


def _first_usd(terms: Mapping[str, Any]) -> float | None:
    """Return the price of the first unit; None where it is in another currency."""
    for term in terms.values():
        for dimension in term["priceDimensions"].values():
            usd = dimension["pricePerUnit"].get("USD")
            if usd is not None and float(dimension.get("beginRange", 0)) == 0:
                return float(usd)
    return None
