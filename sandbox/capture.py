"""The connector that reads one source node's commit log: ours, or the stock one."""

import re
from pathlib import Path

from sandbox import java, templates
from sandbox.addresses import free_port
from sandbox.cassandra import JVM_OPTIONS, Node, Ring
from sandbox.endpoints import Capture
from sandbox.process import Part

_MAIN = {
    Capture.OURS: "hintferry.capture.CaptureTask",
    Capture.STOCK: "io.debezium.connector.cassandra.CassandraConnectorTask",
}


class Connector(Part):
    """A handle on the connector of one node; its offsets outlive a restart."""

    def __init__(
        self, kind: Capture, ring: Ring, node: Node, kafka: str, prefix: str, home: Path
    ) -> None:
        self._kind = kind
        self.http_port = free_port("127.0.0.1")
        home.mkdir(parents=True, exist_ok=True)
        driver = templates.write(
            "driver.conf", home / "driver.conf", host=node.host, datacenter=ring.datacenter
        )
        properties = templates.write(
            "connector.properties",
            home / "connector.properties",
            prefix=prefix,
            cluster=ring.name,
            cassandra_yaml=node.yaml,
            driver_conf=driver,
            data=home,
            http_port=self.http_port,
            kafka=kafka,
        )
        release = ring.release
        extra = (release.capture,) if kind is Capture.OURS else ()
        self.classes = java.archive(release.connector, extra) if release.archived else None
        command = java.command(
            release.connector,
            _MAIN[kind],
            str(properties),
            heap_mb=256,
            options=[*release.agent, *_options(node, home)],
            extra=extra,
            classes=self.classes,
        )
        name = f"Capture ({kind.value}) on {node.host}"
        ready = "Reading existing commit logs in"
        super().__init__(name, command, home / "log", ready, patience=300)

    def wait_for_table(self, keyspace: str, table: str, seconds: float) -> None:
        """Block until the connector has taken over the schema of a table (plain lower-case names).

        Ours says so in its log once its copy of Cassandra's schema holds the table. The stock one
        overlooks tables that are made together with their keyspace or their types; it knows for
        sure only what it finds at its start, and lists that.
        """
        if self._kind is Capture.STOCK and not self._lists(keyspace, table):
            self.restart()
        known = f"{keyspace}.{table} is known (cdc=true)"
        listed = f"CREATE TABLE {keyspace}.{table} ("
        self.wait_for(re.compile(f"{re.escape(known)}|{re.escape(listed)}"), seconds)

    def _lists(self, keyspace: str, table: str) -> bool:
        return f"CREATE TABLE {keyspace}.{table} (" in self.output()


def _options(node: Node, home: Path) -> list[str]:
    return [
        JVM_OPTIONS,
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={home}",
        f"-Dcassandra.storagedir={node.home}",
        f"-Dcassandra-rackdc.properties=file://{node.rackdc}",
        f"-Dlogback.configurationFile=file://{templates.CONF / 'logback-connector.xml'}",
    ]
