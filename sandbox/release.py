"""The releases of Cassandra that the source can be, and what each wants; the target is a 5.0."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from tools import places
from tools.setup import set_up_cassandra4
from tools.steps import SetupError


@dataclass(frozen=True, slots=True)
class Release:
    """`jars` and `connector` are jar lists; `yaml` are the lines that only this release takes.

    Not `archived`: its parts start without a class archive, which neither Java 11 writes nor a JVM
    with an agent.
    """

    version: str
    jars: str
    connector: str
    capture: Path
    java: str
    yaml: str
    archived: bool

    @property
    def agent(self) -> list[str]:
        """JVM options for the connector: 4.1 measures objects by an agent, or fails on Java 17."""
        if self.archived:
            return []
        jars = places.classpath(self.connector).read_text().split()
        return [f"-javaagent:{jar}" for jar in jars if "/jamm-" in jar]


CASSANDRA_5 = Release(
    "5.0",
    jars="cassandra",
    connector="connector",
    capture=places.capture_jar(5),
    java=places.JAVA,
    # What repair streams reaches the log, and so the topics; 4.1 always does so.
    yaml="cdc_on_repair_enabled: true",
    archived=True,
)
CASSANDRA_4 = Release(
    "4.1",
    jars="cassandra4",
    connector="connector4",
    capture=places.capture_jar(4),
    java=places.JAVA_11,
    yaml="",
    archived=False,
)
RELEASES = {release.version: release for release in (CASSANDRA_5, CASSANDRA_4)}


def installed(version: str) -> Release:
    """The release of that version, fetched now where set-up left it out; SandboxError."""
    release = RELEASES[version]
    if release is CASSANDRA_4:
        try:
            set_up_cassandra4()
        except SetupError as error:
            raise SandboxError(str(error)) from error
    return release
