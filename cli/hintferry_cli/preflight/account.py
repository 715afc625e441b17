"""Hold the AWS account against what `migration.toml` will ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.config.settings import Migration
from hintferry.core.capacity import Mode
from hintferry_cli.failures import sentence
from hintferry_cli.preflight.finding import Finding, Level
from hintferry_ops.deployed import Part, concurrency, stack_name, zones
from hintferry_ops.fit.account import Account, Caller, Concurrency

UNRESERVED = 100
"""Invocations at once that Lambda keeps for functions that reserve none."""

BOOTSTRAP_VERSION = 6
"""The oldest bootstrap that the CDK deploys these stacks with."""

BROKERS_OF_CLUSTER = "number of brokers per cluster"
BROKERS_OF_KRAFT = "number of brokers per kraft cluster"
BROKERS_OF_ACCOUNT = "number of brokers per account"
TABLES = "max tables per aws region"
READS = "max read throughput per second"
WRITES = "max write throughput per second"
"""Names of quotas in lower case, as the pages of MSK and Keyspaces have them."""

_RAISE = "ask AWS for more in the console of Service Quotas"


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """Check all that `preflight --only account` covers."""

    migration: Migration
    account: Account

    def findings(self) -> Iterator[Finding]:
        """Yield the faults of the account; a question that AWS does not answer is a finding too."""
        try:
            caller = self.account.caller()
        except (BotoCoreError, ClientError) as error:
            yield _unseen("account", error)
            return
        yield from self._caller(caller)
        checks: Mapping[str, Callable[[], Iterator[Finding]]] = {
            "Lambda": self._concurrency,
            "availability zones": self._zones,
            "MSK": self._brokers,
            "Keyspaces": self._tables,
            "CDK": lambda: self._bootstrap(caller),
            "permissions": lambda: self._permissions(caller),
        }
        for where, check in checks.items():
            try:
                yield from check()
            except (BotoCoreError, ClientError) as error:
                yield _unseen(where, error)

    def _caller(self, caller: Caller) -> Iterator[Finding]:
        wanted = self.migration.target.account
        if not wanted:
            yield Finding(
                Level.QUESTION,
                "account",
                f"is {caller.account} in {self.migration.target.region} the right one?",
                f"you are {caller.arn}; set AWS_PROFILE to use another account, and write the right"
                " one as target.account",
            )
        elif wanted != caller.account:
            yield Finding(
                Level.FAULT,
                "account",
                f"target.account is {wanted}, and you are {caller.arn}",
                "set AWS_PROFILE to that account, or give another --config",
            )

    def _concurrency(self) -> Iterator[Finding]:
        found = self.account.concurrency()
        needed = sum(concurrency(self.migration).values())
        if not self.migration.deployment.pipeline.reserve:
            yield from _shared(found, needed)
        elif found.limit - UNRESERVED < needed:
            yield Finding(
                Level.FAULT,
                "Lambda",
                f"runs {found.limit} invocations at once in this account; the functions reserve"
                f" {needed}, and {UNRESERVED} must stay unreserved",
                f"{_RAISE}: AWS Lambda, Concurrent executions, {needed + UNRESERVED} or more; until"
                " then write reserve = false under [pipeline] in migration.toml",
            )
        elif found.unreserved - UNRESERVED < needed:
            yield Finding(
                Level.ADVICE,
                "Lambda",
                f"has {found.unreserved} of {found.limit} invocations at once unreserved; a first"
                f" deploy needs {needed + UNRESERVED}",
                "if these stacks are not deployed yet, lower pipeline.concurrency, or "
                f"{_RAISE}: AWS Lambda, Concurrent executions",
            )

    def _zones(self) -> Iterator[Finding]:
        there = self.account.zones()
        lacking = [zone for zone in zones(self.migration) if zone not in there]
        if lacking:
            some = ", ".join(f'"{zone}"' for zone in there[:3])
            yield Finding(
                Level.FAULT,
                "availability zones",
                f"{', '.join(lacking)} cannot be used by this account; it has {', '.join(there)}",
                f"write availability_zones = [{some}] under [network] in migration.toml",
            )

    def _brokers(self) -> Iterator[Finding]:
        kafka = self.migration.deployment.kafka
        if kafka.cluster_arn:
            return
        quotas = self.account.quotas("kafka")
        kraft = "kraft" in kafka.version or kafka.version[:1] not in "123"
        of_cluster = BROKERS_OF_KRAFT if kraft else BROKERS_OF_CLUSTER
        for name in (of_cluster, BROKERS_OF_ACCOUNT):
            yield from _held("MSK", quotas, name, kafka.brokers, "brokers", "kafka.brokers")

    def _tables(self) -> Iterator[Finding]:
        quotas = self.account.quotas("cassandra")
        tables = self.migration.tables
        yield from _held("Keyspaces", quotas, TABLES, len(tables), "tables", "the tables")
        provisioned = [t.capacity for t in tables if t.capacity.mode is Mode.PROVISIONED]
        reads = max((one.read_units for one in provisioned), default=0)
        writes = max((one.write_units for one in provisioned), default=0)
        for name, units, key in ((READS, reads, "read_units"), (WRITES, writes, "write_units")):
            if units:
                yield from _held("Keyspaces", quotas, name, units, "units a second", key)

    def _bootstrap(self, caller: Caller) -> Iterator[Finding]:
        version = self.account.bootstrap_version()
        if version is None or version < BOOTSTRAP_VERSION:
            region = self.migration.target.region
            there = "is not bootstrapped" if version is None else f"has bootstrap {version}"
            yield Finding(
                Level.FAULT,
                "CDK",
                f"account {caller.account} {there} in {region}; deploying needs"
                f" {BOOTSTRAP_VERSION} or later",
                f'run `make cdk ARGS="bootstrap aws://{caller.account}/{region}"`',
            )

    def _permissions(self, caller: Caller) -> Iterator[Finding]:
        policy = f"OperatorPolicy (output of {stack_name(self.migration, Part.PIPELINE)})"
        for denied in self.account.denied(caller):
            yield Finding(
                Level.FAULT,
                "permissions",
                f"{caller.arn} may not {', '.join(denied.actions)} on {denied.arn}",
                f"attach {policy} to it, or use an identity that has it",
            )


def _shared(found: Concurrency, needed: int) -> Iterator[Finding]:
    """Yield a finding where functions that reserve nothing may find nothing left."""
    if found.unreserved < needed:
        yield Finding(
            Level.ADVICE,
            "Lambda",
            f"has {found.unreserved} invocations at once for all functions that reserve none, and"
            f" pipeline.reserve is false; Hintferry's may run {needed}",
            f"expect throttling, which makes hints wait, or {_RAISE}: AWS Lambda, Concurrent"
            " executions",
        )


def _held(
    where: str, quotas: Mapping[str, float], name: str, needed: int, unit: str, key: str
) -> Iterator[Finding]:
    """Yield a finding where a quota is less than what is needed, or is not told."""
    quota = quotas.get(name)
    if quota is None:
        yield Finding(
            Level.UNKNOWN,
            where,
            f'Service Quotas does not tell "{name}" of this account',
            f"check in the console of Service Quotas that {needed:,} {unit} are allowed",
        )
    elif quota < needed:
        yield Finding(
            Level.FAULT,
            where,
            f'"{name}" is {quota:,.0f} in this account; {key} of migration.toml need {needed:,}',
            f"{_RAISE}, or lower {key}",
        )


def _unseen(where: str, error: BotoCoreError | ClientError) -> Finding:
    return Finding(
        Level.UNKNOWN,
        where,
        sentence(error),
        "run this again with credentials that may ask it",
    )
