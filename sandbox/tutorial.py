"""The sandbox of docs/tutorial.md: `python -m sandbox.tutorial`; Ctrl-C stops it.

It has a shop on a Cassandra that is not captured yet, and a Keyspaces that has none of its tables.
Between them is what the stacks of AWS would be: topics, functions, event sources, figures. The
commands of the tutorial do the rest, in the environment that is written to
`build/tutorial/environment`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import Any
from uuid import UUID

from cassandra.concurrent import execute_concurrent_with_args

from sandbox.chain import Chain
from sandbox.function import processor_environment
from sandbox.parts.errors import SandboxError
from sandbox.parts.kafka import create_topics
from sandbox.reach import parts
from sandbox.reports import Reports
from sandbox.services.event_source import EventSourceError
from sandbox.services.lambda_runtime import FunctionInitError
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from tools import places

FOLDER = places.BUILD / "tutorial"
TABLES = ("shop.orders", "shop.readings")
_DDL = (
    "CREATE TABLE shop.orders (customer uuid, month text, placed timestamp, number int, state text,"
    " total decimal, credit decimal static, PRIMARY KEY ((customer, month), placed, number))",
    "CREATE TABLE shop.readings (sensor text, day date, taken timestamp, value double,"
    " PRIMARY KEY ((sensor, day), taken))",
)
_FIRST = datetime(2026, 11, 1, tzinfo=UTC)
_ORDER = (
    "INSERT INTO shop.orders (customer, month, placed, number, state, total)"
    " VALUES (?, ?, ?, ?, 'open', ?)"
)
_READING = "INSERT INTO shop.readings (sensor, day, taken, value) VALUES (?, ?, ?, ?)"

_ENVIRONMENT = """\
export PATH={programs}:$PATH
{exports}
on_source() {{ python -m sandbox.cql "$SOURCE_HOST" "$@"; }}
on_target() {{ python -m sandbox.cql "$TARGET_HOST" "$@" --ca "$TARGET_CA" --region $AWS_REGION; }}
"""


def main() -> int:
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        with _running() as stack:
            print(f"\n{parts(stack)}\n\nready: {FOLDER / 'environment'}; Ctrl-C stops it all")
            sys.stdout.flush()
            signal.pause()
    except KeyboardInterrupt:
        print("stopped")
    except (SandboxError, EventSourceError, FunctionInitError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextmanager
def _running() -> Iterator[Stack]:
    environment = FOLDER / "environment"
    environment.unlink(missing_ok=True)
    with Stack(say=print) as stack:
        with cassandra_session(stack.source) as cql:
            _open_shop(cql, stack.replication)
        create_topics(stack.kafka, map(stack.topic, TABLES))
        with (
            Chain(stack, TABLES, stack.home / "functions", on_failure=True) as chain,
            Reports(stack, chain, stack.home / "guards"),
        ):
            FOLDER.mkdir(parents=True, exist_ok=True)
            environment.write_text(_environment(stack, stack.home / "functions"))
            yield stack


def _open_shop(cql: Any, replication: str) -> None:
    """Tables as they are before anybody thinks of leaving, and what is in them."""
    cql.execute(f"CREATE KEYSPACE shop WITH replication = {replication}")
    for statement in _DDL:
        cql.execute(statement)
    execute_concurrent_with_args(cql, cql.prepare(_ORDER), list(_orders()))
    execute_concurrent_with_args(cql, cql.prepare(_READING), list(_readings()))


def _orders() -> Iterator[tuple[object, ...]]:
    for number in range(200):
        placed = _FIRST + timedelta(hours=3 * number)
        yield UUID(int=number % 20), f"{placed:%Y-%m}", placed, number, Decimal(number * 5)


def _readings() -> Iterator[tuple[object, ...]]:
    for number in range(500):
        taken = _FIRST + timedelta(minutes=10 * number)
        yield f"sensor-{number % 5}", taken.date(), taken, number / 10


def _environment(stack: Stack, directory: Path) -> str:
    """Return the shell file: the deployed functions' variables, and the addresses of both sides."""
    variables = processor_environment(stack, directory) | {
        "AWS_DEFAULT_REGION": stack.aws.region,
        "SOURCE_HOST": stack.source.hosts[0],
        "SOURCE_DATACENTER": stack.source.datacenter,
        "TARGET_HOST": stack.target.host,
        "TARGET_CA": str(stack.target.ca_file),
    }
    del variables["HINTFERRY_CONFIG"]
    return _ENVIRONMENT.format(
        programs=quote(str(places.COMMAND.parent)),
        exports="\n".join(f"export {name}={quote(value)}" for name, value in variables.items()),
    )


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
