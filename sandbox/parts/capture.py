"""The connector that reads one source node's commit log: Hintferry's, or the stock one."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.parts import java, templates
from sandbox.parts.addresses import free_port
from sandbox.parts.cassandra import JVM_OPTIONS, Node, Ring
from sandbox.parts.endpoints import Capture
from sandbox.parts.process import Part
from sandbox.parts.release import agent_options
from sandbox.parts.waiting import until

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
        self._state = home / "offsets" / "capture_state.json"
        self.http_port = free_port("127.0.0.1")
        home.mkdir(parents=True, exist_ok=True)
        driver = templates.write(
            "driver.conf",
            home / "driver.conf",
            host=node.host,
            datacenter=ring.datacenter,
            schema="true" if kind is Capture.STOCK else "false",
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
            options=[*agent_options(release), *_options(node, home)],
            extra=extra,
            classes=self.classes,
        )
        name = f"Capture ({kind.value}) on {node.host}"
        ready = "Reading existing commit logs in"
        super().__init__(name, command, home / "log", ready)

    def wait_for_table(self, keyspace: str, table: str, seconds: float) -> None:
        """Block until the connector knows a table; for the stock one a plain lower-case name.

        Hintferry's connector says in its state that it captures the table, or why not. The stock
        one overlooks tables that are made together with their keyspace or their types. It knows for
        sure only what it finds at its start, and lists that.
        """
        if self._kind is Capture.OURS:
            knows = partial(self.knows, keyspace, table)
            until(knows, seconds, f"{self.name} knows {keyspace}.{table}")
            return
        listed = f"CREATE TABLE {keyspace}.{table} ("
        if listed not in self.output():
            self.restart()
        self.wait_for(re.compile(re.escape(listed)), seconds)

    def state(self) -> dict[str, Any]:
        """Return the state that our capture wrote; empty before it first did."""
        try:
            state: dict[str, Any] = json.loads(self._state.read_text())
        except FileNotFoundError:
            return {"tables": []}
        return state

    def knows(self, keyspace: str, table: str) -> bool:
        """Return whether our capture knows a table with cdc."""
        listed = self.state()["tables"]
        return any((one["keyspace"], one["table"]) == (keyspace, table) for one in listed)


def _options(node: Node, home: Path) -> list[str]:
    return [
        JVM_OPTIONS,
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={home}",
        f"-Dcassandra.storagedir={node.home}",
        f"-Dcassandra-rackdc.properties=file://{node.rackdc}",
        f"-Dlogback.configurationFile=file://{templates.CONF / 'logback-connector.xml'}",
    ]
