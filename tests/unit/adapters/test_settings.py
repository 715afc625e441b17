"""A bad `migration.toml` or environment is refused in one sentence with file, key and fix."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hintferry.adapters.config.groups import REST, Group, Wave
from hintferry.adapters.config.places import PLACES, Queues
from hintferry.adapters.config.settings import (
    migration_from,
    migration_from_environment,
    queues_from_environment,
)
from hintferry.core.capacity import ON_DEMAND, Capacity, Mode
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Table, TableId

GOOD = """
[source]
contact_points = ["10.0.0.1", "10.0.0.2"]
datacenter = "dc1"

[target]
endpoint = "cassandra.eu-west-1.amazonaws.com"
region = "eu-west-1"

[tables."shop.orders"]

[tables."shop.Visits"]
ttl = false
"""

DC = 'datacenter = "dc1"'
UNRESERVED = "reserve = false\nconcurrency = 11\n"
FIFTY = "".join(f"key{n} = 'a'\n" for n in range(50))
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cassandra-AbCdEf"


def written(folder: Path, text: str) -> Path:
    path = folder / "migration.toml"
    path.write_text(text)
    return path


def test_a_short_file_says_all_there_is_to_say(tmp_path: Path) -> None:
    migration = migration_from(written(tmp_path, GOOD))
    assert migration.source.contact_points == ("10.0.0.1", "10.0.0.2")
    assert (migration.source.port, migration.target.port) == (9042, 9142)
    assert (migration.topic_prefix, migration.target.ca_file) == ("hintferry", None)
    assert {TableId("shop", "orders"): True, TableId("shop", "Visits"): False} == {
        table.id: table.ttl for table in migration.tables
    }


def test_a_group_holds_its_tables_in_their_order(tmp_path: Path) -> None:
    groups = '[groups]\ncheckout = ["shop.Visits", "shop.orders"]\n'
    migration = migration_from(written(tmp_path, GOOD + groups))
    orders, visits = TableId("shop", "orders"), TableId("shop", "Visits")
    assert migration.groups == (Group("checkout", (visits, orders)),)
    assert migration.group_of(orders) == migration.groups[0]
    assert migration.group_of(TableId("shop", "other")) is None
    assert migration_from(written(tmp_path, GOOD)).groups == ()


def test_the_waves_have_an_order_and_the_rest_comes_last(tmp_path: Path) -> None:
    orders, visits = TableId("shop", "orders"), TableId("shop", "Visits")
    migration = migration_from(written(tmp_path, GOOD + '[waves]\nfirst = ["shop.Visits"]\n'))
    assert migration.waves == (Wave("first", (visits,)), Wave(REST, (orders,)))
    migration = migration_from(written(tmp_path, GOOD + '[waves]\nfirst = ["shop"]\n'))
    assert migration.waves == (Wave("first", (orders, visits)),)
    assert migration_from(written(tmp_path, GOOD)).waves == (Wave(REST, (orders, visits)),)


def test_the_stock_connector_cannot_carry_topics_that_kafka_takes_for_one(tmp_path: Path) -> None:
    both = '[tables."shop.x_events"]\n[tables."shop_x.events"]\n'
    migration = migration_from(written(tmp_path, GOOD + both))
    topics = {str(table.id): migration.topic(table.id) for table in migration.tables}
    assert topics["shop.x_events"] == "hintferry.shop.x_events"
    assert topics["shop_x.events"] == "hintferry.shop_x-events"
    stock = "[capture]\nstock = true\n"
    with pytest.raises(ConfigurationError) as refused:
        migration_from(written(tmp_path, stock + GOOD + both))
    assert "the topics of shop.x_events and shop_x.events have" in str(refused.value)
    alike = '[tables."shop.user_logins"]\n[tables."shop.userlogins"]\n[tables."Shop.orders"]\n'
    assert len(migration_from(written(tmp_path, GOOD + alike)).tables) == 5


def test_a_table_says_what_it_takes(tmp_path: Path) -> None:
    plain = migration_from(written(tmp_path, GOOD))
    assert [table.capacity for table in plain.tables] == [ON_DEMAND, ON_DEMAND]
    said = "capacity = 'provisioned'\nread_units = 100\nwrite_units = 200\nwarm_write_units = 300"
    told = migration_from(written(tmp_path, GOOD.replace("ttl = false", said))).tables[1]
    assert told.capacity == Capacity(Mode.PROVISIONED, 100, 200, 0, 300)


def test_what_only_the_stacks_read_has_defaults_and_is_read(tmp_path: Path) -> None:
    plain = migration_from(written(tmp_path, GOOD))
    assert (plain.deployment.network.vpc_id, plain.deployment.network.source_cidrs) == ("", ())
    assert (plain.deployment.kafka.cluster_arn, plain.deployment.kafka.brokers) == ("", 3)
    assert plain.target.schema == tmp_path / "schema.cql"
    said = "[network]\nvpc_id = 'vpc-1'\nsource_cidrs = ['10.0.0.0/16']\n[kafka]\nbrokers = 6\n"
    told = migration_from(written(tmp_path, said + GOOD)).deployment
    assert (told.network.vpc_id, told.network.source_cidrs) == ("vpc-1", ("10.0.0.0/16",))
    assert told.kafka.brokers == 6


@pytest.mark.parametrize(
    ("good", "bad", "named"),
    [
        ('datacenter = "dc1"', "", "source.datacenter is missing"),
        (
            'datacenter = "dc1"',
            "datacenter = 1",
            "datacenter is a whole number; write a text",
        ),
        ('["10.0.0.1", "10.0.0.2"]', "[]", "source.contact_points must be a list of texts"),
        ('["10.0.0.1", "10.0.0.2"]', "[1]", "source.contact_points must be a list of texts"),
        ('["10.0.0.1", "10.0.0.2"]', '"10.0.0.1"', "source.contact_points is a text; write a list"),
        ('region = "eu-west-1"', "", "target.region is missing"),
        ('region = "eu-west-1"', 'region = "a"\nport = true', "target.port is true or false"),
        (
            'region = "eu-west-1"',
            'region = "a"\nregoin = "b"',
            "target: unknown key regoin; corr",
        ),
        ("[target]", "[targets]", "unknown key targets; correct it"),
        ("[source]", "source = 1\n[elsewhere]", "source must be a table, [source]"),
        ('[tables."shop.orders"]', "[tables.orders]", '"orders": write it as "keyspace.table"'),
        ('[tables."shop.orders"]', '[tables.".orders"]', 'write it as "keyspace.table"'),
        ('[tables."shop.orders"]', '[tables."shop.a.b"]', 'write it as "keyspace.table"'),
        ('[tables."shop.orders"]', '[tables."shop.öre"]', 'write it as "keyspace.table"'),
        ("[source]", "[capture]\ntopic_prefix = 'a b'\n[source]", 'topic_prefix is "a b"; write'),
        ("ttl = false", "ttl = 0", "shop.Visits.ttl is a whole number; write true or false"),
        ("ttl = false", "tll = false", "shop.Visits: unknown key tll"),
        ("ttl = false", "longest_ttl = -2", "shop.Visits.longest_ttl is -2; write -1 to 630720000"),
        ("ttl = false", "ttl = false\nlongest_ttl = 9", "longest_ttl has no meaning beside ttl ="),
        ("[source]", "[extra]\n[source]", "unknown key extra"),
        ("[source]", "[sorce]", "unknown key sorce; correct it"),
        ("ttl = false", "partitions = 0", "shop.Visits.partitions is 0; write a number from 1 on"),
        ("[source]", "[network]\nvpc = 1\n[source]", "network: unknown key vpc"),
        ("[source]", "[network]\nsubnet_ids = []\n[source]", "subnet_ids must be a list of texts"),
        ("[source]", "[kafka]\nbrokers = -1\n[source]", "kafka.brokers is -1"),
        (
            "[source]",
            "[kafka]\nbrokers = '3'\n[source]",
            "brokers is a text; write a whole",
        ),
        ("[source]", "[pipeline]\ngroup = 'a'\n[source]", "pipeline: unknown key group"),
        ("[source]", "[alarms]\ncritical = 'a'\n[source]", "alarms: unknown key critical"),
        ("[source]", "[alarms]\nemails = ['me']\n[source]", 'alarms.emails has "me"; write'),
        ("[source]", "[alarms]\nemails = [7]\n[source]", "alarms.emails must be a list of texts"),
        ("[source]", "[alarms]\nemails = ['a@b.org', 'a@b.org']\n[source]", "different addresses"),
        (
            "[source]",
            "[alarms]\nemails = ['a@b.org']\ncritical_topic_arn = 'a'\nwarning_topic_arn = 'b'"
            "\n[source]",
            "alarms.emails would get nothing",
        ),
        ("[source]", "[alarms]\nmonthly_usd = 9\n[source]", "monthly_usd needs somebody"),
        ("[source]", "[alarms]\nmonthly_usd = -1\n[source]", "alarms.monthly_usd is -1; write 0"),
        ("[source]", "[alarms]\nrunbook_url = '/srv/a'\n[source]", "begins with https://"),
        ("[source]", "[alarms]\nrunbook_url = 'https://a.b/c#d'\n[source]", "without #"),
        (
            '[tables."shop.orders"]',
            '[tables."hintferry.markers"]',
            "is Hintferry's own table; remove it",
        ),
        (
            "[source]",
            "[sweep]\nevery_hours = 121\n[source]",
            "sweep.every_hours is 121; write 0",
        ),
        ("[source]", "[sweep]\nevery_hours = -1\n[source]", "sweep.every_hours is -1; write 0"),
        ("[source]", "[sweep]\nconcurrency = 0\n[source]", "sweep.concurrency is 0"),
        ("[source]", "[sweep]\nconsistency = 'one'\n[source]", 'is "one"; write one of "local_quo'),
        ("[source]", "[sweep]\nrate = 5\n[source]", "sweep: unknown key rate"),
        ("[source]", f"[pipeline]\n{UNRESERVED}[source]", "12 partitions of all topics bound the"),
        (
            "[source]",
            "[kafka]\nmost_storage_gib = 16385\n[source]",
            "is 16385; write 0 to 16384",
        ),
        ("[target]", "[target]\naccount = '12'", 'account is "12"; write the 12 digits of an'),
        (
            "[source]",
            "[security]\nkms_key_arn = 'alias/a'\n[source]",
            "ARN of a key, not",
        ),
        (
            "[source]",
            f"[security]\nkms_key_arn = '{KEY}'\n[source]",
            "is a key of us-east-1,",
        ),
        (
            "[source]",
            "[security]\npermissions_boundary = 'a b'\n[source]",
            "write the name or ARN",
        ),
        ("[source]", "[tags]\n'AWS:x' = 'a'\n[source]", "tags.AWS:x begins with aws:, which AWS"),
        ("[source]", "[tags]\nteam = 5\n[source]", "tags.team is a whole number; write a text"),
        ("[source]", "[tags]\nteam = ''\n[source]", "team has a value of 0 characters; write 1 to"),
        ("[source]", f"[tags]\n{'k' * 129} = 'a'\n[source]", "has a key of 129 characters"),
        ("[source]", f"[tags]\nteam = '{'v' * 257}'\n[source]", "team has a value of 257 charact"),
        ("[source]", '[tags]\nteam = "a\'b"\n[source]', 'team has the value "a\'b"; write letters'),
        (
            "[source]",
            "[tags]\nteam = 'a'\nTeam = 'b'\n[source]",
            "tags.Team is there already; take",
        ),
        ("[source]", "[tags]\n'hintferry:pipeline' = 'b'\n[source]", "pipeline is there already"),
        (
            "[source]",
            f"[tags]\n{FIFTY}[source]",
            "has 50 tags, and AWS takes 50 of a resource, one",
        ),
        ("[source]", "[source", "is not valid TOML"),
        ("ttl = false", "capacity = 'free'", 'capacity is "free"; write "on-demand" or'),
        ("ttl = false", "capacity = 'provisioned'", "give it read_units and write_units"),
        ("ttl = false", "write_units = 5", 'write capacity = "provisioned", or warm_read'),
        ("ttl = false", "warm_write_units = -1", "warm_write_units is -1; write units a second"),
        ("ttl = false", "warm_write_units = 40001", "a table may have 40000; ask AWS for more"),
        (
            '[tables."shop.orders"]',
            "[tables.'shop.orders']\ncapacity = 'provisioned'\nread_units = 1\nwrite_units = 9"
            "\n[tables.'shop.b']\ncapacity = 'provisioned'\nread_units = 1\nwrite_units = 80000",
            "a table may have 40000",
        ),
        (
            '[target]\nendpoint = "cassandra.eu-west-1.amazonaws.com"',
            '[tables."a.b"]\ncapacity = "provisioned"\nread_units = 9\nwrite_units = 7\n'
            '[tables."a.c"]\ncapacity = "provisioned"\nread_units = 9\nwrite_units = 7\n'
            '[target]\nendpoint = "x"\naccount_quota = 13',
            "the tables' read_units are 18 together, the account may have 13",
        ),
        (
            "[source]",
            "[pipeline]\nname = 'Old Shop'\n[source]",
            'pipeline.name is "Old Shop"; write',
        ),
        (DC, f'{DC}\nauth = "kerberos"', 'source.auth is "kerberos"; write one of "none", "pass'),
        (DC, f'{DC}\nauth = "password"', "source.secret_arn is not the whole ARN of a secret"),
        (DC, f'{DC}\nauth = "mtls"\nsecret_arn = "{ARN}"', "source.tls is false; ca_file and"),
        (DC, f'{DC}\nauth = "password"\nsecret_arn = "{ARN[:-7]}"', "source.secret_arn is not"),
        (DC, f'{DC}\nsecret_arn = "{ARN}"', 'source.auth is "none"; write "password" or "mtls"'),
        (DC, f'{DC}\ntls = true\nca_file = "no.pem"', "source.ca_file names no file; put the PEM"),
        (DC, f'{DC}\ntls = true\nca_file = "/a/b"', "source.ca_file is a path; write the name"),
        (DC, f"{DC}\ntls = true\nhost_names = false", "source.host_names is false; it takes a"),
        (DC, f'{DC}\ntls = "yes"', "source.tls is a text; write true or false"),
        (
            "[source]",
            "[groups]\nshop = ['shop.orders']\n[source]",
            "groups.shop is the name of a key",
        ),
        (
            "[source]",
            "[groups]\n'a.b' = ['shop.orders']\n[source]",
            'groups."a.b": write a name of',
        ),
        ("[source]", "[groups]\na = []\n[source]", "groups.a must be a list of texts, not empty"),
        ("[source]", "[groups]\na = 'shop.orders'\n[source]", "groups.a is a text; write a list"),
        ("[source]", "[groups]\na = ['shop.no']\n[source]", "groups.a names shop.no, which is not"),
        (
            "[source]",
            "[groups]\na = ['shop.orders']\nb = ['shop.Visits', 'shop.orders']\n[source]",
            "groups.b names shop.orders, which is in a already; leave it in one of the two",
        ),
        (
            "[source]",
            "[groups]\na = ['shop.orders', 'shop.orders']\n[source]",
            "groups.a names shop.orders, which is in a already; leave it in one",
        ),
        (
            "[source]",
            "[waves]\na = ['shop.no']\n[source]",
            "waves.a names shop.no, which is no table, group or keyspace of the file",
        ),
        (
            "[source]",
            "[waves]\na = ['shop']\nb = ['shop.orders']\n[source]",
            "waves.b names shop.orders, which is in a already; leave it in one of the two",
        ),
        ("[source]", "[waves]\nrest = ['shop']\n[source]", "waves.rest is the wave of all other"),
        ("[source]", "[waves]\nshop = ['shop.orders']\n[source]", "waves.shop is the name of a gr"),
        ("[source]", "[waves]\n'a.b' = ['shop']\n[source]", 'waves."a.b": write a name of'),
        (
            "[source]",
            "[groups]\ng = ['shop.orders', 'shop.Visits']\n[waves]\na = ['shop.orders']\n[source]",
            "waves.a holds a part of the group g only; name g in its place",
        ),
    ],
)
def test_a_bad_file_is_refused_by_name_and_key(
    tmp_path: Path, good: str, bad: str, named: str
) -> None:
    assert good in GOOD
    path = written(tmp_path, GOOD.replace(good, bad))
    with pytest.raises(ConfigurationError) as refused:
        migration_from(path)
    text = str(refused.value).replace(": ", ".")
    assert str(path) in text
    assert named.replace(": ", ".") in text


@pytest.mark.parametrize(
    ("said", "is_heard"),
    [
        ("", False),
        ("critical_topic_arn = 'a'", False),
        ("critical_topic_arn = 'a'\nwarning_topic_arn = 'b'", True),
        ("emails = ['a@b.org']", True),
    ],
)
def test_somebody_hears_of_alarms_or_synth_says_so(
    tmp_path: Path, said: str, is_heard: bool
) -> None:
    migration = migration_from(written(tmp_path, f"{GOOD}\n[alarms]\n{said}\n"))
    assert migration.deployment.alarms.is_heard is is_heard


def test_what_is_no_file_of_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "migration.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"migration.toml is not valid TOML: "):
        migration_from(path)
    with pytest.raises(ConfigurationError, match=f"{tmp_path} cannot be read: Is a directory"):
        migration_from(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not exist; write it with `hintferry init`"):
        migration_from(tmp_path / "migration.toml")


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINTFERRY_CONFIG", str(written(tmp_path, GOOD)))
    assert migration_from_environment().source.datacenter == "dc1"


VARIABLES = [place.variable for place in PLACES]


def test_each_place_is_a_field_of_the_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in PLACES:
        monkeypatch.setenv(place.variable, place.name)
    names = [field.name for field in fields(Queues)]
    assert [place.name for place in PLACES] == names
    assert queues_from_environment() == Queues(*names)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_not_set_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "x")
    monkeypatch.setenv(name, "")
    with pytest.raises(ConfigurationError, match=f"{name} is not set; redeploy the stacks"):
        queues_from_environment()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ttl = false", (False, 0)),
        ("longest_ttl = 0", (True, 0)),
        ("longest_ttl = 86400", (True, 86_400)),
        ("", (True, 600)),
    ],
)
def test_what_is_said_of_ttls_that_cannot_be_read(
    said: str, expected: tuple[bool, int], tmp_path: Path
) -> None:
    migration = migration_from(written(tmp_path, GOOD.replace("ttl = false", said)))
    visits = TableId("shop", "Visits")
    found = migration.settings_of(visits).applied_to(Table(visits, (), longest_ttl=600))
    assert (found.may_expire, found.longest_ttl) == expected
