"""Capture refuses a node whose writes wait for the commit log: their hints would come too soon.

Seen running with `periodic_commitlog_sync_lag_block: 1ms`: 110 of 600 rows were read before they
could be seen, and never arrived.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.parts.capture import Connector
from sandbox.parts.cassandra import Ring
from sandbox.parts.endpoints import Capture
from sandbox.parts.errors import PartFailed
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

SAFE = "commitlog_sync: periodic\ncommitlog_sync_period: 100ms\n"
LAG = "periodic_commitlog_sync_lag_block: 15s\n"
UNSAFE = {
    "batch": ("commitlog_sync: batch\n", "Set commitlog_sync: periodic in cassandra.yaml"),
    "lag": (SAFE, "once a sync of the commit log takes 150 ms"),
}


@dataclass(frozen=True, slots=True)
class OtherYaml:
    """A node of the sandbox under another configuration file."""

    host: str
    home: Path
    yaml: Path
    rackdc: Path


@pytest.mark.parametrize("how", UNSAFE)
def test_a_node_whose_writes_wait_for_the_log_is_refused(
    how: str, stack: Stack, tmp_path: Path
) -> None:
    lines, sentence = UNSAFE[how]
    node = stack.source_nodes[0]
    text = node.yaml.read_text()
    assert SAFE in text
    assert LAG in text
    other = tmp_path / "cassandra.yaml"
    other.write_text(text.replace(LAG, "").replace(SAFE, lines))
    ring = Ring("source", stack.source.datacenter, stack.source.hosts, True, stack.release)
    connector = Connector(
        Capture.OURS,
        ring,
        cast(Any, OtherYaml(node.host, tmp_path, other, node.rackdc)),
        stack.kafka,
        stack.topic_prefix,
        tmp_path / "capture",
    )
    try:
        with pytest.raises(PartFailed):
            connector.start()
    finally:
        connector.kill()
    assert sentence in connector.output()
