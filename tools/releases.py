"""The releases of Cassandra that a source can be: the one table of them. Standard library only.

Another release: a row here, its jar lists in `tools/jars`, `node/capture/cassandraN`, and the
versions in `node/install/install.py`, which runs without this file.
"""

from dataclasses import dataclass
from pathlib import Path

from tools import places


@dataclass(frozen=True)
class Release:
    """`version` is what the sandbox runs; `serves` are the nodes' that its connector reads.

    `jars` and `connector` are lists in `tools/jars`. `java` is the list with the Java of its
    server. `yaml` are the lines that only this release takes.
    """

    version: str
    serves: tuple[str, ...]
    jars: str
    connector: str
    java: str
    yaml: str = ""
    agent: str = ""
    """the jar that measures objects for the connector, which fails without it on Java 17"""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def capture(self) -> Path:
        """Our capture, compiled for its connector."""
        return places.BUILD / f"capture{self.major}.jar"

    @property
    def capture_sources(self) -> list[Path]:
        """Return the sources of every release, and those of only this one."""
        return [places.CAPTURE_SOURCES / name for name in ("hintferry", f"cassandra{self.major}")]

    @property
    def archived(self) -> bool:
        """False: its parts start without a class archive, which neither Java 11 writes nor a JVM
        with an agent."""
        return not self.agent

    def is_agent(self, jar: str) -> bool:
        """True for the jar, by its name, that the connector's JVM loads as its agent."""
        return bool(self.agent) and jar.startswith(f"{self.agent}-")


CASSANDRA_5 = Release(
    "5.0",
    serves=("5.0",),
    jars="cassandra",
    connector="connector",
    java="java",
    # What repair streams reaches the log, and so the topics; 4.1 always does so.
    yaml="cdc_on_repair_enabled: true",
)
CASSANDRA_4 = Release(
    "4.1",
    serves=("4.0", "4.1"),
    jars="cassandra4",
    connector="connector4",
    java="java11",
    agent="jamm",
)
DEFAULT = CASSANDRA_5
RELEASES = {release.version: release for release in (CASSANDRA_5, CASSANDRA_4)}

NODE_JARS = (*(release.connector for release in RELEASES.values()), "msk")
"""The jar lists of what runs on a node."""

NODE_JAVA = {"x86_64": "java", "aarch64": "java21"}
"""The list of the Java wheel for each machine: of 17 there is none for aarch64."""
