"""`migration.toml` and the environment, read once and checked before the first event."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hintferry.adapters.config.deployment import Deployment, deployment_of
from hintferry.adapters.config.groups import Group, Wave, groups_of, waves_of
from hintferry.adapters.config.places import PLACES, Queues
from hintferry.adapters.config.source_settings import SourceSettings, source_of
from hintferry.adapters.config.toml_section import Section
from hintferry.adapters.records.topics import LONGEST_PREFIX, NAME, PREFIX, stock_topic_of, topic_of
from hintferry.core.capacity import ON_DEMAND, Capacity, Mode
from hintferry.core.errors import ConfigurationError
from hintferry.core.keyspaces_limits import ACCOUNT_QUOTA, TABLE_QUOTA
from hintferry.core.schema import Table, TableId
from hintferry.core.switches import Workers

CONFIG_VARIABLE = "HINTFERRY_CONFIG"

LONGEST_TTL_S = 630_720_000
"""The longest TTL that Cassandra and Keyspaces take: twenty years."""

NOT_SAID = -1

_ACCOUNT = re.compile(r"\d{12}")

PARTITIONS = 6
"""Partitions of a table's topic, where `migration.toml` gives no number."""


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """The settings of Keyspaces; `ca_file` None means the certificates that the layer ships."""

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
    account: str = ""
    """the only account that the stacks may be deployed to; empty: that of the credentials"""


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """The settings by which a table's topic is polled; only the stacks read them."""

    batch_window_s: int = 1
    """a batch waits so long at most until it is full"""
    batch_size: int = 1000
    least_pollers: int = 1
    most_pollers: int = 0
    """0: one for five partitions, and no more than 20"""


@dataclass(frozen=True, slots=True)
class TableSettings:
    """One table that is migrated. `ttl` false: it holds no value that expires."""

    id: TableId
    ttl: bool = True
    partitions: int = PARTITIONS
    """Partitions of the table's topic: as many workers can follow it at once."""
    capacity: Capacity = ON_DEMAND
    mapping: MappingSettings = MappingSettings()
    longest_ttl: int | None = None
    """Seconds within which a value has expired whose TTL the source does not tell. 0: no value
    expires. None: the table's default TTL counts, if it has one."""
    own_timestamps: bool = False
    """Whether the application gives its writes times of its own (`USING TIMESTAMP`)."""

    def applied_to(self, table: Table) -> Table:
        """Return the table with what is said of its TTLs in place of its default TTL."""
        if not self.ttl:
            return replace(table, may_expire=False, longest_ttl=0)
        return table if self.longest_ttl is None else replace(table, longest_ttl=self.longest_ttl)


@dataclass(frozen=True, slots=True)
class CutoverSettings:
    """The facts that only an operator knows of a cutover; the command reads them."""

    clock_skew_ms: int = 1000
    """Milliseconds that the clock of a host of the application may be behind the target's."""

    tombstones_kept: bool = False
    """Whether the acceptance run showed that Keyspaces keeps the tombstones of rows that were
    absent, and of elements that an overwritten collection did not have."""


MARKERS = TableSettings(TableId("hintferry", "markers"), partitions=1)
"""The table in which a backfill writes a row that must come through capture before it begins."""


