"""Test that AWS's price list files are read, and that no Region stands in for another.

The files are made by hand in the documented format, with a few products each; those of
AmazonMCS have the attributes of AWS's own file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hintferry.core.errors import ConfigurationError
from hintferry_cli.app import app
from hintferry_ops.cost.offer_file import OFFERS, figures
from hintferry_ops.cost.prices import SHIPPED, price_book, renewed, written

REGION = "eu-west-1"

KEYSPACES = {
    "EU-WriteRequestUnits": "0.0000007000",
    "EU-ReadRequestUnits": "0.0000001400",
    "EU-WriteCapacityUnit-Hrs": "0.0007350000",
    "EU-ReadCapacityUnit-Hrs": "0.0001470000",
    "EU-TimedStorage-ByteHrs": "0.2800000000",
    "EU-TimedPITRStorage-ByteHrs": "0.2200000000",
}


def offer(code: str, usages: dict[str, str], region: str = REGION, **more: Any) -> dict[str, Any]:
    """Return a price list of these usage types and prices."""
    products, terms = {}, {}
    for number, (usage, usd) in enumerate(usages.items()):
        sku = f"SKU{number}"
        attributes = {"servicecode": code, "regionCode": region, "usagetype": usage}
        products[sku] = {"sku": sku, "productFamily": "x", "attributes": attributes}
        free = {"unit": "x", "beginRange": "1000", "endRange": "Inf", "pricePerUnit": {"USD": "9"}}
        first = {"unit": "x", "beginRange": "0", "endRange": "1000", "pricePerUnit": {"USD": usd}}
        dimensions = {f"{sku}.J.B": free, f"{sku}.J.A": first}
        terms[sku] = {f"{sku}.J": {"offerTermCode": "J", "sku": sku, "priceDimensions": dimensions}}
    return {
        "formatVersion": "v1.0",
        "offerCode": code,
        "version": "20261101000000",
        "publicationDate": "2026-11-01T00:00:00Z",
        "products": products,
        "terms": {"OnDemand": terms},
        **more,
    }


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prices", *arguments])


def put(folder: Path, tree: object, name: str = "offer.json") -> str:
    path = folder / name
    path.write_text(json.dumps(tree))
    return str(path)


def test_a_file_of_keyspaces_renews_its_region(tmp_path: Path) -> None:
    out = tmp_path / "prices.toml"
    result = run(put(tmp_path, offer("AmazonMCS", KEYSPACES)), "--out", str(out))
    assert (result.exit_code, result.stdout) == (
        0,
        f"{out}: 6 figures of keyspaces in 1 Region.\n",
    )
    prices = price_book(tmp_path).keyspaces(REGION)
    assert (prices.region, prices.dated) == (REGION, "2026-11-01")
    assert prices.million_writes == pytest.approx(0.7)
    assert prices.read_hour == pytest.approx(0.000147)
    assert price_book(tmp_path).keyspaces("us-east-1") == price_book().keyspaces("us-east-1")
    assert price_book().keyspaces(REGION).dated == "2025-11-05"


USAGES = {
    ("AmazonMSK", "EUW1-Kafka.m7g.large"): ("msk", "broker_hour", "kafka.m7g.large", 1),
    ("AmazonMSK", "USE1-Kafka.express.m7g.large"): ("msk", "broker_hour", "express.m7g.large", 1),
    ("AmazonMSK", "EUW1-Kafka.Storage.GP2"): ("msk", "broker_gib_month", "", 1),
    ("AWSLambda", "EU-Lambda-GB-Second-ARM"): ("lambda", "gb_second", "", 1),
    ("AmazonVPC", "USE2-VpcEndpoint-Hours"): ("vpc", "endpoint_hour", "", 1),
    ("AmazonCloudWatch", "EU-CW:AlarmMonitorUsage"): ("cloudwatch", "alarm_month", "", 1),
    ("AmazonCloudWatch", "CW:MetricMonitorUsage"): ("cloudwatch", "metric_month", "", 1),
    ("AmazonCloudWatch", "DashboardsUsageHour"): ("cloudwatch", "dashboard_month", "", 730),
    ("AmazonCloudWatch", "EU-VendedLog-Bytes"): ("cloudwatch", "flow_log_gb", "", 1),
    ("AWSQueueService", "EU-Requests-Tier1"): ("sqs", "million_requests", "", 1e6),
    ("awskms", "eu-west-1-KMS-Keys"): ("kms", "key_month", "", 1),
    ("AmazonMCS", "APS3-TTLDeletes"): ("keyspaces", "million_ttl_deletes", "", 1e6),
    ("AmazonMCS", "USE1-Streams-Requests"): ("keyspaces", "million_stream_reads", "", 1e6),
}


@pytest.mark.parametrize(("code", "usage"), USAGES)
def test_each_usage_type_is_the_figure_it_pays_for(code: str, usage: str) -> None:
    service, name, member, factor = USAGES[code, usage]
    (found,) = figures(offer(code, {usage: "0.5", "EU-Something-Else": "7"}), "x")
    assert (found.service, found.name, found.member) == (service, name, member)
    assert found.usd == 0.5 * factor


def test_what_a_file_does_not_have_stays(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    brokers = {"EUW1-Kafka.m5.large": "0.21", "EUW1-Kafka.Storage.GP2": "0.11"}
    path.write_text(written(renewed(path, figures(offer("AmazonMSK", brokers), "x"))))
    later = offer("AmazonMSK", {"EUW1-Kafka.m7g.large": "0.2"})
    path.write_text(written(renewed(path, figures(later, "x"))))
    book = price_book(tmp_path)
    assert book.usd("msk", REGION, "broker_hour", "kafka.m5.large") == 0.21
    assert book.usd("msk", REGION, "broker_hour", "kafka.m7g.large") == 0.2
    assert book.usd("msk", REGION, "broker_gib_month") == 0.11
    assert book.usd("msk", REGION, "broker_hour", "kafka.x9.huge") is None


def test_a_savings_plan_is_read(tmp_path: Path) -> None:
    rate = {
        "discountedServiceCode": "AmazonMCS",
        "discountedUsageType": "EU-WriteRequestUnits",
        "discountedRate": {"price": "0.00000057", "currency": "USD"},
    }
    other = {**rate, "discountedServiceCode": "AmazonRDS"}
    plan = {
        "publicationDate": "2026-11-01T00:00:00Z",
        "regionCode": REGION,
        "products": [],
        "terms": {"savingsPlan": [{"sku": "S", "rates": [other, rate]}]},
    }
    (found,) = figures(plan, "x")
    assert (found.service, found.region, found.name) == ("savings", REGION, "million_writes")
    assert found.usd == pytest.approx(0.57)


def test_a_price_in_another_currency_is_none_of_ours(tmp_path: Path) -> None:
    tree = offer("AmazonMCS", {"CNW1-WriteRequestUnits": "4"}, "cn-northwest-1")
    for term in tree["terms"]["OnDemand"].values():
        for one in term.values():
            for dimension in one["priceDimensions"].values():
                dimension["pricePerUnit"] = {"CNY": "4"}
    with pytest.raises(ConfigurationError, match="has no price that is known here"):
        figures(tree, "x")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is no price list of AWS"),
        ("{}", "is no price list of AWS (KeyError: 'publicationDate'); download it from https://"),
        (json.dumps(offer("AmazonEC2", {"BoxUsage": "1"})), "the price list of AmazonEC2, which"),
        (json.dumps(offer("AmazonMCS", {"Other": "1"})), "has no price that is known here"),
        (json.dumps(offer("AmazonMCS", {}, terms={})), "has no price"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "offer.json").write_text(content)
    result = run(str(tmp_path / "offer.json"), "--out", str(tmp_path / "prices.toml"))
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert says in line
    assert not (tmp_path / "prices.toml").exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run(str(tmp_path / "none.json"))
    assert (result.exit_code, "cannot be read" in result.stderr) == (2, True)
    (tmp_path / "prices.toml").write_text("[unheard]\n")
    with pytest.raises(ConfigurationError, match="unheard, which is no service"):
        price_book(tmp_path)


def test_no_region_stands_in_for_another() -> None:
    with pytest.raises(ConfigurationError, match=r"no price is known for mars-1: run .*mars-1/ind"):
        price_book().keyspaces("mars-1")
    assert price_book().usd("msk", REGION, "broker_hour", "kafka.m5.large") is None


def test_what_is_shipped_is_dated_written_by_the_command_and_of_commercial_regions() -> None:
    text, book = SHIPPED.read_text(), price_book()
    assert written(book.sections) == text
    assert len(book.sections["keyspaces"]) == 20
    for regions in book.sections.values():
        assert all(one["published"] for one in regions.values())
    named = {region for regions in book.sections.values() for region in regions}
    assert not [one for one in named if one.startswith(("cn-", "us-gov-"))]
    assert set(book.sections) <= {kind.service for kinds in OFFERS.values() for kind in kinds} | {
        "savings"
    }
