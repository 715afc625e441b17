"""`migration.toml` and the environment, read once and checked before the first event."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from hintferry.core.capacity import ON_DEMAND, Capacity, Mode
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId

CONFIG_VARIABLE = "HINTFERRY_CONFIG"
T = TypeVar("T")
E = TypeVar("E", bound=Enum)

TABLE_QUOTA, ACCOUNT_QUOTA = 40_000, 80_000
"""What AWS allows where nobody has asked for more."""

PARTITIONS = 6
"""Of a table's topic, where `migration.toml` does not say."""

MOST_HOURS = 120
"""Between two sweeps of a table: an alarm on silence looks back seven days at most."""


_SECRET_ARN = re.compile(r"arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:\S+-\w{6}")
"""With the six characters that Secrets Manager adds, as a policy must name it."""


class Auth(Enum):
    """How the source lets us in; what it takes lies in a secret."""

    NONE = "none"
    PASSWORD = "password"
    MTLS = "mtls"


class Asked(Enum):
    """Which replicas of the source a scheduled sweep asks."""

    LOCAL_QUORUM = "local_quorum"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """How to reach the Cassandra cluster: some of its nodes, and the datacenter to read.

    `ca_file` None means the certificates that the layer ships; without `host_names` a node may
    have a certificate for any name.
    """

    contact_points: tuple[str, ...]
    port: int
    datacenter: str
    tls: bool = False
    ca_file: Path | None = None
    host_names: bool = True
    auth: Auth = Auth.NONE
    secret_arn: str = ""


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """How to reach Keyspaces; `ca_file` None means the certificates that the layer ships."""

    endpoint: str
    port: int
    region: str
    ca_file: Path | None
    table_quota: int = TABLE_QUOTA
    """units a second that the account allows a table, reads and writes each"""
    account_quota: int = ACCOUNT_QUOTA
    """and all provisioned tables together"""
    schema: Path = Path("schema.cql")
    """CQL that describes the tables, as `DESCRIBE KEYSPACE` prints it; read when stacks are made"""


@dataclass(frozen=True, slots=True)
class TableSettings:
    """One table that is migrated. `ttl` false: it holds no value that expires."""

    id: TableId
    ttl: bool = True
    partitions: int = PARTITIONS
    """of its topic: as many workers can follow it at once"""
    capacity: Capacity = ON_DEMAND


MARKERS = TableSettings(TableId("hintferry", "markers"), partitions=1)
"""Where a backfill writes a row that must come through capture before it begins."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Where the functions run: in the VPC `vpc_id`, or, where that is empty, in one of their own.

    `source_cidrs` are the addresses of the Cassandra nodes.
    """

    source_cidrs: tuple[str, ...]
    vpc_id: str
    subnet_ids: tuple[str, ...]
    route_table_ids: tuple[str, ...]
    vpc_cidr: str
    availability_zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """The MSK cluster `cluster_arn`, or, where that is empty, the size of one of our own."""

    cluster_arn: str
    version: str
    instance: str
    brokers: int
    storage_gib: int


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How much runs at once; a new `consumer_group` reads the topics again from their start."""

    name: str
    consumer_group: str
    concurrency: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """SNS topics that are notified; where one is empty, one is made."""

    critical_topic_arn: str
    warning_topic_arn: str


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """How often each table is verified by itself, and how; `every_hours` 0: never."""

    every_hours: int
    concurrency: int
    consistency: Asked
    repair_rate: int
    """hints a second of what is found unequal; 0: none are sent"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What only the stacks read."""

    network: NetworkSettings
    kafka: KafkaSettings
    pipeline: PipelineSettings
    alarms: AlarmSettings
    sweep: SweepSettings
    nodes: int
    """Cassandra nodes in the datacenter, each of which reports its health; 0: not told"""