@dataclass(frozen=True, slots=True)
class Migration:
    """The contents of `migration.toml`."""

    source: SourceSettings
    target: TargetSettings
    topic_prefix: str
    stock_connector: bool
    """Whether Debezium's own handler reads the logs; it sends fewer hints than Hintferry's."""

    tables: tuple[TableSettings, ...]
    deployment: Deployment
    waves: tuple[Wave, ...] = field(default=(), kw_only=True)
    """The order in which the tables are migrated. Each table is in one."""

    groups: tuple[Group, ...] = ()
    """Tables that are cut over together."""
    cutover: CutoverSettings = CutoverSettings()

    def group_of(self, table: TableId) -> Group | None:
        """Return the group that holds the table, or None."""
        return next((one for one in self.groups if table in one.tables), None)

    @property
    def followed(self) -> tuple[TableSettings, ...]:
        """Return the tables with a topic: the migrated ones. For the stock connector, the markers'
        too: it cannot read them, so a marker row shows that capture works.
        """
        return (*self.tables, MARKERS) if self.stock_connector else self.tables

    def settings_of(self, table: TableId) -> TableSettings:
        """Return the settings of a table; the defaults for one that the file does not list."""
        known = {one.id: one for one in self.tables}
        return known.get(table, TableSettings(table))

    @property
    def pipeline(self) -> str:
        """Return the name of the pipeline."""
        return self.deployment.pipeline.name

    @property
    def most_workers(self) -> int:
        """Return how many functions may follow topics at once."""
        return self.deployment.pipeline.concurrency

    def workers(self, table: TableId) -> Workers:
        """Return how many functions may follow the table's topic at once, and all topics."""
        most = self.most_workers
        partitions = {one.id: one.partitions for one in self.followed}
        return Workers(min(partitions.get(table, PARTITIONS), most), most)

    def topic(self, table: TableId) -> str:
        """The name that capture gives to the topic of a table."""
        named = stock_topic_of if self.stock_connector else topic_of
        return named(self.topic_prefix, table)

    def consumer_group(self, table: TableId) -> str:
        """The one in which a table's topic is followed."""
        pipeline = self.deployment.pipeline
        return f"{pipeline.name}-{table}-{pipeline.consumer_group}"

    @property
    def kafka_cluster(self) -> str:
        """The name of the MSK cluster."""
        arn = self.deployment.kafka.cluster_arn
        return arn.split("/")[1] if arn else self.deployment.pipeline.name


def migration_from(path: Path) -> Migration:
    """Read `migration.toml`. Raises ConfigurationError naming file, key and fix."""
    file = Section(str(path), _tree(path))
    source, target, capture = (file.section(name) for name in ("source", "target", "capture"))
    waves = file.section("waves")
    tables, groups = file.section("tables"), file.section("groups")
    cutover = file.section("cutover")
    deployment = deployment_of(file, source.take("nodes", int, 0))
    # A section whose name is misspelt, before the keys that it should have had are missed.
    file.refuse_the_rest()
    listed = tuple(_table(tables, name) for name in tables.names())
    migration = Migration(
        source_of(source, path),
        TargetSettings(
            target.take("endpoint", str),
            target.take("port", int, 9142),
            target.take("region", str),
            _path(target.take("ca_file", str, "")),
            target.count("table_quota", TABLE_QUOTA),
            target.count("account_quota", ACCOUNT_QUOTA),
            path.parent / target.take("schema", str, "schema.cql"),
            target.matching("account", _ACCOUNT, "the 12 digits of an account"),
        ),
        _topic_prefix(capture),
        capture.take("stock", bool, False),
        listed,
        deployment,
        groups_of(groups, [one.id for one in listed]),
        _cutover(cutover),
    )
    for section in (source, target, capture, cutover):
        section.refuse_the_rest()
    known = [one.id for one in listed]
    migration = replace(migration, waves=waves_of(waves, known, migration.groups))
    _check_quotas(path, migration)
    _check_topics(path, migration)
    _check_key(path, migration)
    _check_concurrency(path, migration)
    _check_validation(path, migration)
    return migration


def _cutover(section: Section) -> CutoverSettings:
    return CutoverSettings(
        section.between("clock_skew_ms", 0, 60_000, 1000),
        section.take("tombstones_kept", bool, False),
    )


