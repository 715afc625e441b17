"""Tell people how to reach each part of a running sandbox."""

from __future__ import annotations

from sandbox.parts.endpoints import CqlEndpoint
from sandbox.stack import Stack


def parts(stack: Stack) -> str:
    """A line or more a part."""
    source, target, aws = stack.source, stack.target, stack.aws
    used = sum(stack.memory().values()) / 2**30
    return f"""\
  Source      Cassandra at {_places(source)} (datacenter {source.datacenter}), no password
  Target      keyspaces-local at {target.host}:{target.port} ({target.region}),
              TLS, CA {target.ca_file},
              key {target.access_key_id} / {target.secret_access_key}
  Behind it   Cassandra at {_places(stack.behind)}
  Hints       Kafka at {stack.kafka}, topics {stack.topic("KEYSPACE.TABLE")}
  AWS         {aws.url} ({aws.region}), any key
    parked      {aws.parked_queue_url}
    replay      {aws.replay_queue_url}
    on failure  s3://{aws.bucket}
  Logs        ls {stack.home}/*/log
  Memory      {used:.1f} GB"""


def _places(endpoint: CqlEndpoint) -> str:
    return ", ".join(f"{host}:{endpoint.port}" for host in endpoint.hosts)
