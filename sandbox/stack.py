"""The sandbox as one context manager: start every part, say how to reach it, stop it.

    with Stack(nodes=1) as stack:
        stack.create_tables("CREATE KEYSPACE ...", "CREATE TABLE ... WITH cdc = true")

Two stacks can run side by side. No process outlives its stack, however that ends.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from hintferry.adapters.records.topics import stock_topic_of, topic_of
from hintferry.core.schema import TableId
from sandbox import tables
from sandbox.parts import aws as aws_part
from sandbox.parts import cassandra, kafka, keyspaces, memory
from sandbox.parts.addresses import Block, claim
from sandbox.parts.capture import Connector
from sandbox.parts.cassandra import Node, Ring
from sandbox.parts.endpoints import AwsEndpoint, Capture, CqlEndpoint, KeyspacesEndpoint
from sandbox.parts.kafka import Broker
from sandbox.parts.keyspaces import Keyspaces
from sandbox.parts.process import Part
from tools import places
from tools.releases import CASSANDRA_5, Release

REGION = "us-east-1"
_KAFKA, _AWS, _TARGET, _KEYSPACES, _SOURCE = 1, 2, 3, 4, 11
_CQL = (cassandra.PORT, cassandra.STORAGE_PORT)
_PORTS = (
    *((_KAFKA, port) for port in (kafka.PORT, kafka.CONTROLLER_PORT)),
    (_AWS, aws_part.PORT),
    *((_KEYSPACES, port) for port in (keyspaces.PORT, keyspaces.CONTROL_PORT)),
    *((_TARGET, port) for port in _CQL),
    *((_SOURCE + node, port) for node in range(3) for port in _CQL),
)


class Stack:
    """Endpoints and handles are there from `start` (or `with`) on.

    `nodes` is 1 or 3, `release` the source's Cassandra. `root` holds a folder for each running
    sandbox (default: `build/sandbox`). `say` gets a line as each part becomes ready. Errors are
    `SandboxError`s.
    """

    topic_prefix = "hintferry"
    source: CqlEndpoint
    target: KeyspacesEndpoint
    behind: CqlEndpoint
    kafka: str
    aws: AwsEndpoint
    source_nodes: tuple[Node, ...]
    captures: tuple[Connector, ...]
    broker: Broker
    target_node: Node
    keyspaces: Keyspaces
    aws_server: aws_part.Aws
    home: Path

    def __init__(
        self,
        nodes: int = 1,
        capture: Capture = Capture.OURS,
        release: Release = CASSANDRA_5,
        root: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._nodes = nodes
        self._capture = capture
        self.release = release
        self._root = root or places.BUILD / "sandbox"
        self._say = say
        self.longest_ttls: dict[str, int] = {}
        """The longest TTL of each table (`keyspace.table`), for the chains that are made."""
        self.validate_one_in = 0
        """One settled row in so many is validated, in the chains that are made; 0: none."""
        self.created: dict[str, None] = {}
        """The tables (`keyspace.table`) that were created here, in order."""
        self._block: Block | None = None
        self._parts: tuple[Part, ...] = ()

    @property
    def replication(self) -> str:
        """The replication of a source keyspace with a copy on every node, as CQL."""
        return f"{{'class': 'NetworkTopologyStrategy', '{self.source.datacenter}': {self._nodes}}}"

    def topic(self, table: str) -> str:
        """The topic of a table, `keyspace.table`, as this capture names it."""
        keyspace, _, name = table.partition(".")
        named = topic_of if self._capture is Capture.OURS else stock_topic_of
        return named(self.topic_prefix, TableId(keyspace, name))

    def create_tables(self, *ddl: str) -> None:
        """Run DDL on the source; return when no write to its captured tables can be missed.

        Captured are the tables WITH cdc = true: each gets its topic, and every connector knows it.
        """
        nodes = self.source_nodes
        self.created |= dict.fromkeys(tables.named(ddl))
        tables.create(self.source, nodes, self.kafka, self.topic, self.captures, ddl)

    def memory(self) -> dict[str, int]:
        """Resident bytes by the name of the part."""
        return {part.name: part.memory() for part in self._parts}

    def start(self) -> Self:
        memory.check(self._nodes)
        self._block = claim(_PORTS)
        try:
            self._make_parts(self._block)
            self._start_parts()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every process and remove the data. Harmless when it is not running."""
        for part in self._parts:
            _end(part)
        self._parts = ()
        if self._block is not None:
            shutil.rmtree(self.home, ignore_errors=True)
            self._block.release()
            self._block = None

    def _make_parts(self, block: Block) -> None:
        self.home = self._root / str(block.number)
        # What a sandbox that was killed left behind.
        shutil.rmtree(self.home, ignore_errors=True)
        hosts = tuple(block.address(_SOURCE + i) for i in range(self._nodes))
        ring = Ring("source", "datacenter1", hosts, cdc=True, release=self.release)
        # Keyspaces reads past any number of deleted rows.
        behind = Ring(
            "target", REGION, (block.address(_TARGET),), cdc=False, most_tombstones=2**31 - 1
        )
        self.source = CqlEndpoint(hosts, cassandra.PORT, ring.datacenter)
        self.behind = CqlEndpoint(behind.hosts, cassandra.PORT, REGION)
        self.broker = Broker(block.address(_KAFKA), self.home / "kafka")
        self.kafka = self.broker.bootstrap
        self.source_nodes = tuple(Node(ring, host, self.home / f"source-{host}") for host in hosts)
        self.target_node = Node(behind, behind.hosts[0], self.home / "target")
        self.captures = tuple(
            Connector(
                self._capture, ring, node, self.kafka, self.topic_prefix,
                self.home / f"capture-{node.host}",
            )
            for node in self.source_nodes
        )  # fmt: skip
        self.aws_server = aws_part.Aws(block.address(_AWS), REGION, self.home / "aws")
        self.aws = self.aws_server.endpoint
        self.keyspaces = Keyspaces(
            block.address(_KEYSPACES),
            f"{behind.hosts[0]}:{cassandra.PORT}",
            REGION,
            self.home / "keyspaces",
        )
        first = (*self.source_nodes, self.broker, self.target_node, self.aws_server)
        self._parts = (*self.captures, self.keyspaces, *first)

    def _start_parts(self) -> None:
        began = time.monotonic()

        def ready(part: Part) -> None:
            part.wait_ready()
            self._say(f"{time.monotonic() - began:5.1f} s  {part.name}")

        for part in (*self.source_nodes, self.broker, self.target_node, self.aws_server):
            part.spawn()
        for node, capture in zip(self.source_nodes, self.captures, strict=True):
            ready(node)
            capture.spawn()
        ready(self.target_node)
        self.keyspaces.spawn()
        for part in (self.broker, self.aws_server, *self.captures, self.keyspaces):
            ready(part)
        self.target = self.keyspaces.endpoint
        if self._nodes > 1:
            tables.wait_for_ring(self.source)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _end(part: Part) -> None:
    """Stop the part at once, unless it still has its class archive to write."""
    classes = getattr(part, "classes", None)
    if classes is not None and not classes.known and part.alive:
        part.stop()
        classes.keep()
    part.kill()