def _tree(path: Path) -> dict[str, Any]:
    """Return what the file holds. Raises ConfigurationError."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; write it with `hintferry init`"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}; check its permissions"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}; correct it there") from error


def migration_from_environment() -> Migration:
    """The migration that the function was deployed with."""
    return migration_from(Path(_variable(CONFIG_VARIABLE)))


def queues_from_environment() -> Queues:
    """The queues that the function was deployed with."""
    return Queues(*(_variable(place.variable) for place in PLACES))


def version_from_environment() -> dict[str, str]:
    """Return which function this is and which version of it, as Lambda says."""
    names = {"function": "AWS_LAMBDA_FUNCTION_NAME", "version": "AWS_LAMBDA_FUNCTION_VERSION"}
    return {name: _variable(variable) for name, variable in names.items()}


def return_after_s_from_environment() -> float:
    """Return how long an invocation lasts at least that returns records; 0 where nothing is
    said.
    """
    name = "HINTFERRY_RETURN_AFTER_S"
    try:
        return float(os.environ.get(name, "0"))
    except ValueError as error:
        raise ConfigurationError(
            f"{name} is not a number of seconds; redeploy the stacks to restore it"
        ) from error


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(
            f"the environment variable {name} is not set; redeploy the stacks to set it"
        )
    return value


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _table(tables: Section, name: str) -> TableSettings:
    keyspace, dot, table = name.partition(".")
    if not dot or not NAME.fullmatch(keyspace) or not NAME.fullmatch(table):
        raise ConfigurationError(
            f'{tables.where}."{name}": write it as "keyspace.table", names as Cassandra has them'
        )
    if keyspace == MARKERS.id.keyspace:
        raise ConfigurationError(f'{tables.where}."{name}" is Hintferry\'s own table; remove it')
    section = tables.section(name)
    ttl = section.take("ttl", bool, True)
    settings = TableSettings(
        TableId(keyspace, table),
        ttl,
        section.count("partitions", PARTITIONS),
        _capacity(section),
        _mapping(section),
        _longest_ttl(section, ttl),
        section.take("own_timestamps", bool, False),
    )
    section.refuse_the_rest()
    return settings


def _mapping(section: Section) -> MappingSettings:
    settings = MappingSettings(
        section.between("batch_window_s", 0, 300, 1),
        section.between("batch_size", 1, 10_000, 1000),
        section.between("least_pollers", 1, 200, 1),
        section.between("most_pollers", 0, 2000, 0),
    )
    too_few = 0 < settings.most_pollers < settings.least_pollers
    section.refuse_if(too_few, "most_pollers", "is lower than least_pollers; write more")
    return settings


def _topic_prefix(capture: Section) -> str:
    prefix = capture.take("topic_prefix", str, "hintferry")
    if not PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f'{capture.where}.topic_prefix is "{prefix}"; write up to {LONGEST_PREFIX} letters,'
            " digits, '.', '_' and '-'"
        )
    return prefix


def _longest_ttl(section: Section, ttl: bool) -> int | None:
    longest = section.between("longest_ttl", NOT_SAID, LONGEST_TTL_S, NOT_SAID)
    if longest == NOT_SAID:
        return None
    why = "has no meaning beside ttl = false; take one of the two out"
    section.refuse_if(not ttl, "longest_ttl", why)
    return longest


def _capacity(section: Section) -> Capacity:
    """Return how the table's capacity is paid for, and how much of it there is."""
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


def _check_topics(path: Path, migration: Migration) -> None:
    """Raises ConfigurationError for two topics of which Kafka would refuse the second.

    The stock connector names topics so; the names of Hintferry's connector never collide.
    """
    taken: dict[str, TableId] = {}
    for table in migration.followed:
        # In the names of Kafka's metrics `.` is `_`.
        other = taken.setdefault(migration.topic(table.id).replace(".", "_"), table.id)
        if other != table.id:
            raise ConfigurationError(
                f"{path}: the topics of {other} and {table.id} have the same metric name in Kafka;"
                f" remove stock = true, or migrate {table.id} after {other} was cut over"
            )


def _check_concurrency(path: Path, migration: Migration) -> None:
    """Raises ConfigurationError where nothing would keep the processor to its concurrency."""
    pipeline = migration.deployment.pipeline
    # A partition has one invocation at once.
    most = sum(table.partitions for table in migration.followed)
    if not pipeline.reserve and most > pipeline.concurrency:
        raise ConfigurationError(
            f"{path}: pipeline.reserve is false, so that only the {most} partitions of all topics"
            f" bound the invocations at once; write pipeline.concurrency = {most}, or fewer"
            " partitions for the tables"
        )


def _check_validation(path: Path, migration: Migration) -> None:
    """Raises ConfigurationError where nobody could tell that no hint is on its way."""
    if migration.stock_connector and migration.deployment.pipeline.validate_one_in:
        raise ConfigurationError(
            f"{path}: pipeline.validate_one_in needs watermarks, and the stock connector has none;"
            " remove it, or remove capture.stock"
        )


def _check_key(path: Path, migration: Migration) -> None:
    """Raises ConfigurationError for a key that no service of the target's Region can use."""
    arn = migration.deployment.security.kms_key_arn
    if arn and arn.split(":")[3] != migration.target.region:
        raise ConfigurationError(
            f"{path}: security.kms_key_arn is a key of {arn.split(':')[3]}, and target.region is"
            f" {migration.target.region}; name a key of that Region"
        )


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