@dataclass(frozen=True, slots=True)
class Migration:
    """What `migration.toml` says."""

    source: SourceSettings
    target: TargetSettings
    topic_prefix: str
    stock_connector: bool
    """Whether Debezium's own handler reads the logs, which hints less than ours."""

    tables: tuple[TableSettings, ...]
    deployment: Deployment

    @property
    def followed(self) -> tuple[TableSettings, ...]:
        """The tables with a topic: those that are migrated, and that of the marker rows."""
        return (*self.tables, MARKERS)

    def settings_of(self, table: TableId) -> TableSettings:
        """What the file says of a table; the defaults for one that it does not list."""
        known = {one.id: one for one in self.tables}
        return known.get(table, TableSettings(table))

    def topic(self, table: TableId) -> str:
        """The name that capture gives to the topic of a table."""
        return f"{self.topic_prefix}.{table}"

    def consumer_group(self, table: TableId) -> str:
        """The one in which a table's topic is followed."""
        pipeline = self.deployment.pipeline
        return f"{pipeline.name}-{table}-{pipeline.consumer_group}"

    @property
    def kafka_cluster(self) -> str:
        """The name of the MSK cluster."""
        arn = self.deployment.kafka.cluster_arn
        return arn.split("/")[1] if arn else self.deployment.pipeline.name


@dataclass(frozen=True, slots=True)
class Queues:
    """What the stack made: where records are parked, and where work waits."""

    parked_queue_url: str
    replay_queue_url: str
    bucket: str


def migration_from(path: Path) -> Migration:
    """Read `migration.toml`. Raises ConfigurationError naming file, key and mend."""
    try:
        tree = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; write it with `hintferry init`"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    file = _Section(str(path), tree)
    source, target, capture = (file.section(name) for name in ("source", "target", "capture"))
    tables = file.section("tables")
    deployment = _deployment(file, source.take("nodes", int, 0))
    migration = Migration(
        _source(source, path),
        TargetSettings(
            target.take("endpoint", str),
            target.take("port", int, 9142),
            target.take("region", str),
            _path(target.take("ca_file", str, "")),
            target.count("table_quota", TABLE_QUOTA),
            target.count("account_quota", ACCOUNT_QUOTA),
            path.parent / target.take("schema", str, "schema.cql"),
        ),
        capture.take("topic_prefix", str, "hintferry"),
        capture.take("stock", bool, False),
        tuple(_table(tables, name) for name in tables.names()),
        deployment,
    )
    for section in (source, target, capture, file):
        section.refuse_the_rest()
    _check_quotas(path, migration)
    return migration


def migration_from_environment() -> Migration:
    """The migration that the function was deployed with."""
    return migration_from(Path(_variable(CONFIG_VARIABLE)))


def queues_from_environment() -> Queues:
    """The queues that the function was deployed with."""
    return Queues(
        _variable("HINTFERRY_PARKED_QUEUE_URL"),
        _variable("HINTFERRY_REPLAY_QUEUE_URL"),
        _variable("HINTFERRY_BUCKET"),
    )


def return_after_s_from_environment() -> float:
    """How long an invocation lasts at least that returns records; 0 where nothing is said."""
    name = "HINTFERRY_RETURN_AFTER_S"
    try:
        return float(os.environ.get(name, "0"))
    except ValueError as error:
        raise ConfigurationError(f"{name} is not a number of seconds; deploy again") from error


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"the environment variable {name} is not set; deploy again")
    return value


def source_settings(given: Mapping[str, Any], path: Path) -> SourceSettings:
    """From what a command was given instead of the file at `path`. Raises ConfigurationError."""
    return _source(_Section("source", given), path)


