"""The names of Kafka topics: one for each table, told apart by construction.

Kafka refuses a topic whose name is another's where `.` and `_` are one letter, as in the names of
its metrics. Keyspaces and tables have ASCII letters, digits and `_`. So a keyspace without `_` ends
at the first `.`, and one with `_` ends at a `-`, which no name holds.

Twin of `node/capture/hintferry/capture/Topics.java`.
"""

from __future__ import annotations

import re

from hintferry.core.schema import TableId

LONGEST_TOPIC = 249
LONGEST_NAME = 48
"""The longest name of a keyspace or a table that Cassandra takes, in characters."""

LONGEST_PREFIX = LONGEST_TOPIC - 2 * (LONGEST_NAME + 1)
NAME = re.compile(rf"\w{{1,{LONGEST_NAME}}}", re.ASCII)
PREFIX = re.compile(rf"[\w.-]{{1,{LONGEST_PREFIX}}}", re.ASCII)


def topic_of(prefix: str, table: TableId) -> str:
    """Return the name of the topic into which our capture writes the hints of a table."""
    mark = "-" if "_" in table.keyspace else "."
    return f"{prefix}.{table.keyspace}{mark}{table.name}"


def stock_topic_of(prefix: str, table: TableId) -> str:
    """Return the name that Debezium gives the topic, and that Hintferry gave it in earlier
    releases.
    """
    return f"{prefix}.{table}"


def table_of(topic: str) -> str:
    """Return the table of a topic of either form, as `keyspace.table`."""
    *_, keyspace, name = topic.replace("-", ".").split(".")
    return f"{keyspace}.{name}"
