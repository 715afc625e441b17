"""Start a sandbox by hand: `python -m sandbox [--nodes 3] [--capture stock]`; Ctrl-C stops it."""

import argparse
import signal
import sys
from types import FrameType

from sandbox.endpoints import Capture
from sandbox.errors import SandboxError
from sandbox.stack import Stack


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        with Stack(options.nodes, Capture(options.capture), say=print) as stack:
            print(describe(stack), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("stopped")
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def describe(stack: Stack) -> str:
    """How to reach each part, for people."""
    source, target, aws = stack.source, stack.target, stack.aws
    used = sum(stack.memory().values()) / 2**30
    return f"""
Source      Cassandra   {" ".join(source.hosts)} port {source.port} (datacenter {source.datacenter})
Target      Keyspaces   {target.host} port {target.port} ({target.region}), TLS, CA {target.ca_file}
                        key {target.access_key_id} / {target.secret_access_key}
Behind it   Cassandra   {stack.behind.hosts[0]} port {stack.behind.port}
Hints       Kafka       {stack.kafka}, topics {stack.topic_prefix}.KEYSPACE.TABLE
AWS                     {aws.url} ({aws.region}), any key
  parked                {aws.parked_queue_url}
  replay                {aws.replay_queue_url}
  on failure            s3://{aws.bucket}
Logs                    {stack.home}/*/log
Memory                  {used:.1f} GB

Ctrl-C stops it and removes its data."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="The whole chain on one machine.")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="source nodes")
    parser.add_argument("--capture", choices=[c.value for c in Capture], default="ours")
    return parser.parse_args()


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
