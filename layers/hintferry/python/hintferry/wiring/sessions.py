"""Sessions with both sides, the clock that both set, and clients of AWS."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from struct import pack
from typing import Any

import boto3
import certifi
from botocore.config import Config
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    LoadBalancingPolicy,
    RoundRobinPolicy,
)

from hintferry.adapters.clocks.both_sides import CqlClocks
from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import Migration, TargetSettings
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.driver.raw_rows import rows_as_they_are
from hintferry.adapters.driver.session import COMMON_OPTIONS, CqlSession
from hintferry.adapters.source.captures import CqlCaptures
from hintferry.adapters.source.login import SourceLogin
from hintferry.adapters.target.sigv4 import KeyspacesAuthProvider
from hintferry.core.errors import Side
from hintferry.core.limits import AWS_RETRY, REQUEST_TIMEOUT_S

DROP_WHAT_IS_UNSENT = (socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
"""Closing a connection ends what it still had to send."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The sessions with source and target, and the clock that both set."""

    source: CqlSession
    target: CqlSession
    clock: MeasuredClock

    def close(self) -> None:
        """Close the sessions."""
        self.source.close()
        self.target.close()


def sides_of(migration: Migration) -> Sides:
    """Return both sides of a migration. Nothing is connected yet."""
    source, target = source_session(migration.source), target_session(migration.target)
    own = WallClock()
    clocks = CqlClocks(source, target, migration.source.datacenter, own)
    return Sides(source, target, MeasuredClock(own, clocks))


def captures_of(migration: Migration, sides: Sides) -> CqlCaptures:
    """Return what tells how nodes capture tables."""
    datacenter, is_stock = migration.source.datacenter, migration.stock_connector
    return CqlCaptures(sides.source, datacenter, is_stock, sides.clock, migration.topic)


def client(service: str, region: str | None = None) -> Any:
    """A client that tells soon that its service is away: an invocation has no minutes to wait."""
    config = Config(
        connect_timeout=2,
        read_timeout=REQUEST_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": AWS_RETRY.attempts},
    )
    return boto3.client(service, region_name=region, config=config)


def source_session(settings: SourceSettings) -> CqlSession:
    """A session with the Cassandra cluster, read in one datacenter only."""
    # A secret may lie in another Region than the function.
    region = settings.secret_arn.split(":")[3] if settings.secret_arn else None
    login = SourceLogin(settings, lambda: client("secretsmanager", region))

    def build() -> Cluster:
        return Cluster(
            settings.contact_points,
            port=settings.port,
            execution_profiles=_profile(DCAwareRoundRobinPolicy(settings.datacenter)),
            **login.options(),
            **COMMON_OPTIONS,
        )

    return CqlSession(Side.SOURCE, build, login.renew)


def target_session(settings: TargetSettings, login: boto3.Session | None = None) -> CqlSession:
    """A session with Keyspaces: TLS with host names verified, SigV4 with the role's credentials.

    `login` has other credentials than those that boto3 finds.
    """

    def build() -> Cluster:
        context = ssl.create_default_context(cafile=str(settings.ca_file or certifi.where()))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return Cluster(
            [settings.endpoint],
            port=settings.port,
            ssl_context=context,
            ssl_options={"server_hostname": settings.endpoint},
            auth_provider=KeyspacesAuthProvider(
                login or boto3.Session(region_name=settings.region)
            ),
            execution_profiles=_profile(RoundRobinPolicy()),
            sockopts=[DROP_WHAT_IS_UNSENT],
            **COMMON_OPTIONS,
        )

    return CqlSession(Side.TARGET, build)


def _profile(balancing: LoadBalancingPolicy) -> dict[Any, ExecutionProfile]:
    """The driver never retries: a write of a list, sent twice at one time, doubles it."""
    return {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(
            load_balancing_policy=balancing,
            retry_policy=FallthroughRetryPolicy(),
            request_timeout=REQUEST_TIMEOUT_S,
            row_factory=rows_as_they_are,
        )
    }
