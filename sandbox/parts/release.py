"""Fetch what set-up left out of a Cassandra release; return its connector's JVM options."""

from sandbox.parts.errors import SandboxError
from tools import places
from tools.releases import RELEASES, Release
from tools.setup import set_up_release
from tools.steps import SetupError


def installed(version: str) -> Release:
    """The release of that version, ready to run; SandboxError."""
    release = RELEASES[version]
    try:
        set_up_release(release)
    except SetupError as error:
        raise SandboxError(str(error)) from error
    return release


def agent_options(release: Release) -> list[str]:
    """JVM options of the connector: the agent, where the release has one."""
    jars = places.classpath(release.connector).read_text().split()
    return [f"-javaagent:{jar}" for jar in jars if release.is_agent(jar.rpartition("/")[2])]