def _source(section: _Section, path: Path) -> SourceSettings:
    """Raises ConfigurationError for options that do not go together too."""
    ca_file = section.take("ca_file", str, "")
    settings = SourceSettings(
        tuple(section.texts("contact_points")),
        section.take("port", int, 9042),
        section.take("datacenter", str),
        section.take("tls", bool, False),
        path.parent / ca_file if ca_file else None,
        section.take("host_names", bool, True),
        section.choice("auth", Auth, Auth.NONE),
        section.take("secret_arn", str, ""),
    )
    section.refuse_if(
        "/" in ca_file, "ca_file", "is a path; write the name of a file beside migration.toml"
    )
    section.refuse_if(
        settings.ca_file is not None and not settings.ca_file.is_file(),
        "ca_file",
        "names no file; put the PEM file of the source's CA beside migration.toml",
    )
    needs_tls = settings.ca_file is not None or settings.auth is Auth.MTLS
    section.refuse_if(
        needs_tls and not settings.tls, "tls", 'is false; ca_file and auth = "mtls" need it true'
    )
    section.refuse_if(
        not settings.host_names and settings.ca_file is None,
        "host_names",
        "is false; it takes a ca_file, or anybody with a certificate could be the source",
    )
    section.refuse_if(
        settings.auth is not Auth.NONE and not _SECRET_ARN.fullmatch(settings.secret_arn),
        "secret_arn",
        "is not the whole ARN of a secret; print it with: aws secretsmanager describe-secret",
    )
    section.refuse_if(
        settings.auth is Auth.NONE and bool(settings.secret_arn),
        "auth",
        'is "none"; write "password" or "mtls" where there is a secret_arn',
    )
    return settings


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _deployment(file: _Section, nodes: int) -> Deployment:
    names = "network", "kafka", "pipeline", "alarms", "sweep"
    network, kafka, pipeline, alarms, sweep = sections = [file.section(name) for name in names]
    deployment = Deployment(
        NetworkSettings(
            tuple(network.texts("source_cidrs", [])),
            network.take("vpc_id", str, ""),
            tuple(network.texts("subnet_ids", [])),
            tuple(network.texts("route_table_ids", [])),
            network.take("vpc_cidr", str, "10.42.0.0/16"),
            tuple(network.texts("availability_zones", [])),
        ),
        KafkaSettings(
            kafka.take("cluster_arn", str, ""),
            kafka.take("version", str, "3.9.x"),
            kafka.take("instance", str, "kafka.m7g.large"),
            kafka.count("brokers", 3),
            kafka.count("storage_gib", 250),
        ),
        PipelineSettings(
            pipeline.name("name", "hintferry"),
            pipeline.name("consumer_group", "v1"),
            pipeline.count("concurrency", 50),
            pipeline.count("memory_mb", 1769),
        ),
        AlarmSettings(
            alarms.take("critical_topic_arn", str, ""), alarms.take("warning_topic_arn", str, "")
        ),
        SweepSettings(
            sweep.between("every_hours", 0, MOST_HOURS, 72),
            sweep.count("concurrency", 8),
            sweep.choice("consistency", Asked, Asked.LOCAL_QUORUM),
            sweep.between("repair_rate", 0, 1000, 0),
        ),
        nodes,
    )
    for section in sections:
        section.refuse_the_rest()
    return deployment


def _table(tables: _Section, name: str) -> TableSettings:
    keyspace, dot, table = name.partition(".")
    if not dot or not keyspace or not table:
        raise ConfigurationError(f'{tables.where}."{name}": write it as "keyspace.table"')
    if keyspace == MARKERS.id.keyspace:
        raise ConfigurationError(f'{tables.where}."{name}" is Hintferry\'s own; take it out')
    section = tables.section(name)
    settings = TableSettings(
        TableId(keyspace, table),
        section.take("ttl", bool, True),
        section.count("partitions", PARTITIONS),
        _capacity(section),
    )
    section.refuse_the_rest()
    return settings


