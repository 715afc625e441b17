"""Print the commands to type for a sandbox that was kept."""

from __future__ import annotations

from pathlib import Path

from sandbox.reach import parts
from sandbox.stack import Stack


def how_to_reach(stack: Stack, logs: Path) -> str:
    """Commands to be typed at the top of the checkout, in a second terminal."""
    keyspaces, aws = stack.target, stack.aws
    cql = ".venv/bin/python -m sandbox.cql"
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

{parts(stack)}
  Function    tail -f {logs}/processor-1.log

Ctrl-C here stops it all and removes its data."""
