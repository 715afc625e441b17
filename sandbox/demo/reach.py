"""How to reach each part of a sandbox that was kept, in words that can be typed."""

from __future__ import annotations

from pathlib import Path

from sandbox.endpoints import CqlEndpoint
from sandbox.stack import Stack
from sandbox.workload import TABLES


def how_to_reach(stack: Stack, logs: Path) -> str:
    """Commands to be typed at the top of the checkout, in a second terminal."""
    keyspaces, aws = stack.target, stack.aws
    cql = ".venv/bin/python -m sandbox.cql"
    topics = ", ".join(f"{stack.topic_prefix}.{table}" for table in TABLES)
    row = "WHERE sensor = 'sensor-01' AND day = '2026-11-22'"
    return f"""
Everything goes on running. In a second terminal, at the top of this checkout:

  Change something on the source ...
    {cql} {stack.source.hosts[0]} \\
      "UPDATE shop.readings SET unit = 'K' {row}"
  ... and see it on the target a moment later:
    {cql} {stack.behind.hosts[0]} \\
      "SELECT unit, at, value FROM shop.readings {row} LIMIT 1"

  Read through keyspaces-local, as an application would, with TLS and SigV4:
    export AWS_ACCESS_KEY_ID={keyspaces.access_key_id}
    export AWS_SECRET_ACCESS_KEY={keyspaces.secret_access_key}
    {cql} {keyspaces.host}:{keyspaces.port} \\
      --ca {keyspaces.ca_file} --region {keyspaces.region} \\
      "SELECT customer, placed, state, total FROM shop.orders LIMIT 3"

  See what is parked (the same keys, or any others, will do):
    export AWS_ENDPOINT_URL={aws.url} AWS_DEFAULT_REGION={aws.region}
    .venv/bin/python -c "import boto3; print(boto3.client('sqs').receive_message( \\
      QueueUrl='{aws.parked_queue_url}'))"

  Source      Cassandra at {_places(stack.source)}, no password
  Target      keyspaces-local at {keyspaces.host}:{keyspaces.port},
              the Cassandra behind it at {_places(stack.behind)}
  Hints       Kafka at {stack.kafka}, topics {topics}
  AWS         {aws.url}
  Function    tail -f {logs}/processor-1.log
  Other logs  ls {stack.home}/*/log

Ctrl-C here stops it all and removes its data."""


def _places(endpoint: CqlEndpoint) -> str:
    return ", ".join(f"{host}:{endpoint.port}" for host in endpoint.hosts)
