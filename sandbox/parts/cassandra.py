"""One Cassandra of the sandbox: its configuration and its command line."""

import socket
from dataclasses import dataclass
from pathlib import Path

from sandbox.parts import java, templates
from sandbox.parts.addresses import free_port
from sandbox.parts.process import Part
from sandbox.parts.waiting import until
from tools.releases import CASSANDRA_5, Release

PORT = 9042
STORAGE_PORT = 7000
_MAIN = "org.apache.cassandra.service.CassandraDaemon"
_TOKENS_PER_NODE = 4
_HEAP_MB = 512
JVM_OPTIONS = f"@{templates.CONF / 'jvm.options'}"


@dataclass(frozen=True, slots=True)
class Ring:
    """One cluster: its name, its only datacenter, and the addresses of its nodes."""

    name: str
    datacenter: str
    hosts: tuple[str, ...]
    cdc: bool
    release: Release = CASSANDRA_5
    segment: str = "4MiB"
    most_tombstones: int = 100_000

    def tokens(self, host: str) -> str:
        """Evenly spread tokens, given beforehand so that all nodes can start at once."""
        count = _TOKENS_PER_NODE * len(self.hosts)
        its_tokens = range(self.hosts.index(host), count, len(self.hosts))
        return ",".join(str(-(2**63) + (2**64 // count) * k + 1) for k in its_tokens)


class Node(Part):
    """A handle on one Cassandra; its data outlives a restart."""

    def __init__(self, ring: Ring, host: str, home: Path) -> None:
        self.host = host
        self.home = home
        self.jmx_port = free_port("127.0.0.1")
        self.yaml = _write_conf(ring, host, home)
        self.rackdc = home / "rackdc.properties"
        self.release = ring.release
        self.classes = java.archive(ring.release.jars) if ring.release.archived else None
        name = f"Cassandra {host} ({ring.name})"
        ready = "Starting listening for CQL clients"
        super().__init__(name, self._java(), home / "log", ready)

    def wait_ready(self) -> None:
        super().wait_ready()
        # The line comes just before the port is bound.
        until(self._listens, 120, f"{self.name} listens")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, PORT)) == 0

    def _java(self) -> list[str]:
        options = [
            JVM_OPTIONS,
            "-Xss256k",
            "-Djava.net.preferIPv4Stack=true",
            f"-Djava.io.tmpdir={self.home}",
            f"-Dcassandra.config=file://{self.yaml}",
            f"-Dcassandra.storagedir={self.home}",
            f"-Dcassandra.logdir={self.home}",
            f"-Dcassandra-rackdc.properties=file://{self.rackdc}",
            f"-Dlogback.configurationFile=file://{templates.CONF / 'logback-cassandra.xml'}",
            f"-Dcassandra.jmx.local.port={self.jmx_port}",
            "-Dcassandra-foreground=yes",
            "-Dchronicle.analytics.disable=true",
            "-Djdk.attach.allowAttachSelf=true",
            "-Dio.netty.tryReflectionSetAccessible=true",
            "-Dcassandra.ring_delay_ms=1000",
            # A node that missed a change of the schema asks for it after this; else after a minute.
            "-Dcassandra.migration_delay_ms=10000",
            "-Dcassandra.superuser_setup_delay_ms=0",
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        ]
        return java.command(
            self.release.jars,
            _MAIN,
            heap_mb=_HEAP_MB,
            options=options,
            classes=self.classes,
            java=self.release.java,
        )


def _write_conf(ring: Ring, host: str, home: Path) -> Path:
    rackdc = f"dc={ring.datacenter}\nrack=rack{ring.hosts.index(host) + 1}\n"
    home.mkdir(parents=True, exist_ok=True)
    (home / "rackdc.properties").write_text(rackdc)
    return templates.write(
        "cassandra.yaml",
        home / "cassandra.yaml",
        cluster=ring.name,
        num_tokens=_TOKENS_PER_NODE,
        tokens=ring.tokens(host),
        seeds=",".join(ring.hosts),
        host=host,
        data=home,
        cdc=str(ring.cdc).lower(),
        of_the_release=ring.release.yaml,
        segment=ring.segment,
        most_tombstones=str(ring.most_tombstones),
    )
