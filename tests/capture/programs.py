"""Running a small Java program of a test beside the classes of our capture."""

import subprocess
from pathlib import Path

from sandbox.parts import java
from sandbox.parts.cassandra import JVM_OPTIONS
from sandbox.parts.release import agent_options
from tools import places
from tools.compile_capture import NEEDED
from tools.releases import Release


def run(name: str, program: str, release: Release, home: Path) -> str:
    """Compile class `name` of package `hintferry.capture` in `home`, run it; what it printed."""
    source = home / f"{name}.java"
    source.write_text(program)
    jars = [str(release.capture), *places.classpath(release.connector).read_text().split()]
    needed = [jar for jar in jars if jar == str(release.capture) or NEEDED.search(jar)]
    compiler = places.classpath("compiler").read_text().strip()
    options = ["-17", "-nowarn", "-proc:none", "-cp", ":".join(needed), "-d", str(home)]
    _output(str(places.java()), "-jar", compiler, *options, str(source))
    logging = (
        f"-Dlogback.configurationFile=file://{places.ROOT}/sandbox/parts/conf/logback-connector.xml"
    )
    command = java.command(
        release.connector,
        f"hintferry.capture.{name}",
        heap_mb=256,
        options=[*agent_options(release), JVM_OPTIONS, logging],
        extra=[home, release.capture],
    )
    return _output(*command)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