def _capacity(section: _Section) -> Capacity:
    """How the table's capacity is paid for, and how much of it there is."""
    mode = section.take("capacity", str, Mode.ON_DEMAND.value)
    if mode not in [one.value for one in Mode]:
        raise ConfigurationError(
            f'{section.where}.capacity is "{mode}"; write "on-demand" or "provisioned"'
        )
    names = "read_units", "write_units", "warm_read_units", "warm_write_units"
    units = [section.take(name, int, 0) for name in names]
    for name, count in zip(names, units, strict=True):
        if count < 0:
            raise ConfigurationError(f"{section.where}.{name} is {count}; write units a second")
    capacity = Capacity(Mode(mode), *units)
    is_provisioned = capacity.mode is Mode.PROVISIONED
    if is_provisioned and not (capacity.read_units and capacity.write_units):
        raise ConfigurationError(
            f"{section.where} is provisioned; give it read_units and write_units a second"
        )
    if not is_provisioned and (capacity.read_units or capacity.write_units):
        raise ConfigurationError(
            f'{section.where} has read_units or write_units; write capacity = "provisioned", or'
            " warm_read_units and warm_write_units"
        )
    return capacity


def _check_quotas(path: Path, migration: Migration) -> None:
    """Raises ConfigurationError for what the service would refuse when the tables are made."""
    target = migration.target
    for table in migration.tables:
        if table.capacity.most_units > target.table_quota:
            raise ConfigurationError(
                f'{path}: tables."{table.id}" asks for {table.capacity.most_units} units a second,'
                f" a table may have {target.table_quota}; ask AWS for more, then write it as"
                " target.table_quota"
            )
    for name in ("read_units", "write_units"):
        units = sum(getattr(table.capacity, name) for table in migration.tables)
        if units > target.account_quota:
            raise ConfigurationError(
                f"{path}: the tables' {name} are {units} together, the account may have"
                f" {target.account_quota}; ask AWS for more, then write it as target.account_quota"
            )


class _Section:
    """A table of the file from which each key is taken once; what is left over is refused."""

    def __init__(self, where: str, tree: Mapping[str, Any]) -> None:
        self.where = where
        self._tree = dict(tree)

    def names(self) -> list[str]:
        return list(self._tree)

    def section(self, name: str) -> _Section:
        tree = self._tree.pop(name, {})
        if not isinstance(tree, dict):
            raise ConfigurationError(f"{self.where}: {name} must be a table, [{name}]")
        return _Section(f"{self.where}: {name}", tree)

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        value = self._tree.pop(name, default)
        if value is None:
            raise ConfigurationError(f"{self.where}.{name} is missing; it is a {kind.__name__}")
        if type(value) is not kind:
            found = type(value).__name__
            raise ConfigurationError(f"{self.where}.{name} is a {found}; write a {kind.__name__}")
        return value

    def count(self, name: str, default: int) -> int:
        value = self.take(name, int, default)
        if value < 1:
            raise ConfigurationError(f"{self.where}.{name} is {value}; write a number from 1 on")
        return value

    def choice(self, name: str, kinds: type[E], default: E) -> E:
        value = self.take(name, str, default.value)
        try:
            return kinds(value)
        except ValueError as error:
            known = ", ".join(f'"{kind.value}"' for kind in kinds)
            raise ConfigurationError(
                f'{self.where}.{name} is "{value}"; write one of {known}'
            ) from error

    def name(self, name: str, default: str) -> str:
        value = self.take(name, str, default)
        # It becomes part of the names of stacks, queues, groups and logs.
        wrong = not re.fullmatch("[a-z][a-z0-9-]{0,30}", value)
        self.refuse_if(wrong, name, f'is "{value}"; write 1 to 31 of a-z, 0-9, -, a letter first')
        return value

    def refuse_if(self, wrong: bool, name: str, why: str) -> None:
        if wrong:
            raise ConfigurationError(f"{self.where}.{name} {why}")

    def between(self, name: str, least: int, most: int, default: int) -> int:
        value = self.take(name, int, default)
        if not least <= value <= most:
            raise ConfigurationError(f"{self.where}.{name} is {value}; write {least} to {most}")
        return value

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        values = self.take(name, list, default)
        if values is default:
            return values
        if not values or not all(isinstance(value, str) for value in values):
            raise ConfigurationError(f"{self.where}.{name} must be a list of texts, not empty")
        return values

    def refuse_the_rest(self) -> None:
        if self._tree:
            raise ConfigurationError(f"{self.where}: unknown key {', '.join(self._tree)}")
