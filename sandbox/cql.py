"""Run a CQL statement and print what comes back: `python -m sandbox.cql HOST[:PORT] CQL`.

Without CQL it runs the statements of its input. With `--ca` and `--region` it connects as to
Keyspaces, with the usual AWS variables.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import SimpleStatement

from sandbox.parts.endpoints import KeyspacesEndpoint
from sandbox.sessions import any_cassandra_session, keyspaces_session


def main() -> int:
    options = _options()
    try:
        with _session(options) as session:
            for cql in [options.cql] if options.cql else _statements(sys.stdin.read()):
                statement = SimpleStatement(cql, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
                rows = session.execute(statement)
                _show(rows.column_names or [], rows.all())
    except (DriverException, NoHostAvailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _statements(text: str) -> list[str]:
    """Return the statements of a file; each ends with a semicolon at the end of a line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    found = re.split(r";\s*$", "\n".join(lines), flags=re.MULTILINE)
    return [one.strip() for one in found if one.strip()]


def _show(names: list[str], rows: list[tuple[object, ...]]) -> None:
    width = max(map(len, names), default=0)
    for row in rows:
        for name, value in zip(names, row, strict=True):
            print(f"{name:>{width}}  {value}")
        print()
    print(f"{len(rows)} row(s)" if names else "done")


def _session(options: argparse.Namespace) -> AbstractContextManager[Session]:
    host, _, port = options.address.partition(":")
    if not options.ca:
        return any_cassandra_session(host, int(port or 9042))
    return keyspaces_session(
        KeyspacesEndpoint(
            host,
            int(port or 9142),
            options.region,
            options.ca,
            os.environ["AWS_ACCESS_KEY_ID"],
            os.environ["AWS_SECRET_ACCESS_KEY"],
        )
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox.cql", description="Run CQL statements.")
    parser.add_argument("address", help="host, or host:port")
    parser.add_argument("cql", nargs="?", help="the statement, in quotes; else the input's")
    parser.add_argument("--ca", type=Path, help="connect as to Keyspaces, trusting this file")
    parser.add_argument("--region", default="us-east-1")
    # The statement may stand behind the options.
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    sys.exit(main())
