"""Describe what only the stacks read of `migration.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hintferry.adapters.config.tags import PIPELINE_TAG, tags_of
from hintferry.adapters.config.toml_section import Section

ALL_ENDPOINTS = ("all",)

_POLICY = re.compile(r"(arn:[\w-]+:iam::(\d{12}|aws):policy/[\w+=,.@/-]+)|[\w+=,.@-]{1,128}")
_KEY_ARN = re.compile(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+")

MOST_STORAGE_GIB = 16_384
"""The most storage of a Standard broker, in GiB."""

_EMAIL = re.compile(r"[\w.+-]{1,64}@([\w-]+\.)+[A-Za-z]{2,24}")
_PAGE = re.compile(r"https://[\w.-]+(:\d+)?/[^\s#<>\"]{0,256}")

MOST_EMAILS = 10
"""AWS Budgets writes to no more."""

MOST_ONE_IN = 1_000_000_000

MOST_USD = 10_000_000

MOST_HOURS = 120
"""Between two sweeps of a table: an alarm on silence looks back seven days at most."""


class Rollout(Enum):
    """Say how a deploy brings new versions of the processor and the replay function into use."""

    CANARY = "canary"
    AT_ONCE = "at_once"


class SweepConsistency(Enum):
    """The replicas of the source that a scheduled sweep asks."""

    LOCAL_QUORUM = "local_quorum"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network of the functions: the VPC `vpc_id`, or a new one where that is empty.

    `source_cidrs` are the addresses of the Cassandra nodes.
    """

    source_cidrs: tuple[str, ...]
    vpc_id: str
    subnet_ids: tuple[str, ...]
    route_table_ids: tuple[str, ...]
    vpc_cidr: str
    availability_zones: tuple[str, ...]
    endpoints: tuple[str, ...]
    """services whose endpoint is made; ALL_ENDPOINTS: all that are needed"""
    endpoint_group_ids: tuple[str, ...]
    """security groups of endpoints that are there already"""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """The MSK cluster `cluster_arn`, or, where that is empty, the size of one of our own."""

    cluster_arn: str
    version: str
    instance: str
    brokers: int
    storage_gib: int
    most_storage_gib: int
    """up to which MSK grows the storage by itself; 0: it does not"""
    dropped: tuple[str, ...]
    """topics that may be deleted"""

    @property
    def is_express(self) -> bool:
        """Return whether the brokers are Express ones, which bring their storage."""
        return self.instance.startswith("express.")


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """The bounds of what runs at once; a new `consumer_group` reads the topics again from their
    start.
    """

    name: str
    consumer_group: str
    concurrency: int
    memory_mb: int
    rollout: Rollout
    validate_one_in: int
    """one settled row in so many is compared on both sides later; 0: none"""
    reserve: bool
    """false: the functions share what the account has for functions without a reservation"""


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """SNS topics that are notified; where one is empty, one is made."""

    critical_topic_arn: str
    warning_topic_arn: str
    emails: tuple[str, ...]
    """addresses that the topics which are made, and the budget, write to"""
    runbook_url: str
    """where a company publishes the page docs/how-to/alarms.md; empty: nowhere"""
    monthly_usd: int
    """the budget of the pipeline; 0: none"""

    @property
    def topic_arns(self) -> tuple[str, str]:
        """Return both topics that are there already, or empty texts."""
        return self.critical_topic_arn, self.warning_topic_arn

    @property
    def is_heard(self) -> bool:
        """Return whether somebody hears of every alarm without a step by hand."""
        return bool(self.emails) or all(self.topic_arns)


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """The schedule of the verify passes that start by themselves; `every_hours` 0: never."""

    every_hours: int
    concurrency: int
    consistency: SweepConsistency
    repair_rate: int
    """hints a second of what is found unequal; 0: none are sent"""


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """Name what a company gives to the stacks; where one is empty, there is none, or one is made.

    `permissions_boundary` is the name or the ARN of a managed policy.
    """

    permissions_boundary: str
    kms_key_arn: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """The part of `migration.toml` that only the stacks read."""

    network: NetworkSettings
    kafka: KafkaSettings
    pipeline: PipelineSettings
    alarms: AlarmSettings
    sweep: SweepSettings
    security: SecuritySettings
    nodes: int
    """Cassandra nodes in the datacenter, each of which reports its health; 0: not told"""
    own_tags: Mapping[str, str]

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of everything that the stacks make."""
        return {PIPELINE_TAG: self.pipeline.name, **self.own_tags}


def deployment_of(file: Section, nodes: int) -> Deployment:
    names = "network", "kafka", "pipeline", "alarms", "sweep", "security"
    network, kafka, pipeline, alarms, sweep, security = sections = [
        file.section(name) for name in names
    ]
    deployment = Deployment(
        _network_of(network),
        _kafka_of(kafka),
        PipelineSettings(
            pipeline.name("name", "hintferry"),
            pipeline.name("consumer_group", "v1"),
            pipeline.count("concurrency", 50),
            pipeline.count("memory_mb", 1769),
            pipeline.choice("rollout", Rollout, Rollout.CANARY),
            pipeline.between("validate_one_in", 0, MOST_ONE_IN, 0),
            pipeline.take("reserve", bool, True),
        ),
        _alarms_of(alarms),
        SweepSettings(
            sweep.between("every_hours", 0, MOST_HOURS, 72),
            sweep.count("concurrency", 8),
            sweep.choice("consistency", SweepConsistency, SweepConsistency.LOCAL_QUORUM),
            sweep.between("repair_rate", 0, 1000, 0),
        ),
        SecuritySettings(
            security.matching("permissions_boundary", _POLICY, "the name or ARN of a policy"),
            security.matching("kms_key_arn", _KEY_ARN, "the ARN of a key, not of an alias"),
        ),
        nodes,
        tags_of(file.section("tags")),
    )
    for section in sections:
        section.refuse_the_rest()
    return deployment


def _network_of(network: Section) -> NetworkSettings:
    return NetworkSettings(
        tuple(network.texts("source_cidrs", [])),
        network.take("vpc_id", str, ""),
        tuple(network.texts("subnet_ids", [])),
        tuple(network.texts("route_table_ids", [])),
        network.take("vpc_cidr", str, "10.42.0.0/16"),
        tuple(network.texts("availability_zones", [])),
        network.any_texts("endpoints", list(ALL_ENDPOINTS)),
        tuple(network.texts("endpoint_group_ids", [])),
    )


def _kafka_of(kafka: Section) -> KafkaSettings:
    return KafkaSettings(
        kafka.take("cluster_arn", str, ""),
        kafka.take("version", str, "3.9.x.kraft"),
        kafka.take("instance", str, "kafka.m7g.large"),
        kafka.count("brokers", 3),
        kafka.count("storage_gib", 250),
        kafka.between("most_storage_gib", 0, MOST_STORAGE_GIB, 0),
        tuple(kafka.texts("dropped", [])),
    )


def _alarms_of(alarms: Section) -> AlarmSettings:
    found = AlarmSettings(
        alarms.take("critical_topic_arn", str, ""),
        alarms.take("warning_topic_arn", str, ""),
        alarms.any_texts("emails", []),
        alarms.matching("runbook_url", _PAGE, "an address that begins with https://, without #"),
        alarms.between("monthly_usd", 0, MOST_USD, 0),
    )
    for one in found.emails:
        wrong = not _EMAIL.fullmatch(one)
        alarms.refuse_if(wrong, "emails", f'has "{one}"; write addresses as name@example.org')
    many = len(set(found.emails)) != len(found.emails) or len(found.emails) > MOST_EMAILS
    alarms.refuse_if(many, "emails", f"must be {MOST_EMAILS} different addresses at most")
    unused = bool(found.emails) and all(found.topic_arns) and not found.monthly_usd
    alarms.refuse_if(
        unused, "emails", "would get nothing: both topics are yours; subscribe there, or remove it"
    )
    unheard = bool(found.monthly_usd) and not found.emails
    alarms.refuse_if(unheard, "monthly_usd", "needs somebody to write to; list emails")
    return found
